#include "cli/release.hpp"

#include <filesystem>
#include <iostream>
#include <utility>

#include "campaign/campaign.hpp"
#include "campaign/exit_codes.hpp"
#include "cli/policies.hpp"
#include "reports/wording.hpp"
#include "store/store.hpp"

namespace lastcall::cli {
namespace {

// Where the baseline is that the policy or the user names; empty if neither does.
std::string baseline_of(const GateQuestion& question, const GatePolicy& policy) {
  if (!question.baseline.empty()) return question.baseline;
  if (!policy.regression || policy.regression->baseline.empty()) return {};
  const auto folder = std::filesystem::path(question.policy).parent_path();
  return (folder / policy.regression->baseline).string();
}

}  // namespace

void add_gate_options(CLI::App& command, GateQuestion& question) {
  command
      .add_option("--baseline", question.baseline,
                  "Results to compare with, if the policy has [regression]")
      ->option_text("RESULTS");
  command
      .add_option("--today", question.today,
                  "The day by which known failures expire (default: this one, UTC)")
      ->check(is_day)
      ->option_text("DATE");
}

std::optional<GateResult> gate_of(const ChosenCampaign& head, const GateQuestion& question,
                                  int& exit_code) {
  const auto policy = load_policy(question.policy);
  if (!policy) {
    exit_code = exit_codes::kUsage;
    return std::nullopt;
  }
  if (!question.baseline.empty() && !policy->regression) {
    std::cerr << "lastcall: --baseline: " << reports::printable(question.policy)
              << " does not ask for one: add [regression]\n";
    exit_code = exit_codes::kUsage;
    return std::nullopt;
  }
  std::optional<ChosenCampaign> base;
  if (const auto place = baseline_of(question, *policy); !place.empty()) {
    base = load_results(place, std::nullopt, exit_code);
    if (!base) return std::nullopt;
  }
  return gate(*policy,
              {.head = head.summary,
               .stopped_by_its_results = head.stored.start.stops_by_its_results,
               .not_ended = head.not_ended(),
               .baseline = base ? &base->summary : nullptr,
               .today = question.today.empty() ? utc_now().substr(0, 10) : question.today});
}

std::optional<reports::Release> release_of(const ChosenCampaign& head, const GateQuestion& question,
                                           const std::string& store, int& exit_code) {
  reports::Release release;
  if (!question.policy.empty()) {
    release.policy = question.policy;
    release.gate = gate_of(head, question, exit_code);
    if (!release.gate) return std::nullopt;
  }
  if (store.empty()) return release;
  auto opened = Store::open_to_read(store);
  if (!opened) {
    std::cerr << "lastcall: " << reports::printable(opened.error().message) << "\n";
    exit_code = opened.error().of_the_user ? exit_codes::kUsage : exit_codes::kBroken;
    return std::nullopt;
  }
  auto past = opened->before(head.stored.start, kMostPast);
  if (!past) {
    std::cerr << "lastcall: " << reports::printable(past.error().message()) << "\n";
    exit_code = exit_codes::kBroken;
    return std::nullopt;
  }
  release.past = std::move(*past);
  return release;
}

}  // namespace lastcall::cli

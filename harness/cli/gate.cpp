// lastcall gate RESULTS: whether results are good enough for a policy.
#include <filesystem>
#include <iostream>
#include <memory>

#include "base/file.hpp"
#include "campaign/campaign.hpp"
#include "campaign/exit_codes.hpp"
#include "cli/chosen_campaign.hpp"
#include "cli/commands.hpp"
#include "cli/policies.hpp"
#include "gate/gate.hpp"
#include "reports/gate.hpp"

namespace lastcall::cli {
namespace {

struct GateArguments {
  std::string results;
  std::string policy;
  std::string baseline;
  std::string today;
  std::optional<std::int64_t> campaign;
  bool json = false;
  bool all = false;
};

// Where the baseline is that the policy or the command line names; empty if neither does.
std::string baseline_of(const GateArguments& arguments, const GatePolicy& policy) {
  if (!arguments.baseline.empty()) return arguments.baseline;
  if (!policy.regression || policy.regression->baseline.empty()) return {};
  const auto folder = std::filesystem::path(arguments.policy).parent_path();
  return (folder / policy.regression->baseline).string();
}

int gate_results(const GateArguments& arguments) {
  const auto policy = load_policy(arguments.policy);
  if (!policy) return exit_codes::kUsage;
  if (!arguments.baseline.empty() && !policy->regression) {
    std::cerr << "lastcall: --baseline: " << arguments.policy
              << " does not ask for one: add [regression]\n";
    return exit_codes::kUsage;
  }
  int wrong = exit_codes::kHeld;
  const auto head = load_results(arguments.results, arguments.campaign, wrong);
  if (!head) return wrong;
  std::optional<ChosenCampaign> base;
  if (const auto place = baseline_of(arguments, *policy); !place.empty()) {
    base = load_results(place, std::nullopt, wrong);
    if (!base) return wrong;
  }
  const auto result =
      gate(*policy, {.head = head->summary,
                     .stopped_by_its_results = head->stored.start.stops_by_its_results,
                     .not_ended = head->not_ended(),
                     .baseline = base ? &base->summary : nullptr,
                     .today = arguments.today.empty() ? utc_now().substr(0, 10) : arguments.today});
  const int code = exit_code_of(result);
  std::cout << (arguments.json ? reports::gate_json(result, code)
                               : reports::gate_text(result, arguments.all));
  return code;
}

}  // namespace

void add_gate(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<GateArguments>();
  auto* command = app.add_subcommand("gate", "Say whether results are good enough for a policy");
  command->add_option("results", arguments->results, "A results directory, or a store")
      ->required()
      ->option_text("RESULTS");
  command->add_option("--policy", arguments->policy, "The policy (TOML)")
      ->required()
      ->option_text("FILE");
  command
      ->add_option("--baseline", arguments->baseline,
                   "Results to compare with, if the policy has [regression]")
      ->option_text("RESULTS");
  command
      ->add_option("--campaign", arguments->campaign,
                   "Which campaign of a store (default: the last)")
      ->option_text("ID");
  command
      ->add_option("--today", arguments->today,
                   "The day by which known failures expire (default: this one, UTC)")
      ->check(is_day)
      ->option_text("DATE");
  command->add_flag("--all", arguments->all, "Print the checks that passed, too");
  command->add_flag("--json", arguments->json, "Print as JSON");
  command->footer(
      "A policy says for each property and scenario how often it may fail, and how sure that must\n"
      "be; which scenarios must be there; which failures are known:\n"
      "  [gate]\n"
      "  fails_at_most = \"1 %\"\n"
      "  confidence = \"95 %\"\n"
      "\n"
      "Exit code 0: passed; 1: failed; 3: not settled, and how many more clean trials would settle "
      "it.");
  command->callback([arguments, &context] { context.exit_code = gate_results(*arguments); });
}

}  // namespace lastcall::cli

// `store_cost STORE SHARD SHARDS TRIALS`: a results store with that part of a campaign of TRIALS
// trials, as lastcall leaves one. For stores.py.
#include <iostream>
#include <optional>
#include <string>

#include "base/text.hpp"
#include "campaign/summary.hpp"
#include "scenario/properties.hpp"
#include "store/store.hpp"

namespace lastcall {
namespace {

constexpr const char* kScenario = R"(about = "many trials"
[target]
command = ["server", "{port}"]
ready = { log = "ready" }
stop = { signal = "SIGTERM", deadline = "2s" }
[[clients]]
name = "users"
url = "http://127.0.0.1:{port}/"
[[faults]]
what = "stop"
when = { phase = "load", at = "50ms" }
)";
// One trial in as many fails.
constexpr std::uint32_t kFails = 50;
// As large as a plan.json is.
constexpr std::size_t kPlanBytes = 4000;

int fail(const std::string& what) {
  std::cerr << what << "\n";
  return 1;
}

StoredTrial trial_of(std::uint32_t number) {
  TrialSummary trial;
  trial.number = trial.trial = number;
  trial.seed = number * 0x9E3779B97F4A7C15U;
  trial.duration = std::chrono::milliseconds(600 + number % 100);
  trial.stop = std::chrono::milliseconds(20 + number % 30);
  trial.clients = trial.connections = 12;
  trial.stop_moment = {Phase::load, std::chrono::milliseconds(number % 50)};
  const bool fails = number % kFails == 0;
  for (const auto& property : kProperties) {
    if (property.name == property::PromptExit::kName) continue;  // judged over the campaign
    const bool is_it = fails && property.name == property::CleanExit::kName;
    trial.verdicts.push_back({.property = std::string(property.name),
                              .outcome = is_it ? Outcome::fail : Outcome::pass,
                              .judged = 1 + number % 9,
                              .reason = is_it ? "exited with 5, and should with 0" : ""});
  }
  return {.scenario = 0,
          .trial = std::move(trial),
          .plan = fails ? std::string(kPlanBytes, ' ') : std::string()};
}

int run(const std::string& file, Shard shard, std::uint32_t trials) {
  auto store = Store::open_to_write(file);
  if (!store) return fail(store.error().message);
  const auto campaign =
      store->begin({.run = "run-" + std::to_string(shard.number),
                    .started_utc = "2026-01-31T12:00:00Z",
                    .seed = 7,
                    .lastcall_version = "0.1.0",
                    .results = "results",
                    .machine = R"({"name": "ci-)" + std::to_string(shard.number) + R"("})",
                    .writer = "gone",
                    .shard = shard,
                    .scenarios = {{.file = "many.toml",
                                   .text = kScenario,
                                   .hash = sha256(kScenario),
                                   .planned = trials,
                                   .target_build = "server build-id 0123abcd",
                                   .target_version = ""}}});
  if (!campaign) return fail(campaign.error().message());
  bool any_fails = false;
  for (auto number = shard.number; number <= trials; number += shard.of) {
    any_fails = any_fails || number % kFails == 0;
    if (const auto added = store->add(*campaign, trial_of(number)); !added)
      return fail(added.error().message());
  }
  const auto ended = store->end(*campaign, {.ended_utc = "2026-01-31T13:00:00Z",
                                            .duration = std::chrono::hours(1),
                                            .exit_code = any_fails ? 1 : 0});
  if (!ended) return fail(ended.error().message());
  store->leave_alone();
  return 0;
}

}  // namespace
}  // namespace lastcall

int main(int argc, char** argv) {
  using lastcall::parse_number;
  const auto number = [&](int i) {
    return i < argc ? parse_number<std::uint32_t>(argv[i]) : std::optional<std::uint32_t>();
  };
  if (argc != 5 || !number(2) || !number(3) || !number(4))
    return lastcall::fail("usage: store_cost STORE SHARD SHARDS TRIALS");
  return lastcall::run(argv[1], {*number(2), *number(3)}, *number(4));
}

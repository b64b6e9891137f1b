// A small campaign that contains every outcome.
#pragma once

#include <string_view>
#include <vector>

#include "campaign/summary.hpp"
#include "scenario/scenario.hpp"

namespace lastcall::testing {

inline CampaignSummary every_outcome() {
  using enum Outcome;
  CampaignSummary campaign{.lastcall_version = "0.1.0",
                           .started_utc = "2026-01-31T12:00:00Z",
                           .seed = 42,
                           .duration = std::chrono::seconds(12),
                           .interrupted = false,
                           .results = "my results",
                           .scenarios = {},
                           .exit_code = 4};
  ScenarioSummary scenario;
  scenario.scenario = "scenarios/chat.toml";
  scenario.about = "A chat server | with *users*";
  scenario.planned = 4;
  const auto trial = [&](std::uint32_t number, Outcome clean_exit, Outcome in_flight) {
    TrialSummary t;
    t.scenario = scenario.scenario;
    t.number = number;
    t.seed = 18446744073709551615U;
    t.duration = std::chrono::milliseconds(1500);
    t.verdicts = {
        {.property = "serves", .outcome = pass, .judged = 40},
        {.property = "clean-exit", .outcome = clean_exit, .judged = 1},
        {.property = "in-flight-finished", .outcome = in_flight},
        {.property = "released", .outcome = not_applicable},
    };
    for (const auto* beside : {"stops-accepting", "drains-health", "notify", "watchdog",
                               "repeat-signal", "acked-durable", "recovers", "checkpoint-intact",
                               "log-complete", "prompt-exit", "config-effective", "overhead"}) {
      t.verdicts.push_back({.property = beside,
                            .outcome = not_applicable,
                            .reason = "the scenario does not ask for it"});
    }
    t.verdicts[4].reason = "nobody came in the drain: add [[clients]]";
    if (clean_exit == fail) {
      t.directory = "trial-" + std::to_string(number);
      t.verdicts[1].reason = "exit 1 after SIGTERM <\x01&\xFF>";
      t.verdicts[1].evidence_text = {"{}"};
    }
    if (in_flight == unknown) t.verdicts[2].reason = "events of clients-0 were lost: cut off";
    return t;
  };
  scenario.trials = {trial(1, pass, not_applicable), trial(2, fail, not_applicable),
                     trial(3, pass, unknown), TrialSummary{}};
  scenario.trials[3].number = 4;
  scenario.trials[3].broken = "cannot lease a port";
  Scenario wanted;
  wanted.properties["no-panic"].judged = false;
  wanted.properties["no-panic"].why = "it logs tracebacks";
  wanted.properties["watchdog"].configured = true;
  wanted.required = {"released"};
  summarise(scenario, wanted);
  // The reports are pinned with these; a property that is new does not change them.
  constexpr std::string_view kPinned =
      " serves no-panic no-masked-panic clean-exit deadline no-send-on-closed in-flight-finished "
      "close-handshake released stops-accepting drains-health notify watchdog repeat-signal "
      "acked-durable recovers checkpoint-intact log-complete prompt-exit config-effective "
      "overhead ";
  std::erase_if(scenario.properties, [&](const PropertySummary& property) {
    return kPinned.find(" " + property.name + " ") == std::string_view::npos;
  });
  campaign.scenarios = {scenario};
  return campaign;
}

}  // namespace lastcall::testing

// What is known of a release beyond one campaign: what a policy says of it, and what earlier
// campaigns found. Each prints what is wrong, sets the exit code for it and gives nothing then. One
// thread.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <optional>
#include <string>

#include "cli/chosen_campaign.hpp"
#include "gate/gate.hpp"
#include "reports/release.hpp"

namespace lastcall::cli {

// As many campaigns as a trend shows.
inline constexpr std::size_t kMostPast = 20;

struct GateQuestion {
  std::string policy{};    // its file
  std::string baseline{};  // results; empty: those that the policy names
  std::string today{};     // "2026-12-31"; empty: this day, UTC
};

// --baseline and --today.
void add_gate_options(CLI::App& command, GateQuestion& question);

std::optional<GateResult> gate_of(const ChosenCampaign& head, const GateQuestion& question,
                                  int& exit_code);

// `store`: the file with the earlier campaigns; empty: no trend. Without a policy, no gate.
std::optional<reports::Release> release_of(const ChosenCampaign& head, const GateQuestion& question,
                                           const std::string& store, int& exit_code);

}  // namespace lastcall::cli

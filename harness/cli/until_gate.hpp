// `run --until-gate`: ends a campaign once its gate is settled. One thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "campaign/campaign.hpp"
#include "gate/gate_watch.hpp"

namespace lastcall::cli {

// Where neither a number of trials nor a time is said: a target that fails just as often as is
// allowed is never settled.
inline constexpr std::uint32_t kMostUntilGate = 10'000;

class UntilGate {
 public:
  // Prints what is wrong with the policy, or why no campaign of these scenarios can pass it, and
  // gives nothing then.
  static std::optional<UntilGate> with(const std::string& policy,
                                       const std::vector<LoadedScenario>& scenarios);

  void add(std::size_t scenario, const TrialSummary& trial) { watch_.add(scenario, trial); }
  [[nodiscard]] bool needs_more(std::size_t scenario) const { return watch_.needs_more(scenario); }

  // What the gate says of the whole campaign.
  [[nodiscard]] GateResult judge(const CampaignSummary& campaign) const;
  // Writes that to gate.json in its results directory, and prints the text if it is to. Returns the
  // exit code: that of a campaign that was interrupted or broke, else the gate's.
  static int finish(const CampaignSummary& campaign, const GateResult& result, bool prints);

 private:
  UntilGate(GatePolicy policy, const CampaignSummary& scenarios);

  GatePolicy policy_;
  GateWatch watch_;
};

}  // namespace lastcall::cli

// Watches a campaign and says when its gate is settled, so that it runs no more trials than the
// policy needs. Its bounds hold at every moment (gate/sequential.hpp), so stopping early costs
// nothing of the confidence. Trials count in the order in which they began: one that fails often
// takes longer, and if quick ones counted first, a campaign could stop before the slow ones are
// heard. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gate/gate.hpp"

namespace lastcall {

class GateWatch {
 public:
  // `scenarios`: without trials, but with what they judge (summarise()).
  GateWatch(const GatePolicy& policy, const CampaignSummary& scenarios, std::string today);

  // A trial that ended. Its number counts from 1 without a gap, over all scenarios.
  void add(std::size_t scenario, const TrialSummary& trial);

  // Whether another trial of the scenario can still change what the gate says: false once all that
  // it has to show is shown, once anything has failed, or can no longer pass.
  [[nodiscard]] bool needs_more(std::size_t scenario) const;

 private:
  void count(std::size_t scenario, const TrialSummary& trial);

  GatePolicy policy_;
  std::string today_;
  struct Watched {
    std::vector<Tally> tallies;
    std::uint64_t trials = 0;
    Standing standing = Standing::not_settled;
    bool is_hopeless = false;  // no number of trials settles it
  };
  void judge(Watched& watched) const;

  std::vector<Watched> scenarios_;
  struct Ended {
    std::size_t scenario;
    TrialSummary trial;
  };
  std::map<std::uint32_t, Ended> waiting_;  // for trials that began earlier, by number
  std::uint32_t counted_ = 0;               // trials, the first of the campaign
};

}  // namespace lastcall

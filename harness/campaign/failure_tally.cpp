#include "campaign/failure_tally.hpp"

namespace lastcall {

bool count(FailureTally& tally, const TrialResult& result) {
  if (!result.broken.empty()) {
    tally.broken = result.broken;
    return false;
  }
  bool hit = false;
  std::string unclear;
  for (const auto& verdict : result.verdicts) {
    const bool counts = tally.wanted.empty() || tally.wanted.contains(verdict.property);
    const bool is_open =
        counts && (verdict.outcome == Outcome::unknown ||
                   (!tally.wanted.empty() && verdict.outcome == Outcome::not_applicable));
    if (is_open && unclear.empty()) unclear = verdict.property + ": " + verdict.reason;
    if (verdict.outcome != Outcome::fail) continue;
    ++tally.failures[verdict.property];
    const bool is_cause = verdict.consequence_of.empty();
    if (counts && (tally.first_reason.empty() || (is_cause && !tally.first_is_cause))) {
      tally.first_reason = verdict.property + ": " + verdict.reason;
      tally.first_is_cause = is_cause;
    }
    hit = hit || counts;
  }
  if (!hit && !unclear.empty()) {
    if (++tally.unknown == 1) tally.first_unknown = unclear;
    return false;
  }
  ++tally.judged;
  if (hit) ++tally.came_back;
  return hit;
}

}  // namespace lastcall

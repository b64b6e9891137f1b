// checkpoint-intact: whatever the moment of the end, each checkpoint file reads back whole.
//
// An item is one file. Judged are copies made after the end and before the restart: the bytes that
// the kernel had, so a power cut, which loses what was not synced, is not seen. Cannot see whether
// what reads back is the newest state, or the right one. That there is no such file fails only
// after a stop that the target had time for: before its first checkpoint there is none.
#include <csignal>

#include "checkers/checkers.hpp"
#include "checkers/judging.hpp"

namespace lastcall::checkers {
namespace {

constexpr std::string_view kProperty = "checkpoint-intact";
constexpr std::string_view kMissing = "no such file";

bool had_time_for_a_checkpoint(const History& history) {
  return history.first<TargetReady>() && !no_stop_to_judge(history) &&
         !lastcall_sent(history, SIGKILL);
}

std::string why_unknown(const History& history) {
  for (const auto& [i, missed] : history.all<NotObserved>()) {
    if (missed->property == kProperty) return missed->reason;
  }
  return "";
}

}  // namespace

Verdict checkpoint_intact(const Plan& plan, const History& history) {
  Verdict verdict{.property = std::string(kProperty)};
  verdict.reason = not_asked(plan, kProperty);
  if (!verdict.reason.empty()) return verdict;
  const bool must_exist = had_time_for_a_checkpoint(history);
  std::string problems;
  bool is_missing = false;
  for (const auto& [i, file] : history.all<CheckpointInspected>()) {
    if (file->problem == kMissing && !must_exist) {
      is_missing = true;
      continue;
    }
    ++verdict.judged;
    if (file->problem.empty()) continue;
    problems += (problems.empty() ? "" : "; ") + file->path + ": " + file->problem;
    verdict.evidence.push_back(i);
  }
  if (!problems.empty()) {
    verdict.outcome = Outcome::fail;
    verdict.reason = problems;
  } else if (verdict.reason = why_unknown(history); !verdict.reason.empty()) {
    verdict.outcome = Outcome::unknown;
  } else if (verdict.judged > 0) {
    verdict.outcome = Outcome::pass;
  } else {
    verdict.reason = is_missing ? "there was no checkpoint yet" : "no file was inspected";
  }
  return verdict;
}

}  // namespace lastcall::checkers

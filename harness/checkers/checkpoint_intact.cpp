// checkpoint-intact: whatever the moment of the end, each checkpoint file reads back whole.
//
// An item is one file. Judged are copies made after the end and before the restart: the bytes that
// the kernel had, so a power cut, which loses what was not synced, is not seen. Cannot see whether
// what reads back is the newest state, or the right one. That there is no such file fails only
// after a stop that the target had time for, and if it had acknowledged something before that:
// until then there is nothing that a checkpoint would hold.
#include <algorithm>
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

bool had_acknowledged(const History& history) {
  const auto stop = history.stop();
  return std::ranges::any_of(history.all<RequestEnded>(), [&](const auto& one) {
    return one.second->end == RequestEnd::ok && (!stop || one.first < *stop);
  });
}

// Why a file need not have been there; empty if it had to be.
std::string why_it_may_be_missing(const History& history) {
  if (!had_time_for_a_checkpoint(history)) return "there was no checkpoint yet";
  if (!had_acknowledged(history)) return "nothing had been acknowledged before the stop";
  return "";
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
  const auto excuse = why_it_may_be_missing(history);
  std::string problems;
  std::string missing;  // and excused
  for (const auto& [i, file] : history.all<CheckpointInspected>()) {
    if (file->problem == kMissing && !excuse.empty()) {
      missing += (missing.empty() ? "" : ", ") + file->path;
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
  } else if (!missing.empty() && history.first<EventsLost>()) {
    verdict.outcome = Outcome::unknown;
    verdict.reason =
        "no file matches " + missing +
        ", and events were lost: it is not known whether something had been acknowledged";
  } else {
    if (verdict.judged > 0) verdict.outcome = Outcome::pass;
    verdict.reason = !missing.empty()     ? "no file matches " + missing + ": " + excuse
                     : verdict.judged > 0 ? ""
                                          : "no file was inspected";
  }
  return verdict;
}

}  // namespace lastcall::checkers

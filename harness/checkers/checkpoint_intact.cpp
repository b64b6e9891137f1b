// checkpoint-intact: whatever the moment of the end, each checkpoint file reads back whole.
//
// An item is one file. Judged are copies made after the end and before the restart: the bytes that
// the kernel had, so a power cut, which loses what was not synced, is not seen. Cannot see whether
// what reads back is the newest state, or the right one. That there is no such file fails only
// after a stop that the target had time for, which a second signal that may force the end takes
// away, and if it had acknowledged something before its end, also during the stop: until then there
// is nothing that a checkpoint would hold. The answer to a GET whose URL has no {id} acknowledges
// nothing: such a request is safe, it asks for no change (RFC 9110, section 9.2.1).
#include <algorithm>
#include <csignal>

#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "scenario/properties/checkpoint_intact.hpp"

namespace lastcall::property::checkpoint_intact {
namespace {

constexpr std::string_view kMissing = "no such file";

constexpr std::string_view kNothingToHold = "nothing that it would hold had been acknowledged";

bool had_time_for_a_checkpoint(const History& history) {
  return history.first<TargetReady>() && !no_stop_to_judge(history) &&
         !lastcall_sent(history, SIGKILL);
}

bool changes_nothing(const ClientGroup& group) {
  return is_http(group.protocol) && group.method == "GET" &&
         group.url.find("{id}") == std::string::npos;
}

bool had_acknowledged(const Plan& plan, const History& history) {
  const auto ended = history.first<TargetEnded>();
  return std::ranges::any_of(history.connections(), [&](const ConnectionView& c) {
    const auto* group = group_of(plan, c);
    if (group != nullptr && changes_nothing(*group)) return false;
    return std::ranges::any_of(c.requests, [&](const RequestView& request) {
      return request.end == RequestEnd::ok && (!ended || is_before(request.ended, *ended));
    });
  });
}

// Why a file need not have been there; empty if it had to be.
std::string why_it_may_be_missing(const Plan& plan, const History& history) {
  if (!had_time_for_a_checkpoint(history)) return "there was no checkpoint yet";
  if (const auto forced = forced_by_second_signal(plan, history)) return *forced;
  return had_acknowledged(plan, history) ? "" : std::string(kNothingToHold);
}

// What the trial process lost, judge() sees to.
bool lost_acknowledgements(const History& history) {
  return std::ranges::any_of(history.all<EventsLost>(), [](const auto& lost) {
    return lost.body->source.starts_with("clients-");
  });
}

std::string why_unknown(const History& history) {
  for (const auto& [i, missed] : history.all<NotObserved>()) {
    if (missed->property == CheckpointIntact::kName) return missed->reason;
  }
  return "";
}

std::string not_asked(const Plan& plan) {
  return settings<CheckpointIntact>(plan).files.empty()
             ? "the scenario names no files: add [properties.checkpoint-intact] files"
             : "";
}

Verdict check(const Plan& plan, const History& history) {
  if (auto why = not_asked(plan); !why.empty()) return Verdict::not_applicable(std::move(why));
  Verdict verdict;
  const auto excuse = why_it_may_be_missing(plan, history);
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
    verdict.conclude(Outcome::fail, std::move(problems));
  } else if (auto reason = why_unknown(history); !reason.empty()) {
    verdict.conclude(Outcome::unknown, std::move(reason));
  } else if (!missing.empty() && excuse == kNothingToHold && lost_acknowledgements(history)) {
    verdict.conclude(
        Outcome::unknown,
        "no file matches " + missing +
            ", and events were lost: it is not known whether something had been acknowledged");
  } else {
    if (verdict.judged > 0) verdict.outcome = Outcome::pass;
    verdict.reason = !missing.empty()     ? "no file matches " + missing + ": " + excuse
                     : verdict.judged > 0 ? ""
                                          : "no file was inspected";
  }
  return verdict;
}

}  // namespace
}  // namespace lastcall::property::checkpoint_intact

const lastcall::Checker lastcall::property::CheckpointIntact::kChecker{
    .property = kName,
    .check = checkpoint_intact::check,
    .not_asked = checkpoint_intact::not_asked};

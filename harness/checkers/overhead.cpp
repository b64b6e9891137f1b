// overhead: start-up, memory and processor time stay within the bounds that the scenario states.
//
// An item is one bound. Start-up runs from the spawn to readiness as it was seen, so it is never
// too short; memory is the peak of the first process's resident set when the stop begins; processor
// time is that of its threads, from readiness to the stop. Cannot see what its children use.
#include <algorithm>

#include "base/durations.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "scenario/properties/overhead.hpp"

namespace lastcall::property::overhead {
namespace {

std::optional<EventOf<ResourcesUsed>> at_the_end_of(const History& history, Phase phase) {
  for (const auto& found : history.all<ResourcesUsed>()) {
    if (found.body->phase == phase) return found;
  }
  return std::nullopt;
}

// What the judging of the bounds has come to so far.
struct Tally {
  Verdict verdict;
  std::string unseen;

  void miss(const std::string& what) { unseen += (unseen.empty() ? "" : "; ") + what; }
  void judge(bool holds, const std::string& violation, const std::vector<EventIndex>& evidence) {
    ++verdict.judged;
    if (holds) return;
    verdict.outcome = Outcome::fail;
    verdict.say(violation);
    verdict.evidence.insert(verdict.evidence.end(), evidence.begin(), evidence.end());
  }
};

void judge_startup(Tally& tally, const History& history, Nanoseconds bound) {
  const auto started = history.first<TargetStarted>();
  const auto ready = history.first<TargetReady>();
  if (!started || !ready) return tally.miss("the target was not ready");
  const Nanoseconds taken = history.time(*ready) - history.time(*started);
  tally.judge(taken <= bound,
              "ready after " + human_duration(taken) + ", bound " + exact_duration(bound),
              {*started, *ready});
  if (taken > bound) {
    tally.verdict.time_claim =
        TimeClaim{history.time(*started), history.time(*ready), taken - bound};
  }
}

void judge_memory(Tally& tally, const History& history, std::uint64_t bound) {
  const auto used = at_the_end_of(history, Phase::load);
  if (!used) return tally.miss("its memory was not seen before its end");
  const auto memory = used->body->memory;
  tally.judge(memory <= bound,
              std::to_string(memory) + " bytes of memory, bound " + std::to_string(bound), {*used});
}

void judge_cpu(Tally& tally, const History& history, std::uint64_t bound) {
  const auto before = at_the_end_of(history, Phase::start);
  const auto after = at_the_end_of(history, Phase::load);
  if (!before || !after || history.time(*after) <= history.time(*before)) {
    return tally.miss("its processor time was not seen before its end");
  }
  const Nanoseconds time = history.time(*after) - history.time(*before);
  const Nanoseconds used(after->body->cpu - before->body->cpu);
  const auto percent =
      100.0 * static_cast<double>(used.count()) / static_cast<double>(time.count());
  tally.judge(percent <= static_cast<double>(bound),
              std::to_string(static_cast<std::uint64_t>(percent)) + " % of a processor over " +
                  human_duration(time) + ", bound " + std::to_string(bound) + " %",
              {*before, *after});
}

std::string not_asked(const Plan& plan) {
  const auto& bounds = settings<Overhead>(plan);
  return bounds.startup || bounds.memory || bounds.cpu
             ? ""
             : "the scenario states no bound: add startup, memory or cpu to [properties.overhead]";
}

Verdict check(const Plan& plan, const History& history) {
  if (auto why = not_asked(plan); !why.empty()) return Verdict::not_applicable(std::move(why));
  Tally tally;
  const auto& bounds = settings<Overhead>(plan);
  if (bounds.startup) judge_startup(tally, history, *bounds.startup);
  if (bounds.memory) judge_memory(tally, history, *bounds.memory);
  if (bounds.cpu) judge_cpu(tally, history, *bounds.cpu);
  // Only a failure that rests on time alone can be lastcall's own.
  if (tally.verdict.evidence.size() > 2) tally.verdict.time_claim.reset();
  if (tally.verdict.outcome == Outcome::fail) return tally.verdict;
  tally.verdict.conclude(tally.unseen.empty() ? Outcome::pass : Outcome::unknown, tally.unseen);
  return tally.verdict;
}

}  // namespace
}  // namespace lastcall::property::overhead

const lastcall::Checker lastcall::property::Overhead::kChecker{
    .property = kName, .check = overhead::check, .not_asked = overhead::not_asked};

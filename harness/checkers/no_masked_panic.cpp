// no-masked-panic: no programming error was swallowed, whether the program said so or not.
//
// Sees what went through the entry points of the runtimes of a traced target: Go's panics with a
// runtime error, every Rust panic, C++ exceptions that derive from std::logic_error or reached a
// handler of every type, std::terminate, and SIGSEGV and its like with a handler. What ended its
// process is no-panic's: it was not swallowed. A program without the entry points' symbols cannot
// be judged, and that is said.
//
// Cannot see interpreted languages (Python, Node, Java): theirs are exceptions of everyday; nor
// what a program that is linked without any symbols does. Meant ones are excused by `allow`.
#include <algorithm>
#include <csignal>

#include "base/text.hpp"
#include "checkers/allow_list.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "scenario/properties/no_masked_panic.hpp"

namespace lastcall::property::no_masked_panic {
namespace {

constexpr int kGoPanicked = 2;      // runtime/panic.go, fatalpanic
constexpr int kRustPanicked = 101;  // std/src/rt.rs, lang_start

bool ends_by_panic(const ProcessEnded& end) {
  return end.how == EndKind::signalled || end.value == kGoPanicked || end.value == kRustPanicked;
}

// Whether it is what its process died of: the last that it entered, and then it died of a panic.
bool ended_its_process(const History& history, EventIndex panic) {
  const auto pid = std::get<PanicEntered>(history.at(panic).body).pid;
  for (auto i = panic + 1; i < history.events().size(); ++i) {
    const auto& body = history.at(i).body;
    const auto* next = std::get_if<PanicEntered>(&body);
    const auto* end = std::get_if<ProcessEnded>(&body);
    if (next != nullptr && next->pid == pid && next->what != PanicKind::terminate) return false;
    if (end != nullptr && end->pid == pid) {
      const bool forced =
          end->how == EndKind::signalled && lastcall_sent_to_any(history, end->value);
      return ends_by_panic(*end) && !forced;
    }
  }
  return false;
}

std::string text_of(const PanicEntered& panic) {
  std::string text = panic.type + (panic.message.empty() ? "" : " (" + panic.message + ")");
  text += panic.what == PanicKind::caught_by_all  ? " reached a handler of every type"
          : panic.what == PanicKind::terminate    ? " was survived"
          : panic.what == PanicKind::fault_signal ? " was caught"
                                                  : " was swallowed";
  // The tracer sees a C++ exception where it is caught.
  text += panic.what == PanicKind::terminate ? ": "
          : panic.runtime == "c++"           ? "; caught by "
                                             : "; raised by ";
  return text + first_line(panic.stack);
}

std::string not_asked(const Plan& plan) {
  if (plan.traced) return "";
  return plan.scenario.target.trace ? "this trial ran untraced (untraced_every)"
                                    : "the target is not traced: set [target] trace = true";
}

Verdict check(const Plan& plan, const History& history) {
  Verdict verdict;
  AllowList excuses(settings<NoMaskedPanic>(plan).allow);
  std::string nothing_watched;  // of the first process, which may execute one program after another
  std::int32_t first = 0;
  for (const auto& [i, watched] : history.all<PanicsWatched>()) {
    if (first == 0) first = watched->pid;
    if (!watched->runtimes.empty()) ++verdict.judged;
    if (watched->runtimes.empty() && watched->pid == first)
      nothing_watched = watched->program + ": " + watched->reason;
  }
  std::size_t count = 0;
  for (const auto& [i, panic] : history.all<PanicEntered>()) {
    if (ended_its_process(history, i)) continue;
    if (excuses.cover({panic->type, panic->message, panic->stack})) continue;
    if (count++ == 0) verdict.reason = text_of(*panic);
    verdict.evidence.push_back(i);
  }
  if (count > 0) {
    verdict.outcome = Outcome::fail;
    verdict.judged = std::max<std::uint64_t>(verdict.judged, count);
    if (count > 1) verdict.reason += "; and " + std::to_string(count - 1) + " more";
  } else if (const auto failed = history.first<TraceFailed>()) {
    verdict.conclude(Outcome::unknown, "not traced: " + failed->body->reason);
  } else if (verdict.judged > 0) {
    verdict.outcome = Outcome::pass;
  } else {
    verdict.reason = not_asked(plan);
    if (verdict.reason.empty())
      verdict.reason = nothing_watched.empty() ? "no program was seen to begin" : nothing_watched;
  }
  excuses.note(verdict);
  return verdict;
}

}  // namespace
}  // namespace lastcall::property::no_masked_panic

const lastcall::Checker lastcall::property::NoMaskedPanic::kChecker{
    .property = kName,
    .check = no_masked_panic::check,
    .not_asked = no_masked_panic::not_asked,
    .needs_tracer = always,
    .says_why_not_judged = true};

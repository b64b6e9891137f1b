#include "checkers/crash_place.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>

#include "base/fault_text.hpp"
#include "base/text.hpp"

namespace lastcall {
namespace {

// The fatal one, and the one that struck first: before it, in the same thread, where a handler sent
// the signal once more.
struct Strike {
  std::optional<EventOf<SignalTaken>> fatal;
  std::optional<EventOf<SignalTaken>> first;
};

Strike strike_of(const History& history, std::int32_t pid, int signal) {
  Strike strike;
  const auto all = history.all<SignalTaken>();
  for (const auto& one : all) {
    const auto* taken = one.body;
    if (taken->pid == pid && taken->signal == signal && taken->fatal) strike.fatal = one;
  }
  if (!strike.fatal) return strike;
  strike.first = strike.fatal;
  const auto& last = *strike.fatal->body;
  if (last.code > 0 || last.sender != pid) return strike;
  // The last before it: runtimes let many faults pass.
  for (const auto& one : all) {
    const auto* taken = one.body;
    if (taken->pid == pid && taken->tid == last.tid && taken->signal == signal && !taken->fatal &&
        one.index < strike.fatal->index)
      strike.first = one;
  }
  return strike;
}

// "main (80) in parse()+0x12"; empty if nobody looked.
std::string stack_of(const History& history, const Strike& strike, std::int32_t pid,
                     std::vector<EventIndex>& evidence) {
  if (strike.first->index != strike.fatal->index) {
    for (const auto& [i, panic] : history.all<PanicEntered>()) {
      if (panic->what != PanicKind::fault_signal || panic->tid != strike.first->body->tid ||
          i < *strike.first || i > *strike.fatal)
        continue;
      evidence.push_back(i);
      return first_line(panic->stack);
    }
  }
  std::string text;
  for (const auto& [i, stacks] : history.all<StacksTaken>()) {
    if (stacks->pid != pid || stacks->at != StacksAt::fatal_signal) continue;
    evidence.push_back(i);
    text = first_line(stacks->text);
  }
  return text;
}

// How a process crashed by its own doing.
std::string strike_text(const History& history, const Strike& strike, std::int32_t pid,
                        std::vector<EventIndex>& evidence) {
  const auto& first = *strike.first->body;
  evidence.push_back(*strike.first);
  auto text = fault_text(first.signal, first.code, first.address);
  if (text.empty() && first.signal == SIGABRT && first.sender == pid) text = "by abort()";
  if (text.empty() && first.sender == pid) text = "which it sent to itself";
  const auto place = stack_of(history, strike, pid, evidence);
  if (!place.empty()) text += (text.empty() ? "in thread " : ", in thread ") + place;
  return text.empty() ? ", where is not known" : ", " + text;
}

}  // namespace

bool is_crash_signal(int signal) {
  constexpr std::array kSignals{SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
  return std::ranges::find(kSignals, signal) != kSignals.end();
}

std::string crash_place(const Plan& plan, const History& history, const TargetEnded& end,
                        std::vector<EventIndex>& evidence) {
  const auto started = history.first<TargetStarted>();
  if (end.how != EndKind::signalled || !is_crash_signal(end.value) || !started) return {};
  const auto target = started->body->pid;
  const auto strike = strike_of(history, target, end.value);
  if (!strike.fatal) {
    if (!plan.scenario.target.trace) return ", where is not known: trace = false";
    if (const auto failed = history.first<TraceFailed>())
      return ", where is not known: not traced: " + failed->body->reason;
    return history.first<TraceBegan>() ? ", where is not known" : "";
  }
  const auto& first = *strike.first->body;
  const bool is_own = first.sender == 0 || first.sender == target;
  return is_own ? strike_text(history, strike, target, evidence) : std::string();
}

std::optional<std::string> crash_place_of_child(const History& history, EventIndex end,
                                                std::vector<EventIndex>& evidence) {
  const auto& ended = std::get<ProcessEnded>(history.at(end).body);
  // Also one that its handler took, and sent once more: it may be taken by another thread then.
  const bool was_sent = std::ranges::any_of(history.all<SignalTaken>(), [&](const auto& one) {
    const auto& taken = *one.body;
    return one.index < end && taken.pid == ended.pid && taken.signal == ended.value &&
           taken.sender != 0 && taken.sender != ended.pid;
  });
  if (was_sent) return std::nullopt;
  const auto strike = strike_of(history, ended.pid, ended.value);
  return strike.fatal ? strike_text(history, strike, ended.pid, evidence) : ", where is not known";
}

}  // namespace lastcall

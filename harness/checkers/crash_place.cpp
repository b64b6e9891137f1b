#include "checkers/crash_place.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>

#include "base/fault_text.hpp"
#include "base/text.hpp"

namespace lastcall {
namespace {

using Taken = std::pair<EventIndex, const SignalTaken*>;

// The fatal one, and the one that struck first: before it, in the same thread, where a handler sent
// the signal once more.
struct Strike {
  std::optional<Taken> fatal;
  std::optional<Taken> first;
};

Strike strike_of(const History& history, std::int32_t pid, int signal) {
  Strike strike;
  const auto all = history.all<SignalTaken>();
  for (const auto& one : all) {
    const auto* taken = one.second;
    if (taken->pid == pid && taken->signal == signal && taken->fatal) strike.fatal = one;
  }
  if (!strike.fatal) return strike;
  strike.first = strike.fatal;
  const auto& last = *strike.fatal->second;
  if (last.code > 0 || last.sender != pid) return strike;
  // The last before it: runtimes let many faults pass.
  for (const auto& one : all) {
    const auto* taken = one.second;
    if (taken->pid == pid && taken->tid == last.tid && taken->signal == signal && !taken->fatal &&
        one.first < strike.fatal->first)
      strike.first = one;
  }
  return strike;
}

// "main (80) in parse()+0x12"; empty if nobody looked.
std::string stack_of(const History& history, const Strike& strike, std::int32_t pid,
                     std::vector<EventIndex>& evidence) {
  if (strike.first->first != strike.fatal->first) {
    for (const auto& [i, panic] : history.all<PanicEntered>()) {
      if (panic->what != PanicKind::fault_signal || panic->tid != strike.first->second->tid ||
          i < strike.first->first || i > strike.fatal->first)
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
std::string text_of(const History& history, const Strike& strike, std::int32_t pid,
                    std::vector<EventIndex>& evidence) {
  const auto& first = *strike.first->second;
  evidence.push_back(strike.first->first);
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
  const auto target = std::get<TargetStarted>(history.at(*started).body).pid;
  const auto strike = strike_of(history, target, end.value);
  if (!strike.fatal) {
    if (!plan.scenario.target.trace) return ", where is not known: trace = false";
    if (const auto failed = history.first<TraceFailed>())
      return ", where is not known: not traced: " +
             std::get<TraceFailed>(history.at(*failed).body).reason;
    return history.first<TraceBegan>() ? ", where is not known" : "";
  }
  const auto& first = *strike.first->second;
  const bool is_own = first.sender == 0 || first.sender == target;
  return is_own ? text_of(history, strike, target, evidence) : std::string();
}

std::optional<std::string> crash_place_of_child(const History& history, EventIndex end,
                                                std::vector<EventIndex>& evidence) {
  const auto& ended = std::get<ProcessEnded>(history.at(end).body);
  // Also one that its handler took, and sent once more: it may be taken by another thread then.
  const bool was_sent = std::ranges::any_of(history.all<SignalTaken>(), [&](const auto& one) {
    const auto& taken = *one.second;
    return one.first < end && taken.pid == ended.pid && taken.signal == ended.value &&
           taken.sender != 0 && taken.sender != ended.pid;
  });
  if (was_sent) return std::nullopt;
  const auto strike = strike_of(history, ended.pid, ended.value);
  return strike.fatal ? text_of(history, strike, ended.pid, evidence) : ", where is not known";
}

}  // namespace lastcall

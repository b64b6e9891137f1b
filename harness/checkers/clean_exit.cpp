// clean-exit: the target ended as its scenario promises for the stop signal.
//
// Sees the wait status of the target's own process. Cannot see how its children ended, nor whether
// an exit code was meant: a server that exits 0 without having cleaned up looks clean here. A
// target that ended before it was told to fails, unless lastcall itself had sent the signal that
// ended it; so does one that had to be forced at its deadline, which rests on time as `deadline`
// does. Of a signal that lastcall did not send it names the sender, of an exit the thread that
// called it, if the tracer or the kernel did, and says the target's last words.
#include <algorithm>
#include <csignal>

#include "base/text.hpp"
#include "checkers/checkers.hpp"
#include "checkers/hindrance.hpp"
#include "checkers/judging.hpp"

namespace lastcall::checkers {
namespace {

std::string promised(const std::vector<ExpectedEnd>& expected) {
  std::string text;
  for (const auto& end : expected) text += (text.empty() ? "" : " or ") + to_text(end);
  return text;
}

std::int32_t target_of(const History& history) {
  const auto started = history.first<TargetStarted>();
  return started ? std::get<TargetStarted>(history.at(*started).body).pid : 0;
}

// ", called by worker (81) in leave()+0x10".
std::string caller_of(const History& history, std::vector<EventIndex>& evidence) {
  const auto target = target_of(history);
  std::string text;
  for (const auto& [i, called] : history.all<ExitCalled>()) {
    if (called->pid != target) continue;
    text = ", called by " + called->thread + " (" + std::to_string(called->tid) + ")";
    evidence.push_back(i);
  }
  for (const auto& [i, stacks] : history.all<StacksTaken>()) {
    if (stacks->pid != target || stacks->at != StacksAt::exit) continue;
    text = ", called by " + first_line(stacks->text);
    evidence.push_back(i);
  }
  return text;
}

// ", sent by 812 (kill 80), user 0"; empty for what lastcall sent.
std::string sender_of(const History& history, const TargetEnded& end) {
  if (lastcall_sent(history, end.value)) return {};
  const auto target = target_of(history);
  const auto named = [](std::int32_t pid, const std::string& command, const std::string& user) {
    return ", sent by " + std::to_string(pid) + (command.empty() ? "" : " (" + command + ")") +
           (user.empty() ? "" : ", user " + user);
  };
  std::string text;
  for (const auto& [i, sent] : history.all<KillSent>()) {
    if (sent->pid != target || end.value != SIGKILL) continue;
    if (!sent->why.empty()) return ", " + sent->why;
    text = named(sent->sender, sent->command, sent->user);
  }
  for (const auto& [i, taken] : history.all<SignalTaken>()) {
    if (taken->pid == target && taken->signal == end.value && taken->fatal && taken->sender != 0)
      text = named(taken->sender, taken->command, std::to_string(taken->user));
  }
  return text.empty() && history.first<TraceBegan>() ? ", by whom is not known" : text;
}

std::string who_did(const History& history, const TargetEnded& end,
                    std::vector<EventIndex>& evidence) {
  return end.how == EndKind::signalled ? sender_of(history, end) : caller_of(history, evidence);
}

// "; it said last: cannot bind: Address in use"; empty if it never said anything.
std::string last_words(const History& history, std::vector<EventIndex>& evidence) {
  constexpr std::size_t kMost = 200;
  std::optional<EventIndex> last;
  for (const auto& [i, output] : history.all<TargetOutput>()) {
    if (is_before(history.first<RecoveryStarted>(), i)) break;
    if (output->line.find_first_not_of(" \t\r") != std::string::npos) last = i;
  }
  if (!last) return {};
  evidence.push_back(*last);
  return "; it said last: " + std::get<TargetOutput>(history.at(*last).body).line.substr(0, kMost);
}

}  // namespace

Verdict clean_exit(const Plan& plan, const History& history) {
  const auto& expected = plan.scenario.target.stop.expected;
  const auto say = [](Outcome outcome, std::string reason, std::vector<EventIndex> evidence = {}) {
    std::ranges::sort(evidence);
    return about_the_end("clean-exit", outcome, std::move(reason), std::move(evidence));
  };

  const auto stop = history.stop();
  const auto ended = history.first<TargetEnded>();
  const auto forced = history.first<TargetForced>();
  if (!ended) {
    if (!stop) return say(Outcome::not_applicable, *no_stop_to_judge(history));
    return say(Outcome::unknown, "the target's end was not seen");
  }
  const auto& end = std::get<TargetEnded>(history.at(*ended).body);
  const bool by_signal = end.how == EndKind::signalled;
  if (!stop || *ended < *stop) {
    if (is_before(forced, *ended) || (by_signal && lastcall_sent(history, end.value))) {
      return say(Outcome::not_applicable, "lastcall ended the target without a stop");
    }
    std::vector<EventIndex> evidence{*ended};
    auto text = "ended before it was told to: " + to_text(end) + who_did(history, end, evidence);
    text += last_words(history, evidence);
    auto early = say(Outcome::fail, std::move(text), std::move(evidence));
    early.rests_on_absence = true;  // of the stop
    return early;
  }
  if (is_before(forced, *ended)) {
    const auto killed = history.first<KillSent>();
    const auto why = killed ? std::get<KillSent>(history.at(*killed).body).why : "";
    auto hung = say(Outcome::fail,
                    "did not end by itself after " + stop_signal_name(history) +
                        (why.empty() ? "" : ", " + why),
                    {*stop, *forced, *ended});
    if (const auto passed = history.first<DeadlinePassed>(); is_before(passed, *ended)) {
      hung.time_claim = deadline_claim(plan, history, *passed);
    }
    return hung;
  }
  if (std::ranges::find(expected, ExpectedEnd{by_signal, end.value}) != expected.end()) {
    return say(Outcome::pass, "");
  }
  if (const auto why_not = no_stop_to_judge(history)) return say(Outcome::not_applicable, *why_not);
  std::vector<EventIndex> evidence{*stop, *ended};
  auto text = to_text(end) + who_did(history, end, evidence) + " after " +
              stop_signal_name(history) + ", promised: " + promised(expected);
  text += last_words(history, evidence);
  return say(Outcome::fail, std::move(text), std::move(evidence));
}

}  // namespace lastcall::checkers

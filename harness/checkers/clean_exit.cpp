// clean-exit: the target ended as its scenario promises for the stop signal (is_promised() in
// checker_support.hpp).
//
// Sees the wait status of the target's own process. Cannot see how its children ended, nor whether
// an exit code was meant: a server that exits 0, or lets the signal end it from its handler,
// without having cleaned up looks clean here, and so does a wrapper that passes on how its child
// ended. A target that ended before it was told to fails, unless lastcall itself had sent the
// signal that ended it; so does one that had to be forced at its deadline, which rests on time as
// `deadline` does. Of a signal that lastcall did not send it names the sender, of a crash the
// address and the function, of an exit the thread that called it, if the tracer or the kernel did.
// If the stop signal ended the target, it says whether a handler was there, as far as was seen, and
// that a shell in front of the server passes no signal on.
// It says the target's last words: the message of an error and a later line that tells of one, both
// if written within a second of the end; else the last line that is neither a stack frame nor what
// a runtime closes with.
#include <algorithm>
#include <csignal>

#include "base/durations.hpp"
#include "base/signal_names.hpp"
#include "base/text.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "checkers/crash_place.hpp"
#include "checkers/interference.hpp"
#include "checkers/output_lines.hpp"
#include "checkers/panic_blocks.hpp"
#include "checkers/stop_signals.hpp"
#include "scenario/properties/clean_exit.hpp"

namespace lastcall::property::clean_exit {
namespace {

// ", called by worker (81) in leave()+0x10"; the first thread is named as that, for its name is the
// program's.
std::string caller_of(const History& history, std::vector<EventIndex>& evidence) {
  const auto target = target_pid(history);
  std::string thread;
  std::string text;
  for (const auto& [i, called] : history.all<ExitCalled>()) {
    if (called->pid != target) continue;
    thread = called->thread + " (" + std::to_string(called->tid) + ")";
    text = called->tid == target ? "the main thread" : thread;
    evidence.push_back(i);
  }
  for (const auto& [i, stacks] : history.all<StacksTaken>()) {
    if (stacks->pid != target || stacks->at != StacksAt::exit) continue;
    const auto line = first_line(stacks->text);
    text = !thread.empty() && line.starts_with(thread) ? text + line.substr(thread.size()) : line;
    evidence.push_back(i);
  }
  return text.empty() ? text : ", called by " + text;
}

// ", sent by 812 (kill 80), user 0", or of a crash where it happened; empty for what lastcall sent.
std::string sender_of(const Plan& plan, const History& history, const TargetEnded& end,
                      std::vector<EventIndex>& evidence) {
  if (lastcall_sent(history, end.value)) return {};
  if (auto place = crash_place(plan, history, end, evidence); !place.empty()) return place;
  const auto target = target_pid(history);
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
  return text.empty() && history.first<TraceBegan>() ? ", sender unknown" : text;
}

std::string who_did(const Plan& plan, const History& history, const TargetEnded& end,
                    std::vector<EventIndex>& evidence) {
  return end.how == EndKind::signalled ? sender_of(plan, history, end, evidence)
                                       : caller_of(history, evidence);
}

// Whether the end is meant is the scenario's to say; that lastcall had a hand in it is not hidden.
std::string after_a_kill(const History& history, EventIndex ended) {
  return killed_a_child(history, 0, ended) ? ", after lastcall had killed a child of it" : "";
}

struct Words {
  std::optional<EventIndex> event;
  std::string text;
};

// What the target said before its end; of each the last.
struct LastWords {
  Words error;       // the message of an error, close to the end
  Words complaint;   // another line that tells of one, close to the end
  Words meaningful;  // neither a frame nor a runtime's closing line
  Words any;
};

LastWords last_words_of(const History& history, EventIndex until, TimePoint ended) {
  constexpr Nanoseconds kClose = std::chrono::seconds(1);
  LastWords last;
  const auto take_later = [](Words& words, EventIndex at, std::string_view text) {
    if (!words.event || at > *words.event) words = {at, std::string(text)};
  };
  for (const auto& [stream, output] : output_of(history, until)) {
    const auto texts = output.texts();
    const auto is_close = [&](std::size_t i) {
      return ended - history.time(output.event(i)) <= kClose;
    };
    const auto blocks = panic_blocks(texts);
    for (const auto& block : blocks) {
      if (!is_close(block.end - 1)) continue;
      take_later(last.error, output.event(block.words), block.message + place_text(block));
    }
    bool is_found = false;  // a meaningful one
    for (std::size_t i = texts.size(); i-- > 0 && (!is_found || is_close(i));) {
      if (texts[i].find_first_not_of(" \t\r") == std::string_view::npos) continue;
      take_later(last.any, output.event(i), texts[i]);
      if (is_frame_or_trailer(texts[i])) continue;
      take_later(last.meaningful, output.event(i), texts[i]);
      is_found = true;
      const bool is_of_a_block = std::ranges::any_of(
          blocks, [i](const auto& block) { return block.begin <= i && i < block.end; });
      if (is_of_a_block || !is_close(i) || !complains(texts[i])) continue;
      take_later(last.complaint, output.event(i), texts[i]);
      break;
    }
  }
  return last;
}

// "; it said last: cannot bind: Address in use"; empty if it never said anything. What complains
// after an error comes after it: either may be why.
std::string last_words(const History& history, TimePoint ended, std::vector<EventIndex>& evidence) {
  constexpr std::size_t kMax = 300;
  const auto until = history.until<RecoveryStarted>();
  const auto last = last_words_of(history, until, ended);
  std::string text;
  const auto say = [&](const Words& words) {
    if (!words.event) return;
    evidence.push_back(*words.event);
    text += (text.empty() ? "; it said last: " : "; then: ") + words.text.substr(0, kMax);
  };
  say(last.error);
  if (last.complaint.event > last.error.event) say(last.complaint);
  if (text.empty()) say(last.meaningful.event ? last.meaningful : last.any);
  return text;
}

// How the stop signal itself ended the target. The tracer sees whether anything caught it; without
// it there is the look at the handlers before the signal.
std::string ended_by_stop_signal(const History& history, int signal,
                                 std::vector<EventIndex>& evidence) {
  const auto target = target_pid(history);
  const auto text = "ended by " + signal_name(signal);
  const SignalTaken* first = nullptr;
  const SignalTaken* last = nullptr;
  for (const auto& [i, taken] : history.all<SignalTaken>()) {
    if (taken->pid != target || taken->signal != signal || i < *history.stop()) continue;
    if (first == nullptr) first = taken;
    last = taken;
    if (taken->fatal) evidence.push_back(i);
  }
  const auto look = handler_look(history, signal);
  if (look && !look->body->caught && is_shell(look->body->program) &&
      (first == nullptr || first->fatal)) {
    evidence.push_back(*look);
    return text + ": the first process is a shell (" + look->body->program +
           ") that had no trap for it and passes no signal on (start the server with exec)";
  }
  if (last == nullptr || !last->fatal) {
    if (!look) {
      return text + ", by its default action: no handler was installed, or the target sent it to " +
             "itself again";
    }
    evidence.push_back(*look);
    return text + ", by its default action: " +
           (look->body->caught ? "the handler that it had was gone by then"
                               : "no handler was installed when it was sent");
  }
  if (first->fatal) {
    return text +
           ": the program had no handler for it and did not block it (signalfd and sigwait " +
           "receive only what every thread blocks)";
  }
  if (only_runtime_handled(history, signal)) {
    return text + ": the program has no handler of its own; its runtime (" +
           handling_runtime(history, signal) + ") only raised it again";
  }
  return text + (last->sender == target ? ", which it sent to itself after it had caught it"
                                        : ", which it had caught or ignored before");
}

Verdict check(const Plan& plan, const History& history) {
  const auto fail = [](std::string reason, std::vector<EventIndex> evidence) {
    std::ranges::sort(evidence);
    return Verdict::fail(std::move(reason), std::move(evidence));
  };

  const auto stop = history.stop();
  const auto ended = history.first<TargetEnded>();
  const auto forced = history.first<TargetForced>();
  if (!ended) {
    if (!stop) return Verdict::not_applicable(*no_stop_to_judge(history));
    return Verdict::unknown("the target's end was not seen");
  }
  const auto& end = *ended->body;
  const bool by_signal = end.how == EndKind::signalled;
  if (!stop || *ended < *stop) {
    if (const auto why_not = ended_by_lastcall(history)) return Verdict::not_applicable(*why_not);
    std::vector<EventIndex> evidence{*ended};
    auto text =
        "ended before it was told to: " + to_text(end) + who_did(plan, history, end, evidence);
    text += after_a_kill(history, *ended) + last_words(history, history.time(*ended), evidence);
    auto early = fail(std::move(text), std::move(evidence));
    early.rests_on_absence = true;  // of the stop
    return early;
  }
  if (is_before(forced, *ended)) {
    const auto killed = history.first<KillSent>();
    const auto why = killed ? killed->body->why : "";
    auto hung = fail((why.empty() ? "did not end by itself after " + stop_signal_name(history)
                                  : "killed by the kernel " +
                                        human_duration(history.time(*ended) - history.time(*stop)) +
                                        " after " + stop_signal_name(history) + ": " + why),
                     {*stop, *forced, *ended});
    if (const auto passed = history.first<DeadlinePassed>(); is_before(passed, *ended)) {
      hung.time_claim = deadline_claim(plan, history, *passed);
    }
    return hung;
  }
  const auto promised = is_promised(plan, history, end);
  if (promised.value_or(false)) return Verdict::pass();
  if (const auto why_not = no_stop_to_judge(history)) return Verdict::not_applicable(*why_not);
  if (!promised) return Verdict::not_applicable(why_not_known(history));
  std::vector<EventIndex> evidence{*stop, *ended};
  const auto signal = stop->body->signal;
  // Empty for what lastcall sent, as a rule the stop signal.
  std::vector<EventIndex> of_the_sender;
  const bool by_the_stop =
      by_signal && end.value == signal && sender_of(plan, history, end, of_the_sender).empty();
  auto text = by_the_stop ? ended_by_stop_signal(history, signal, evidence)
                          : to_text(end) + who_did(plan, history, end, evidence) + " after " +
                                stop_signal_name(history);
  text += ", expected " + to_text(plan.scenario.target.stop.expected);
  if (const auto advice = signal_advice(history); by_the_stop && !advice.empty())
    text += "; " + advice;
  text += after_a_kill(history, *ended) + last_words(history, history.time(*ended), evidence);
  return fail(std::move(text), std::move(evidence));
}

}  // namespace
}  // namespace lastcall::property::clean_exit

const lastcall::Checker lastcall::property::CleanExit::kChecker{.property = kName,
                                                                .check = clean_exit::check,
                                                                .waits_for_clients = true,
                                                                .judges_the_stop = true,
                                                                .off_when_forced = true};

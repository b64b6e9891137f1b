// deadline: the target is gone within the scenario's deadline after the stop signal, or within what
// it made of that by EXTEND_TIMEOUT_USEC, which the scenario bounds (max_extension). What it asked
// for beyond that is counted.
//
// Measures from the moment before the first stop signal was sent to the moment its end was seen, so
// what it says is never shorter than the truth; time during which lastcall had the target paused is
// not the target's and is left out. If the threads of a traced target wait for one another in a
// cycle that only a signal breaks, and are all it has, the deadline is not waited out.
//
// If the target hangs, the reason says first that the stop signal did not reach the server, if that
// was seen: PID 1 gets none that it neither handles nor blocks (pid_namespaces(7)), and a shell
// runs its trap only once the command in its foreground has ended. Then it says where the target
// stands: the cycle, if there is one; else in the program's own words, as its runtime tells them
// when lastcall asks at the deadline (thread_dumps.hpp, and what keeps Node's event loop alive);
// else, if it is traced, what its threads wait for. Then whether all of them wait for locks, if
// that is known and no deadlock is. Then what the target still had open, with the clients' names
// (open_at_deadline.hpp). If the runtime does not answer and the target is not traced, only what
// was open is known.
//
// A failure rests on time: where lastcall itself, or the machine, stood still for a tenth of the
// deadline and at least 50 ms, the target may have been starved as long, and nothing is said. So
// large a share because smaller lags are everyday on a shared machine and do not make a stop late
// that ends in good time; not larger, because a target that is given nine tenths of its deadline
// and is still there is as good as late.
#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "base/durations.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "checkers/habits.hpp"
#include "checkers/interference.hpp"
#include "checkers/open_at_deadline.hpp"
#include "checkers/output_lines.hpp"
#include "checkers/service_view.hpp"
#include "checkers/stop_signals.hpp"
#include "checkers/thread_dumps.hpp"
#include "scenario/properties/deadline.hpp"

namespace lastcall::property::deadline {
namespace {

std::string without(Nanoseconds paused) {
  return paused == Nanoseconds(0)
             ? ""
             : ", not counting " + human_duration(paused) + " that lastcall had paused it";
}

void add(std::string& text, const std::string& more) {
  if (!more.empty()) text += (text.empty() ? "" : "; ") + more;
}

// The first words about threads that wait for one another; of a deadlock only, if told to.
std::string stuck_text(const History& history, bool deadlock_only) {
  for (const auto& [i, stuck] : history.all<ThreadsStuck>()) {
    if (stuck->deadlock || !deadlock_only) return stuck->text;
  }
  return {};
}

// What the runtime wrote once lastcall had forced the end.
std::string words_of_runtime(const History& history) {
  const auto forced = history.first<TargetForced>();
  if (!forced) return {};
  std::vector<DumpedThread> threads;
  for (const auto& [stream, output] : output_of(history, history.until<RecoveryStarted>())) {
    const auto lines = output.texts();
    std::size_t from = 0;
    while (from < lines.size() && output.event(from) < *forced) ++from;
    std::ranges::move(dumped_threads(lines.subspan(from)), std::back_inserter(threads));
  }
  return dump_text(threads);
}

// "2 connections of 127.0.0.1:80"
std::string counted(std::uint64_t count, std::string what) {
  if (count > 1) what.insert(std::min(what.find(' '), what.size()), "s");
  return std::to_string(count) + " " + what;
}

// "Node's event loop is kept alive by 1 timer that nobody has cleared and 2 connections of
// 127.0.0.1:80 (first: clients "orders", client 5)"; a sentence for each process of Node.
std::string kept_alive_text(const Plan& plan, const History& history) {
  struct Kept {
    std::uint64_t count = 0;
    std::string first;  // client
  };
  std::map<std::int32_t, std::map<std::string, Kept>> processes;
  for (const auto& [i, kept] : history.all<KeptAlive>()) {
    auto& one = processes[kept->pid][kept->what];
    if (one.count++ > 0 || kept->peer.empty()) continue;
    const auto client = client_at(plan, history, kept->peer);
    one.first = client.empty() ? kept->peer : client;
  }
  std::string text;
  for (const auto& [pid, all] : processes) {
    const auto process =
        processes.size() == 1 ? std::string() : " of process " + std::to_string(pid);
    if (all.contains("")) {
      add(text, "Node's event loop" + process + " did not turn when lastcall asked what it does");
      continue;
    }
    std::string list;
    for (const auto& [what, kept] : all) {
      list += (list.empty() ? "" : ", ") + counted(kept.count, what);
      if (!kept.first.empty()) list += (kept.count == 1 ? " (" : " (first: ") + kept.first + ")";
    }
    add(text, "Node's event loop" + process + " is kept alive by " + list);
  }
  return text;
}

// An event loop waits for whatever it was told of: the descriptor says nothing.
std::string waits_text(const ThreadWaits& thread) {
  if (thread.waits.empty()) return " runs";
  for (const std::string_view call : {"epoll_wait", "poll", "select"}) {
    if (thread.waits.starts_with(call)) return " waits for events";
  }
  return " waits for " + thread.waits;
}

// What the target's threads waited for when they were looked at; empty if nobody looked.
std::string threads_text(const History& history) {
  constexpr std::size_t kMax = 3;
  std::string text;
  std::size_t count = 0;
  for (const auto& [i, thread] : history.all<ThreadWaits>()) {
    if (count++ >= kMax) continue;
    add(text, thread->thread + " (" + std::to_string(thread->tid) + ") in " + thread->place +
                  waits_text(*thread));
  }
  if (count > kMax) {
    const auto more = count - kMax;
    text += "; and " + std::to_string(more) + (more == 1 ? " more thread" : " more threads");
  }
  return text;
}

// Whether all threads, at least two, waited for locks or semaphores without a time-out when the
// deadline had passed. CPython's locks are semaphores, of which nobody knows the owner; so are its
// queues and flags, and a signal handler may wake those: it is no proof of a deadlock.
bool all_wait_for_locks(const History& history) {
  EventIndex looked = history.events().size();
  for (const auto& [i, stacks] : history.all<StacksTaken>()) {
    if (stacks->at == StacksAt::deadline) looked = i;
  }
  std::size_t count = 0;
  for (const auto& [i, thread] : history.all<ThreadWaits>()) {
    if (i < looked) continue;
    const auto waits_for = [&](std::string_view what) { return thread->waits.starts_with(what); };
    const bool is_lock = waits_for("mutex ") || waits_for("rwlock ") || waits_for("semaphore ") ||
                         waits_for("futex ");
    if (!is_lock || thread->waits.ends_with(ThreadWaits::kUntilTimeOut)) return false;
    ++count;
  }
  return count > 1 && count < ThreadWaits::kMaxTold;
}

// Whether the tracer would have seen that the target sent a child a signal, and saw none.
bool passed_nothing_on(const History& history, EventIndex passed) {
  const auto target = target_pid(history);
  return history.first<TraceBegan>() &&
         std::ranges::none_of(history.all<SignalTaken>(), [&](const auto& taken) {
           return taken.body->pid != target && *history.stop() < taken.index &&
                  taken.index < passed;
         });
}

// Why the stop signal did not come to the server; empty if it may have. What was handled did come.
std::string unheard_text(const Plan& plan, const History& history, EventIndex passed) {
  const auto looks = history.all<HandlerAtStop>();
  const auto any = [&](bool HandlerAtStop::*what) {
    return std::ranges::any_of(looks, [what](const auto& look) { return look.body->*what; });
  };
  if (looks.empty() || is_to_a_child(*history.stop()->body)) return {};
  const auto& program = looks.front().body->program;
  const bool caught = any(&HandlerAtStop::caught);
  if (plan.scenario.target.pid1 && !caught && !any(&HandlerAtStop::blocked)) {
    return (program.empty() ? "the target" : program) + " had no handler for " +
           stop_signal_name(history) + ", and as PID 1 it gets no signal that it does not handle" +
           (is_shell(program) ? ": start the server with exec" : "");
  }
  if (!caught || !is_shell(program) || !passed_nothing_on(history, passed)) return {};
  return "the first process is a shell (" + program +
         ") that passed no signal on: while a command runs in its foreground, its trap waits";
}

// ": " and where the target stands when its deadline has passed; empty if nothing is known.
std::string where_it_stands(const Plan& plan, const History& history, EventIndex passed) {
  auto text = stuck_text(history, true);
  auto words = words_of_runtime(history);
  add(words, kept_alive_text(plan, history));
  add(text, words);
  if (text.empty()) text = stuck_text(history, false);
  if (text.empty()) text = threads_text(history);
  if (!history.first<ThreadsStuck>() && all_wait_for_locks(history))
    add(text, "every thread waits for a lock or a semaphore: perhaps a deadlock");
  auto unheard = unheard_text(plan, history, passed);
  add(unheard, text);
  text = std::move(unheard);
  auto open = open_at_deadline(plan, history);
  // Threads that wait for one another wait for no client.
  if (open.empty() && !history.first<ThreadsStuck>()) open = held_by(plan, history, passed);
  add(text, open);
  return text.empty() ? text : ": " + text;
}

// What it was not granted, as a note; nothing if it had all that it asked for.
std::vector<Counted> beyond(const Plan& plan, const History& history) {
  const auto count = stop_asks_beyond(plan, history);
  if (count == 0) return {};
  const auto limit = exact_duration(longest_stop(plan.scenario.target));
  return {{"EXTEND_TIMEOUT_USEC beyond " + limit + " (max_extension), not granted", count}};
}

// The deadlock for which lastcall did not wait any longer.
std::optional<EventIndex> deadlock_before(const History& history, EventIndex limit) {
  for (const auto& [i, stuck] : history.all<ThreadsStuck>()) {
    if (stuck->deadlock && i < limit) return i;
  }
  return std::nullopt;
}

Verdict judge_end(const Plan& plan, const History& history) {
  const auto stop = history.stop();
  const auto ended = history.first<TargetEnded>();
  if (!stop || is_before(ended, *stop)) {
    return Verdict::not_applicable(*no_stop_to_judge(history));
  }
  if (const auto passed = history.first<DeadlinePassed>()) {
    auto verdict = Verdict::fail(
        "still running " + exact_duration(stop_limit(plan, history, *passed)) + " after " +
            stop_signal_name(history) + where_it_stands(plan, history, *passed),
        {*stop, *passed});
    verdict.time_claim = deadline_claim(plan, history, *passed);
    return verdict;
  }
  const auto forced = history.first<TargetForced>();
  if (forced && !is_before(ended, *forced)) {
    if (const auto deadlock = deadlock_before(history, *forced)) {
      return Verdict::fail("never ends after " + stop_signal_name(history) +
                               where_it_stands(plan, history, *deadlock),
                           {*stop, *deadlock});
    }
    const auto who = was_at_memory_limit(history) ? "the kernel, at its memory limit," : "lastcall";
    return Verdict::unknown(std::string(who) + " ended the target before its deadline", {*forced});
  }
  if (!ended) return Verdict::unknown("the target's end was not seen");
  if (fault_killed(history)) return Verdict::not_applicable("lastcall sent SIGKILL");
  const auto limit = stop_limit(plan, history, *ended);
  const auto from = history.time(*stop);
  const auto paused = paused_between(history, from, history.time(*ended));
  const Nanoseconds taken = history.time(*ended) - from - paused;
  const std::string gone = "gone after " + human_duration(taken) + without(paused);
  if (taken <= limit) return Verdict::pass(gone);
  auto late = Verdict::fail(gone + ", later than " + exact_duration(limit), {*stop, *ended});
  late.time_claim = deadline_claim(plan, history, *ended);
  return late;
}

Verdict check(const Plan& plan, const History& history) {
  auto verdict = judge_end(plan, history);
  if (verdict.outcome == Outcome::not_applicable) return verdict;
  verdict.noted = beyond(plan, history);
  verdict.say(items_text(verdict.noted));
  return verdict;
}

}  // namespace
}  // namespace lastcall::property::deadline

const lastcall::Checker lastcall::property::Deadline::kChecker{.property = kName,
                                                               .check = deadline::check,
                                                               .waits_for_clients = true,
                                                               .judges_the_stop = true,
                                                               .off_when_forced = true};

#include "checkers/consequences.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>

#include "checkers/checker_support.hpp"
#include "checkers/checkers.hpp"
#include "checkers/close_codes.hpp"
#include "scenario/properties.hpp"

namespace lastcall {
namespace {

// So long before the target's end, as it was seen, its connections may have begun to fall: an error
// is printed after what it unwinds was closed, and an untraced end is seen a little late. Nor do
// clients see much later what a child's end cut off.
constexpr Nanoseconds kUnwinding = std::chrono::milliseconds(250);

// What a runtime exits with after an error that nobody caught: Python, Node, Java and Ruby 1, Go 2,
// Node also 7, Rust 101, PHP 255; a shell says 128 and the signal.
constexpr std::array kUncaught{1, 2, 7, 101, 128 + SIGABRT, 128 + SIGSEGV, 255};

// The end of the target, told by a property that failed for it.
struct Cause {
  const Verdict* told_by = nullptr;
  TimePoint from;         // what was over before is no consequence
  bool is_early = false;  // before the stop
};

const Verdict* failed(const std::vector<Verdict>& verdicts, std::string_view property) {
  const auto found = std::ranges::find(verdicts, property, &Verdict::property);
  return found != verdicts.end() && found->outcome == Outcome::fail ? &*found : nullptr;
}

bool rests_on(const Verdict& verdict, EventIndex event) {
  return std::ranges::find(verdict.evidence, event) != verdict.evidence.end();
}

// Where the error that ended the target is told, if one did: at the crash itself, or at the words
// that clean-exit quotes as the last ones.
std::optional<EventIndex> fatal_error(const Verdict& panic, const Verdict* exit,
                                      const History& history, EventIndex ended) {
  if (rests_on(panic, ended)) return ended;
  const auto& end = std::get<TargetEnded>(history.at(ended).body);
  const bool is_uncaught =
      end.how == EndKind::exited && std::ranges::find(kUncaught, end.value) != kUncaught.end();
  if (exit == nullptr || !is_uncaught) return std::nullopt;
  const auto quoted =
      std::ranges::find_if(panic.evidence, [exit](EventIndex i) { return rests_on(*exit, i); });
  return quoted == panic.evidence.end() ? std::nullopt : std::optional(*quoted);
}

// Whether a signal ended the target at its first delivery, as far as was seen.
bool was_not_handled(const History& history, EventIndex ended) {
  const auto& end = std::get<TargetEnded>(history.at(ended).body);
  if (end.how != EndKind::signalled) return false;
  if (only_runtime_handled(history, end.value)) return true;
  const bool by_program = handling_runtime(history, end.value).empty();
  if (by_program && had_handler(history, end.value)) return false;
  const auto target = target_pid(history);
  const auto taken = history.all<SignalTaken>();
  return std::ranges::none_of(taken, [&](const auto& one) {
    return one.body->pid == target && one.body->signal == end.value && !one.body->fatal;
  });
}

std::optional<Cause> cause_of(const std::vector<Verdict>& verdicts, const History& history) {
  const auto ended = history.first<TargetEnded>();
  if (!ended) return std::nullopt;
  const auto* exit = failed(verdicts, property::CleanExit::kName);
  const auto stop = history.stop();
  const auto forced = history.first<TargetForced>();
  if (is_before(forced, *ended)) {
    const auto* hang = failed(verdicts, property::Deadline::kName);
    if (hang == nullptr) hang = exit;
    if (hang == nullptr || !is_before(stop, *forced)) return std::nullopt;
    const auto passed = history.first<DeadlinePassed>();
    return Cause{.told_by = hang,
                 .from = history.time(is_before(passed, *forced) ? passed->index : forced->index)};
  }
  const bool is_early = !is_before(stop, *ended);
  const auto cause = [&](const Verdict* told_by, EventIndex at) {
    const auto from = history.time(at) - kUnwinding;
    return Cause{told_by, is_early ? from : std::max(from, history.time(*stop)), is_early};
  };
  if (const auto* panic = failed(verdicts, property::NoPanic::kName)) {
    if (const auto at = fatal_error(*panic, exit, history, *ended)) return cause(panic, *at);
  }
  // A failure by time says nothing of how it ended.
  const auto* second = failed(verdicts, property::RepeatSignal::kName);
  if (second != nullptr && !second->time_claim && rests_on(*second, *ended))
    return cause(second, *ended);
  if (exit != nullptr && (is_early || was_not_handled(history, *ended))) return cause(exit, *ended);
  return std::nullopt;
}

// Whether the target itself did what the event says, and so had not ended before.
bool is_an_act(const EventBody& body, const Plan& plan) {
  if (const auto* frame = std::get_if<CloseFrame>(&body)) {
    return frame->direction == Direction::received &&
           !is_agreed(frame->code, settings<property::CloseHandshake>(plan).codes);
  }
  if (const auto* request = std::get_if<RequestEnded>(&body))
    return request->end != RequestEnd::unknown;
  const auto* ended = std::get_if<ConnectionEnded>(&body);
  return (ended != nullptr && ended->why == ConnectionEndReason::protocol) ||
         std::holds_alternative<Notification>(body) || std::holds_alternative<ReadyProbed>(body) ||
         std::holds_alternative<OpenCounted>(body);
}

// Whether something of the target was over: not because its client had waited long enough.
bool is_an_end(const EventBody& body) {
  if (const auto* ended = std::get_if<ConnectionEnded>(&body)) {
    return ended->why == ConnectionEndReason::server_closed ||
           ended->why == ConnectionEndReason::reset;
  }
  const auto* probed = std::get_if<HealthProbed>(&body);
  return (probed != nullptr && !probed->connected) || std::holds_alternative<Reset>(body) ||
         std::holds_alternative<AnswerEndedByEof>(body) || std::holds_alternative<Fin>(body) ||
         std::holds_alternative<LayerFailed>(body);
}

// Whether a target that hung still listened at its deadline, as if nothing had been asked of it.
bool listened_to_the_end(const Cause& cause, const History& history) {
  return cause.told_by->property == property::Deadline::kName &&
         std::ranges::any_of(history.all<SocketsAtDeadline>(),
                             [](const auto& seen) { return seen.body->listening; });
}

bool follows_from(const Cause& cause, const Verdict& verdict, const Plan& plan,
                  const History& history) {
  const EventIndex ended = history.first<TargetEnded>().value();
  // These judge how it ended, and nothing else, unless it is how late that was.
  if (verdict.property == property::CleanExit::kName ||
      verdict.property == property::RepeatSignal::kName) {
    const auto forced = history.first<TargetForced>();
    return rests_on(verdict, ended) ? !verdict.time_claim || is_before(forced, ended)
                                    : forced && rests_on(verdict, *forced);
  }
  if (verdict.property == property::StopsAccepting::kName)
    return listened_to_the_end(cause, history);
  const auto* checker = find_checker(verdict.property);
  if (checker == nullptr || !checker->is_cut_off) return false;
  if (verdict.property == property::Serves::kName && !cause.is_early) return false;
  return std::ranges::none_of(verdict.evidence, [&](EventIndex i) {
    const auto& body = history.at(i).body;
    return is_an_act(body, plan) || (is_an_end(body) && history.time(i) < cause.from);
  });
}

// Whether it only tells of connections that fell as a child crashed during the stop, of which
// no-panic tells: the kernel closes what a process has open.
bool fell_with_a_child(const Verdict& panic, const Verdict& verdict, const Plan& plan,
                       const History& history) {
  if (verdict.property != property::InFlightFinished::kName &&
      verdict.property != property::CloseHandshake::kName)
    return false;
  const auto is_at_a_crash = [&](EventIndex event) {
    return std::ranges::any_of(panic.evidence, [&](EventIndex i) {
      const auto apart = history.time(i) - history.time(event);
      return std::holds_alternative<ProcessEnded>(history.at(i).body) &&
             is_before(history.stop(), i) && apart <= kUnwinding && -apart <= kUnwinding;
    });
  };
  bool fell = false;
  for (const auto i : verdict.evidence) {
    const auto& body = history.at(i).body;
    // One of which nothing else was seen did not fall.
    if (is_an_act(body, plan) || std::holds_alternative<ConnectInvoked>(body)) return false;
    if (!is_an_end(body) && !std::holds_alternative<ConnectionEnded>(body) &&
        !std::holds_alternative<RequestEnded>(body))
      continue;
    if (!is_at_a_crash(i)) return false;
    fell = true;
  }
  return fell;
}

// Whether no-panic has quoted all of it: the same line, or the words of an error that was seen at
// the runtime's entry.
bool tells_the_same(const Verdict& words, const Verdict& other, const History& history) {
  return std::ranges::all_of(other.evidence, [&](EventIndex i) {
    if (rests_on(words, i)) return true;
    const auto* panic = std::get_if<PanicEntered>(&history.at(i).body);
    if (panic == nullptr || panic->message.empty()) return false;
    return std::ranges::any_of(words.evidence, [&](EventIndex w) {
      const auto* output = std::get_if<TargetOutput>(&history.at(w).body);
      return output != nullptr && output->line.find(panic->message) != std::string::npos;
    });
  });
}

// Whether it tells only that the target never got ready, and `notify` what it did not say.
bool waited_for_ready(const Verdict& notify, const Verdict& verdict, const History& history) {
  const auto never = history.first<TargetNotReady>();
  return verdict.property == property::Serves::kName && never && rests_on(notify, *never) &&
         rests_on(verdict, *never);
}

}  // namespace

void mark_consequences(const Plan& plan, const History& history, std::vector<Verdict>& verdicts) {
  const auto* words = failed(verdicts, property::NoPanic::kName);
  const auto* notify = failed(verdicts, property::Notify::kName);
  const auto cause = cause_of(verdicts, history);
  for (auto& verdict : verdicts) {
    if (verdict.outcome != Outcome::fail) continue;
    if (verdict.property == property::NoMaskedPanic::kName ||
        verdict.property == property::NoSendOnClosed::kName) {
      if (words != nullptr && tells_the_same(*words, verdict, history))
        verdict.consequence_of = words->property;
    } else if (cause && &verdict != cause->told_by &&
               follows_from(*cause, verdict, plan, history)) {
      verdict.consequence_of = cause->told_by->property;
    } else if (words != nullptr && fell_with_a_child(*words, verdict, plan, history)) {
      verdict.consequence_of = words->property;
    } else if (notify != nullptr && waited_for_ready(*notify, verdict, history)) {
      verdict.consequence_of = notify->property;
    }
  }
}

}  // namespace lastcall

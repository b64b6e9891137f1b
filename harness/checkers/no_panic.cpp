// no-panic: no crash, abort, panic or uncaught exception, neither in how the target ended nor in
// its output.
//
// Sees the wait status of the target's own process and every line it wrote, and of a traced target
// how each child ended: by SIGSEGV, SIGABRT or the like is a violation, unless lastcall or another
// process sent that signal, or a printed error tells of it. An error is judged as a whole, from its
// header to its last frame, and is one violation, recovered or not; the reason quotes its message
// and the first frame of the program's own code, and names the process where the words or the
// tracer do. The scenario's `allow` excuses an error of which it matches any line, or names the
// type of the exception or of what caused it (not of what was being handled when it was thrown),
// and a child's crash of which it matches the reason; what it excused is counted. Of an error that
// the program caught and logged the reason says so if the program went on, and with `logged =
// "warn"` it is counted and is no failure. Whose line it is, is not known: it went on if the target
// ended as promised after it and no process that the tracer saw ended badly within a second of it.
// What nobody caught, though only a thread or a task ended by it, is never taken for logged.
//
// Cannot see a panic that was swallowed without a word, nor an exception that a program of Java,
// JavaScript, PHP or .NET caught and logged in words of its own, nor, untraced, a child's crash
// that nobody reported, nor tell errors apart whose lines are mixed. Output beyond the limits of
// target/line_splitter.hpp is not seen either: a pass is unknown then, with the bytes. A signal
// that lastcall sent is no crash, nor is what a runtime writes because of it.
#include <algorithm>
#include <csignal>
#include <map>
#include <optional>
#include <utility>

#include "base/signal_names.hpp"
#include "checkers/allow_list.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "checkers/crash_place.hpp"
#include "checkers/output_lines.hpp"
#include "checkers/panic_blocks.hpp"
#include "scenario/properties/no_panic.hpp"

namespace lastcall::property::no_panic {
namespace {

// A process whose end follows its last words later than this ended of something else. Interpreters
// take up to a tenth of this to end.
constexpr Nanoseconds kClose = std::chrono::seconds(1);

// A fault of the plan may have sent the signal, and its event been lost.
bool may_be_sent(const Plan& plan, int signal) {
  return std::ranges::any_of(plan.faults, [signal](const Fault& fault) {
    const auto* send = std::get_if<SendSignals>(&fault.act);
    return send != nullptr && std::ranges::count(send->steps, signal, &SignalStep::signal) > 0;
  });
}

// Whether this entry excuses the error: by any line, as the runtime wrote it or as the target did.
bool excuses(const AllowList::Entry& entry, const OutputLines& output, const PanicBlock& block) {
  if (!entry.name.empty()) return names_exception(output.texts(), block, entry.name);
  for (auto k = block.begin; k < block.end; ++k) {
    const auto written = output.written(k);
    const bool is_new = k == block.begin || written.data() != output.written(k - 1).data();
    if (entry.matches(output.texts()[k]) || (is_new && entry.matches(written))) return true;
  }
  return false;
}

// A process of the tree that ended as none should.
struct BadEnd {
  EventIndex at;
  std::string process;  // "77 (worker)"
};

// The signal by which these words say that a process ended; 0: they name none.
int signal_in(std::string_view line, Runtime runtime) {
  constexpr std::string_view kFatal = "Fatal Python error: ";
  const bool names_one = line.starts_with(kFatal) || runtime == Runtime::parent ||
                         (runtime == Runtime::go && line.starts_with("SIG"));
  if (!names_one) return 0;
  constexpr std::pair<std::string_view, int> kWords[] = {
      {"SIGABRT", SIGABRT},        {"Abort", SIGABRT},
      {"signal 6", SIGABRT},       {"SIGSEGV", SIGSEGV},
      {"Segmentation", SIGSEGV},   {"signal 11", SIGSEGV},
      {"SIGBUS", SIGBUS},          {"Bus error", SIGBUS},
      {"signal 7", SIGBUS},        {"SIGILL", SIGILL},
      {"Illegal instr", SIGILL},   {"signal 4", SIGILL},
      {"SIGFPE", SIGFPE},          {"Floating point exception", SIGFPE},
      {"signal 8", SIGFPE},        {"Floating-point exception", SIGFPE},
      {"SIGTRAP", SIGTRAP},        {"Trace/breakpoint", SIGTRAP},
      {"signal 5", SIGTRAP},       {"SIGSYS", SIGSYS},
      {"Bad system call", SIGSYS}, {"signal 31", SIGSYS}};
  for (const auto& [words, signal] : kWords) {
    if (line.find(words) != std::string_view::npos) return signal;
  }
  return 0;
}

// Whether lastcall had sent this signal to some process of the target before event `until`.
bool lastcall_had_sent(const History& history, int signal, EventIndex until) {
  const auto sent = [&](const auto& events) {
    return std::ranges::any_of(
        events, [&](const auto& one) { return one.index < until && one.body->signal == signal; });
  };
  return sent(history.all<TargetForced>()) || sent(history.all<FaultInvoked>());
}

std::uint64_t ends_of_children(const History& history) {
  const auto target = target_pid(history);
  std::uint64_t count = 0;
  for (const auto& [i, end] : history.all<ProcessEnded>()) count += end->pid == target ? 0 : 1;
  return target == 0 ? 0 : count;
}

// Children that ended by a crash or with an exit code other than 0. How the target tells its
// children to end is its own affair, so other signals do not count, nor what lastcall sent.
std::vector<BadEnd> bad_ends_of_children(const History& history) {
  std::vector<BadEnd> bad;
  const auto target = target_pid(history);
  for (const auto& [i, end] : history.all<ProcessEnded>()) {
    if (end->pid == target) continue;
    const bool is_bad =
        end->how == EndKind::signalled
            ? is_crash_signal(end->value) && !lastcall_had_sent(history, end->value, i) &&
                  !crashed_when_asked(history, end->value, i)
            : end->value != 0 && !(end->value > 128 && lastcall_sent(history, end->value - 128));
    if (is_bad) bad.push_back({i, std::to_string(end->pid) + " (" + end->command + ")"});
  }
  return bad;
}

// A child that brought a crash signal upon itself.
struct Crash {
  EventIndex at;
  std::int32_t pid;
  int signal;
  std::string text;  // "child process 77 (worker) crashed: SIGSEGV, …"
  std::vector<EventIndex> evidence;
  bool is_told = false;  // by an error that was printed
};

std::vector<Crash> crashes_of_children(const History& history, const std::vector<BadEnd>& ends) {
  std::vector<Crash> crashes;
  if (target_pid(history) == 0) return crashes;  // which is a child is not known
  for (const auto& bad : ends) {
    const auto& end = std::get<ProcessEnded>(history.at(bad.at).body);
    if (end.how != EndKind::signalled) continue;
    Crash crash{bad.at, end.pid, end.value, {}, {bad.at}};
    const auto place = crash_place_of_child(history, bad.at, crash.evidence);
    if (!place) continue;
    crash.text = "child process " + bad.process + " crashed: " + signal_name(end.value) + *place;
    crashes.push_back(std::move(crash));
  }
  return crashes;
}

bool has_number(std::string_view text, std::int32_t number) {
  const auto digits = std::to_string(number);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  for (auto at = text.find(digits); at != std::string_view::npos; at = text.find(digits, at + 1)) {
    const auto end = at + digits.size();
    if ((at == 0 || !is_digit(text[at - 1])) && (end == text.size() || !is_digit(text[end])))
      return true;
  }
  return false;
}

// Whether a process that wrote this, or of which its parent wrote it, may have ended by the signal.
bool may_end_by(std::span<const std::string_view> lines, const PanicBlock& block, int signal) {
  if (const int named = signal_in(lines[block.words], block.runtime); named != 0)
    return named == signal;
  if (block.runtime == Runtime::parent) return true;
  const bool aborts = signal == SIGABRT || signal == SIGTRAP || signal == SIGILL;
  return aborts && (block.runtime == Runtime::go || ends_by_signal(lines, block));
}

struct Printed {
  const OutputLines& output;
  PanicBlock block;
  std::optional<EventIndex> crash{};  // the child's crash that the error tells of, too
};

// "panic: boom [recovered]" says what the meaning says, and who recovered it is said at the end.
std::string message_of(const PanicBlock& block) {
  constexpr std::string_view kPanic = "panic: ";
  std::string_view text = block.message;
  if (block.runtime != Runtime::go || !text.starts_with(kPanic)) return block.message;
  text.remove_prefix(kPanic.size());
  if (text.ends_with("]")) text = text.substr(0, text.rfind(" [recovered"));
  return std::string(text);
}

// Whether the target ended after line `at` as the scenario promises, or as lastcall's own fault
// ended it.
bool target_ended_well(const Plan& plan, const History& history, EventIndex at) {
  const auto ended = history.first<TargetEnded>();
  if (!ended || *ended < at || is_before(history.first<TargetForced>(), *ended)) return false;
  const auto& end = *ended->body;
  return is_promised(plan, history, end).value_or(true) ||
         (end.how == EndKind::signalled && lastcall_sent(history, end.value));
}

// Errors of one fate, by the first of them.
class Found {
 public:
  void add(EventIndex at, std::string text) {
    ++count_;
    if (count_ > 1 && at > first_) return;
    first_ = at;
    text_ = std::move(text);
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::uint64_t count_ = 0;
  EventIndex first_ = 0;
  std::string text_;
};

class Judging {
 public:
  Judging(const Plan& plan, const History& history)
      : plan_(plan),
        history_(history),
        told_(settings<NoPanic>(plan)),
        excuses_(told_.allow),
        bad_ends_(bad_ends_of_children(history)),
        crashes_(crashes_of_children(history, bad_ends_)) {}

  // Finds the crash of which the words tell as well. Errors that name the process come first.
  void match(Printed& error, bool by_name) {
    const auto& output = error.output;
    const auto& block = error.block;
    if (error.crash || is_of_sent_signal(output, block)) return;
    const auto line = output.texts()[block.words];
    const auto distance = [&](const Crash& crash) {
      const auto apart = history_.time(crash.at) - history_.time(output.event(block.end - 1));
      return apart < Nanoseconds(0) ? -apart : apart;
    };
    const auto tells_of = [&](const Crash& crash) {
      // What was caught and logged after the crash is another process's.
      if (crash.is_told || (block.is_caught && output.event(block.words) > crash.at)) return false;
      const bool names = block.process == std::to_string(crash.pid) ||
                         (block.runtime == Runtime::parent && has_number(line, crash.pid));
      return by_name ? names
                     : distance(crash) <= kClose && may_end_by(output.texts(), block, crash.signal);
    };
    Crash* nearest = nullptr;
    for (auto& crash : crashes_) {
      if (tells_of(crash) && (nearest == nullptr || distance(crash) < distance(*nearest)))
        nearest = &crash;
    }
    if (nearest == nullptr) return;
    nearest->is_told = true;
    error.crash = nearest->at;
  }

  // The children's crashes that no error told of.
  void judge_crashes(Verdict& verdict) {
    for (auto& crash : crashes_) {
      if (crash.is_told || excuses_.cover({crash.text})) continue;
      verdict.evidence.insert(verdict.evidence.end(), crash.evidence.begin(), crash.evidence.end());
      is_proven_ = is_proven_ || !may_be_sent(plan_, crash.signal);
      failed_.add(crash.at, std::move(crash.text));
    }
  }

  void judge(const Printed& error, Verdict& verdict) {
    const auto& output = error.output;
    const auto& block = error.block;
    if (is_of_sent_signal(output, block)) return;
    const auto is_meant = [&](const auto& entry) { return excuses(entry, output, block); };
    if (excuses_.cover_if(is_meant)) return;
    const auto at = output.event(block.words);
    if (is_php_again(block)) return;
    const auto last = output.event(block.end - 1);
    std::vector<const BadEnd*> near;
    for (const auto& end : bad_ends_) {
      if (end.at > at && history_.time(end.at) - history_.time(last) <= kClose)
        near.push_back(&end);
    }
    const bool went_on = block.is_caught && near.empty() &&
                         !is_before(history_.first<RecoveryStarted>(), at) &&
                         target_ended_well(plan_, history_, last);
    auto text = std::string(block.meaning) + ": " + message_of(block) + place_text(block);
    if (near.size() == 1) {
      text += ", in process " + near.front()->process;
    } else if (!block.process.empty()) {
      text += ", in process " + block.process;
    }
    if (went_on && !logged_fails(block.runtime)) return logged_.add(at, std::move(text));
    if (went_on) text += "; logged, and the program went on";
    verdict.evidence.push_back(at);
    if (error.crash) verdict.evidence.push_back(*error.crash);
    is_proven_ = true;
    failed_.add(at, std::move(text));
  }

  // What there is to say, failed or not.
  void conclude(Verdict& verdict) const {
    verdict.say(failed_.text());
    if (failed_.count() > 1) {
      const auto more = failed_.count() - 1;
      verdict.say("and " + std::to_string(more) + (more == 1 ? " more error" : " more errors"));
    }
    if (logged_.count() > 0) {
      verdict.say(std::to_string(logged_.count()) + " logged, and the program went on: first " +
                  logged_.text());
      if (!history_.first<TraceBegan>())
        verdict.say("how its children ended was not seen: not traced");
      verdict.noted.push_back(
          {"errors that the program logged and went on after", logged_.count()});
    }
    excuses_.note(verdict);
  }
  // Whether something failed that no fault of the plan can have brought about.
  [[nodiscard]] bool is_proven() const { return is_proven_; }
  [[nodiscard]] bool failed() const { return failed_.count() > 0; }

 private:
  [[nodiscard]] bool logged_fails(Runtime runtime) const {
    return told_.logged == LoggedErrors::fail ||
           (told_.logged == LoggedErrors::panics && !throws_exceptions(runtime));
  }
  // What a process or its parent writes about a signal that lastcall had sent.
  [[nodiscard]] bool is_of_sent_signal(const OutputLines& output, const PanicBlock& block) const {
    const int signal = signal_in(output.texts()[block.words], block.runtime);
    const auto at = output.event(block.words);
    return signal != 0 &&
           (lastcall_had_sent(history_, signal, at) || crashed_when_asked(history_, signal, at));
  }
  // PHP writes an error to its log and to its output.
  bool is_php_again(const PanicBlock& block) {
    if (block.runtime != Runtime::php) return false;
    return std::exchange(php_[block.message], true);
  }
  const Plan& plan_;
  const History& history_;
  const NoPanic& told_;
  AllowList excuses_;
  std::vector<BadEnd> bad_ends_;
  std::vector<Crash> crashes_;
  bool is_proven_ = false;
  Found failed_;
  Found logged_;
  std::map<std::string, bool> php_;
};

Verdict check(const Plan& plan, const History& history) {
  Verdict verdict;
  Judging judging(plan, history);
  const auto ended = history.first<TargetEnded>();
  if (ended) {
    verdict.judged = 1;
    const auto& end = *ended->body;
    if (end.how == EndKind::signalled && !lastcall_sent(history, end.value) &&
        !crashed_when_asked(history, end.value, *ended) && is_crash_signal(end.value)) {
      verdict.reason = "ended by " + signal_name(end.value) + (end.core ? ", core dumped" : "") +
                       crash_place(plan, history, end, verdict.evidence);
      verdict.evidence.push_back(*ended);
      verdict.rests_on_absence = may_be_sent(plan, end.value);
    }
  }
  const bool target_crashed = !verdict.evidence.empty();
  const auto outputs = output_of(history, history.events().size());
  std::vector<Printed> errors;
  verdict.judged += ends_of_children(history);
  for (const auto& [stream, output] : outputs) {
    verdict.judged += output.written_lines();
    for (auto& block : panic_blocks(output.texts())) errors.push_back({output, std::move(block)});
  }
  for (const bool by_name : {true, false}) {
    for (auto& error : errors) judging.match(error, by_name);
  }
  for (const auto& error : errors) judging.judge(error, verdict);
  judging.judge_crashes(verdict);
  if (judging.failed()) {
    const bool may_be_ours = !target_crashed || verdict.rests_on_absence;
    verdict.rests_on_absence = may_be_ours && !judging.is_proven();
  }
  judging.conclude(verdict);
  std::ranges::sort(verdict.evidence);
  if (!verdict.evidence.empty()) {
    verdict.outcome = Outcome::fail;
  } else if (ended) {
    verdict.outcome = Outcome::pass;
  } else {
    verdict.outcome = Outcome::unknown;
    verdict.reason = "the target's end was not seen" +
                     (verdict.reason.empty() ? std::string() : "; " + verdict.reason);
  }
  return verdict;
}

}  // namespace
}  // namespace lastcall::property::no_panic

const lastcall::Checker lastcall::property::NoPanic::kChecker{
    .property = kName, .check = no_panic::check, .needs_tracer = always, .needs_output = true};

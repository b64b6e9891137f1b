// no-panic: no crash, abort, panic or uncaught exception, neither in how the target ended nor in
// its output.
//
// Sees the wait status of the target's own process and every line it wrote, recovered panics among
// them. Cannot see a panic that was swallowed without a word, nor a child's crash that nobody
// reported. A signal that lastcall sent is no crash. The scenario's `allow` excuses a line.
#include <algorithm>
#include <array>
#include <csignal>
#include <map>

#include "base/text.hpp"
#include "checkers/checkers.hpp"
#include "checkers/excuses.hpp"
#include "checkers/judging.hpp"
#include "checkers/panic_words.hpp"

namespace lastcall::checkers {
namespace {

constexpr std::array kCrashSignals{SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};

struct Output {
  std::vector<std::string_view> lines;
  std::vector<EventIndex> events;
};

// Standard output and error apart: lines of one may come between those of the other.
std::map<Stream, Output> output_of(const History& history) {
  std::map<Stream, Output> output;
  for (const auto& [i, line] : history.all<TargetOutput>()) {
    output[line->stream].lines.emplace_back(line->line);
    output[line->stream].events.push_back(i);
  }
  return output;
}

// A fault of the plan may have sent the signal, and its event been lost.
bool may_be_sent(const Plan& plan, int signal) {
  return std::ranges::any_of(plan.faults, [signal](const Fault& fault) {
    const auto* send = std::get_if<SendSignals>(&fault.act);
    return send != nullptr && std::ranges::count(send->steps, signal, &SignalStep::signal) > 0;
  });
}

}  // namespace

Verdict no_panic(const Plan& plan, const History& history) {
  Verdict verdict{.property = "no-panic"};
  const Excuses excuses(settings(plan, verdict.property).allow);
  const auto ended = history.first<TargetEnded>();
  if (ended) {
    verdict.judged = 1;
    const auto& end = std::get<TargetEnded>(history.at(*ended).body);
    if (end.how == EndKind::signalled && !lastcall_sent(history, end.value) &&
        std::ranges::find(kCrashSignals, end.value) != kCrashSignals.end()) {
      verdict.reason = "ended by " + signal_name(end.value) + (end.core ? ", core dumped" : "");
      verdict.evidence.push_back(*ended);
      verdict.rests_on_absence = may_be_sent(plan, end.value);
    }
  }
  EventIndex first_line = history.events().size();
  std::string first_text;
  for (const auto& [stream, output] : output_of(history)) {
    verdict.judged += output.lines.size();
    for (std::size_t i = 0; i < output.lines.size(); ++i) {
      const auto meaning = panic_in(output.lines, i);
      if (meaning.empty() || excuses.cover({output.lines[i]})) continue;
      verdict.evidence.push_back(output.events[i]);
      verdict.rests_on_absence = false;
      if (output.events[i] > first_line) continue;
      first_line = output.events[i];
      first_text = std::string(meaning) + ": " + std::string(output.lines[i].substr(0, 200));
    }
  }
  if (!first_text.empty()) verdict.reason += (verdict.reason.empty() ? "" : "; ") + first_text;
  std::ranges::sort(verdict.evidence);
  if (!verdict.evidence.empty()) {
    verdict.outcome = Outcome::fail;
  } else if (ended) {
    verdict.outcome = Outcome::pass;
  } else {
    verdict.outcome = Outcome::unknown;
    verdict.reason = "the target's end was not seen";
  }
  return verdict;
}

}  // namespace lastcall::checkers

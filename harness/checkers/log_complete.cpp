// log-complete: what must be in the log when the target has ended is there.
//
// An item is one pattern of the scenario; it must match a line of the output from start to end, or,
// where the scenario names a file, a line of that file after the end. Cannot see the order of the
// lines, nor whether a line says the truth.
#include <algorithm>
#include <csignal>

#include "base/pattern.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "scenario/properties/log_complete.hpp"

namespace lastcall::property::log_complete {
namespace {

struct Lines {
  std::vector<std::string_view> texts;
  std::vector<std::string_view> continued;  // pieces that are no line's beginning
  std::string missing;                      // why there may be more; empty if these are all
};

Lines lines_of(const History& history, bool of_file) {
  Lines lines;
  for (const auto& event : history.events()) {
    if (std::holds_alternative<RecoveryStarted>(event.body) && !of_file) break;
    if (const auto* output = std::get_if<TargetOutput>(&event.body); output && !of_file)
      (output->continues ? lines.continued : lines.texts).push_back(output->line);
    const auto* seen = std::get_if<Observed>(&event.body);
    if (seen && of_file && seen->property == LogComplete::kName) lines.texts.push_back(seen->line);
    const auto* unseen = std::get_if<NotObserved>(&event.body);
    if (unseen && of_file && unseen->property == LogComplete::kName) lines.missing = unseen->reason;
  }
  if (auto lost = lost_output(history); !of_file && !lost.empty()) lines.missing = lost;
  return lines;
}

bool is_there(const Lines& lines, const std::string& expression) {
  const Pattern pattern(expression);
  return std::ranges::any_of(lines.texts, [&](auto text) { return pattern.found_in(text); }) ||
         std::ranges::any_of(lines.continued,
                             [&](auto text) { return pattern.found_in(text, false); });
}

// Why nothing is judged; empty if it is.
std::string nothing_to_judge(const History& history) {
  if (const auto why_not = no_stop_to_judge(history)) return *why_not;
  return lastcall_sent(history, SIGKILL) ? "lastcall sent SIGKILL" : "";
}

std::string not_asked(const Plan& plan) {
  return settings<LogComplete>(plan).lines.empty()
             ? "the scenario names no lines: add [properties.log-complete] lines"
             : "";
}

Verdict check(const Plan& plan, const History& history) {
  if (auto why = not_asked(plan); !why.empty()) return Verdict::not_applicable(std::move(why));
  if (auto why = nothing_to_judge(history); !why.empty())
    return Verdict::not_applicable(std::move(why));

  const auto& wanted = settings<LogComplete>(plan);
  const auto ended = history.first<TargetEnded>();
  const auto lines = lines_of(history, !wanted.file.empty());
  std::string absent;
  for (const auto& pattern : wanted.lines) {
    if (is_there(lines, pattern)) continue;
    absent += (absent.empty() ? "no line matches '" : ", nor '") + pattern + "'";
  }
  Verdict verdict{.judged = wanted.lines.size()};
  if (absent.empty()) {
    verdict.outcome = Outcome::pass;
  } else if (!lines.missing.empty() || !ended) {
    verdict.conclude(Outcome::unknown,
                     lines.missing.empty() ? "the target's end was not seen" : lines.missing);
  } else {
    verdict.conclude(Outcome::fail, std::move(absent));
    verdict.evidence = {*history.stop(), *ended};
  }
  return verdict;
}

}  // namespace
}  // namespace lastcall::property::log_complete

const lastcall::Checker lastcall::property::LogComplete::kChecker{
    .property = kName,
    .check = log_complete::check,
    .not_asked = log_complete::not_asked,
    .judges_the_stop = true,
    .off_when_forced = true,
    .is_cut_off = true};

// config-effective: a setting that the scenario varies changes what it is said to change.
//
// Judged is one thing a trial: the pattern expected for the drawn value matches a line of the
// answer (or of the output), and the pattern of no other value does. Over a campaign the other
// values get their turn. A URL that had not answered when the stop came leaves nothing to judge. Of
// a line the first 8 KiB are looked at.
// Cannot see a setting whose effect shows nowhere in those lines.
#include <algorithm>

#include "base/pattern.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "scenario/properties/config_effective.hpp"

namespace lastcall::property::config_effective {
namespace {

using Line = std::pair<EventIndex, std::string_view>;

std::vector<Line> lines_of(const History& history, bool by_url) {
  std::vector<Line> lines;
  for (EventIndex i = 0; i < history.events().size(); ++i) {
    const auto& body = history.at(i).body;
    if (std::holds_alternative<RecoveryStarted>(body)) break;
    const auto* observed = std::get_if<Observed>(&body);
    const auto* output = std::get_if<TargetOutput>(&body);
    if (by_url && observed && observed->property == ConfigEffective::kName)
      lines.emplace_back(i, observed->line);
    if (!by_url && output && !output->continues) lines.emplace_back(i, output->line);
  }
  return lines;
}

std::optional<EventIndex> first_match(const std::vector<Line>& lines,
                                      const std::string& expression) {
  const Pattern pattern(expression);
  for (const auto& [i, text] : lines) {
    if (pattern.found_in(text)) return i;
  }
  return std::nullopt;
}

std::string why_unknown(const History& history) {
  for (const auto& [i, missed] : history.all<NotObserved>()) {
    if (missed->property == ConfigEffective::kName) return missed->reason;
  }
  return lost_output(history);
}

// Whether the target was asked, and the stop came before it answered.
bool is_overtaken(const History& history) {
  const auto served = served_until(history);
  return std::ranges::any_of(history.all<NotObserved>(), [&](const auto& missed) {
    return missed.body->property == ConfigEffective::kName && missed.index > served;
  });
}

std::string not_asked(const Plan& plan) {
  return settings<ConfigEffective>(plan).setting.empty()
             ? "the scenario names no setting: add [properties.config-effective] setting"
             : "";
}

Verdict check(const Plan& plan, const History& history) {
  const auto& wanted = settings<ConfigEffective>(plan);
  if (auto why = not_asked(plan); !why.empty()) return Verdict::not_applicable(std::move(why));
  const auto drawn = plan.varied.find(wanted.setting);
  const auto expected =
      drawn == plan.varied.end() ? wanted.expect.end() : wanted.expect.find(drawn->second);
  if (expected == wanted.expect.end()) {
    return Verdict::unknown("the plan has no expectation for {vary." + wanted.setting + "}");
  }
  const auto ready = history.first<TargetReady>();
  if (!ready) return Verdict::not_applicable("the target was not ready");

  const auto lines = lines_of(history, !wanted.url.empty());
  const auto value = "{vary." + wanted.setting + "} is '" + expected->first + "'";
  for (const auto& [other, pattern] : wanted.expect) {
    if (other == expected->first || pattern == expected->second) continue;
    if (const auto i = first_match(lines, pattern)) {
      return Verdict::fail(value + ", and a line shows '" + other + "'", {*i});
    }
  }
  if (first_match(lines, expected->second)) {
    // A line of another value may be among those that were lost.
    const auto lost = wanted.url.empty() ? lost_output(history) : "";
    return lost.empty() ? Verdict::pass(value) : Verdict::unknown(lost);
  }
  if (lines.empty() && is_overtaken(history)) {
    return Verdict::not_applicable(
        "the stop came before the URL answered: let it come later ([[faults]] when)");
  }
  if (auto reason = why_unknown(history); !reason.empty()) return Verdict::unknown(reason);
  if (!wanted.url.empty() && lines.empty()) {
    return Verdict::unknown("the answer was not seen");
  }
  return Verdict::fail(value + ", and no line matches '" + expected->second + "'", {*ready});
}

}  // namespace
}  // namespace lastcall::property::config_effective

const lastcall::Checker lastcall::property::ConfigEffective::kChecker{
    .property = kName, .check = config_effective::check, .not_asked = config_effective::not_asked};

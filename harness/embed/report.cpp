#include <algorithm>
#include <array>

#include "lastcall/embed.hpp"

namespace lastcall::embed {
inline namespace v1 {
namespace {

const Verdict* first(const std::vector<Verdict>& verdicts, Outcome outcome) {
  const auto found = std::ranges::find(verdicts, outcome, &Verdict::outcome);
  return found == verdicts.end() ? nullptr : &*found;
}

std::string line_to_reproduce(std::string_view reproduce) {
  return reproduce.empty() ? "" : "reproduce: " + std::string(reproduce) + "\n";
}

}  // namespace

std::string_view name(Outcome outcome) {
  constexpr std::array<std::string_view, 4> kNames{"not-applicable", "pass", "unknown", "fail"};
  return kNames.at(static_cast<std::size_t>(outcome));
}

const Verdict* Report::find(std::string_view property) const {
  const auto found = std::ranges::find(verdicts, property, &Verdict::property);
  return found == verdicts.end() ? nullptr : &*found;
}

const Verdict* Report::violation() const { return first(verdicts, Outcome::fail); }
const Verdict* Report::unknown() const { return first(verdicts, Outcome::unknown); }

std::string Rate::text() const {
  return "failed " + std::to_string(failed) + " of " + std::to_string(runs) + " runs";
}

std::string describe(const Report& report, std::string_view reproduce) {
  std::string text;
  for (const auto& verdict : report.verdicts) {
    if (verdict.outcome != Outcome::fail && verdict.outcome != Outcome::unknown) continue;
    text += verdict.property + ": " + std::string(name(verdict.outcome)) + ": " + verdict.reason;
    text += "\n";
  }
  text += "schedule: " + to_string(report.schedule) + "\n" + line_to_reproduce(reproduce);
  return text + "history:\n" + report.history;
}

std::string describe(const Exploration& exploration, std::string_view reproduce) {
  std::string text = std::to_string(exploration.trials) + " trials; judged:";
  for (const auto& [property, count] : exploration.judged) {
    if (count > 0) text += " " + property + " " + std::to_string(count);
  }
  text += "\n";
  for (const auto& [property, count] : exploration.unknown) {
    text += property + " could not be judged in " + std::to_string(count) + " trials\n";
  }
  for (const auto& property : exploration.missing) {
    text += property + " is required, and no trial could judge it\n";
  }
  if (!exploration.finding) return text + line_to_reproduce(reproduce);
  const auto& finding = *exploration.finding;
  text += finding.property + " is violated: " + finding.rate.text() + " of its schedule";
  if (finding.rate.failed == 0) text += ", besides the one below";
  if (finding.accepted > 0) {
    text += ", the smallest after " + std::to_string(finding.accepted) + " shrinks";
  }
  return text + "\n" + describe(finding.report, reproduce);
}

}  // namespace v1
}  // namespace lastcall::embed

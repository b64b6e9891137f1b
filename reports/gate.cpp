#include "reports/gate.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "history/utf8.hpp"
#include "reports/wording.hpp"

namespace lastcall::reports {
namespace {

namespace bj = boost::json;

std::string line_of(const GateFinding& finding) {
  std::string where = finding.scenario.empty() ? finding.rule : finding.property;
  std::string text =
      "  " + std::string(name(finding.standing)) + "  " + where + ": " + finding.text;
  if (finding.more_clean_trials > 0)
    text += "; " + counted(finding.more_clean_trials, "more clean trial") + " would settle it";
  return printable(text) + "\n";
}

}  // namespace

std::vector<std::string> known_failures(const GateResult& result) {
  std::vector<std::string> lines;
  for (const auto& tally : result.tallies) {
    for (const auto& known : tally.known) {
      const auto due = known.expired ? "passed until " : "passes until ";
      const auto cause =
          known.property == tally.property ? "" : " as a consequence of " + known.property;
      lines.push_back(printable(tally.scenario + ", " + tally.property + " in " +
                                counted(known.trials, "trial") + cause + ", " + due + known.until +
                                ", " + known.link + ": " + known.reason));
    }
  }
  return lines;
}

std::string gate_verdict(const GateResult& result) {
  const auto count = [&](Standing standing) {
    return static_cast<std::uint64_t>(
        std::ranges::count(result.findings, standing, &GateFinding::standing));
  };
  const auto failed = count(Standing::failed);
  const auto open = count(Standing::not_settled);
  const auto passed = counted(count(Standing::passed), "check") + " passed";
  if (result.standing == Standing::passed) return "passed, " + passed;
  std::string text = failed > 0 ? "failed, " : "not settled, ";
  if (failed > 0) text += counted(failed, "check") + " failed, ";
  if (open > 0) text += counted(open, "check") + " not settled, ";
  text += passed;
  if (failed == 0 && result.more_clean_trials > 0)
    text += "; " + counted(result.more_clean_trials, "more clean trial") +
            " of a scenario would settle what trials can";
  return text;
}

namespace {

bj::value text_value(std::string_view bytes) { return bj::value(valid_utf8(bytes)); }

bj::object json_of(const GateFinding& finding) {
  return {{"scenario", text_value(finding.scenario)},
          {"property", text_value(finding.property)},
          {"rule", finding.rule},
          {"standing", name(finding.standing)},
          {"text", text_value(finding.text)},
          {"more_clean_trials", finding.more_clean_trials}};
}

bj::object json_of(const Tally& tally) {
  bj::array known;
  for (const auto& one : tally.known) {
    known.push_back({{"property", text_value(one.property)},
                     {"reason", text_value(one.reason)},
                     {"trials", one.trials},
                     {"until", one.until},
                     {"link", text_value(one.link)},
                     {"expired", one.expired}});
  }
  return {{"scenario", text_value(tally.scenario)},
          {"property", text_value(tally.property)},
          {"failures", tally.counts.failures},
          {"trials", tally.counts.trials},
          {"unknown", tally.unknown},
          {"broken", tally.broken},
          {"known", std::move(known)}};
}

}  // namespace

std::string gate_text(const GateResult& result, bool all) {
  std::string text;
  std::string scenario;
  for (const auto& finding : result.findings) {
    if (!all && finding.standing == Standing::passed) continue;
    if (finding.scenario != scenario) text += printable(finding.scenario) + "\n";
    scenario = finding.scenario;
    text += line_of(finding);
  }
  for (const auto& known : known_failures(result)) text += "  known  " + known + "\n";
  return text + "gate: " + gate_verdict(result) + "\n";
}

std::string gate_json(const GateResult& result, int exit_code) {
  bj::array findings;
  bj::array tallies;
  for (const auto& finding : result.findings) findings.push_back(json_of(finding));
  for (const auto& tally : result.tallies) tallies.push_back(json_of(tally));
  return bj::serialize(bj::object{{"format", "lastcall-gate"},
                                  {"version", 1},
                                  {"standing", name(result.standing)},
                                  {"more_clean_trials", result.more_clean_trials},
                                  {"exit_code", exit_code},
                                  {"findings", std::move(findings)},
                                  {"tallies", std::move(tallies)}}) +
         "\n";
}

}  // namespace lastcall::reports

#include "cli/held_findings.hpp"

#include <boost/json.hpp>
#include <filesystem>
#include <sstream>

#include "base/durations.hpp"
#include "base/file.hpp"
#include "campaign/origin.hpp"
#include "hunt/held_plan.hpp"
#include "reports/wording.hpp"
#include "trial/trial_result.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using reports::printable;

// What a person reads of a stack; the history has the rest.
constexpr int kHeldFrames = 8;

std::string indented(const std::string& stack) {
  std::istringstream lines(stack);
  std::string text;
  std::string line;
  for (int i = 0; i < kHeldFrames && std::getline(lines, line); ++i)
    text += "      " + printable(line) + "\n";
  return text;
}

// The holds that a history tells of.
std::string held_text(const std::string& history) {
  std::istringstream lines(history);
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("\"function_reached\"") == line.npos) continue;
    boost::system::error_code problem;
    const auto event = json::parse(line, problem);
    const auto* object = event.if_object();
    if (problem || object == nullptr || !object->contains("stack")) continue;
    text += "  held for " +
            human_duration(Nanoseconds(object->at("hold").to_number<std::int64_t>())) + ":\n" +
            indented(json::value_to<std::string>(object->at("stack")));
  }
  return text;
}

std::string failed_text(const TrialResult& result) {
  std::string text;
  for (const auto& verdict : result.verdicts) {
    if (verdict.outcome == Outcome::fail)
      text += "  then: " + verdict.property + ": " + printable(verdict.reason) + "\n";
  }
  return text;
}

}  // namespace

Result<std::string> write_held_finding(const std::string& folder, const Plan& plan,
                                       const std::string& trial) {
  if (auto written = write_regular(folder + "/plan.json", to_json(plan)); !written)
    return written.error();
  if (auto written = write_origin(folder, plan); !written) return written.error();
  std::string story;
  if (!trial.empty()) {
    std::error_code ec;
    for (const auto* name : {"history.jsonl", "verdict.json"})
      fs::copy_file(trial + "/" + name, folder + "/" + name, fs::copy_options::overwrite_existing,
                    ec);
    if (const auto history = read_regular(folder + "/history.jsonl")) story += held_text(*history);
    if (const auto verdict = read_regular(folder + "/verdict.json")) {
      if (const auto result = trial_result_from_json(*verdict)) story += failed_text(*result);
    }
  }
  const auto whole = sentence_of(plan) + "\n\n" + story;
  if (auto written = write_regular(folder + "/explanation.txt", whole); !written)
    return written.error();
  return story;
}

}  // namespace lastcall::cli

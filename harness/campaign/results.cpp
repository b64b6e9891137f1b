#include "campaign/results.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <filesystem>
#include <map>
#include <stdexcept>

#include "base/file.hpp"
#include "base/text.hpp"
#include "campaign/exit_codes.hpp"
#include "plan/plan_file.hpp"
#include "trial/merged_history.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// A campaign of a hundred thousand trials.
constexpr std::size_t kLargestReport = std::size_t{1} << 30U;

std::string text(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value == nullptr ? "" : json::value_to<std::string>(*value);
}

template <class Number>
Number number(const json::object& object, std::string_view key) {
  return object.at(key).to_number<Number>();
}

// Absent in what an older lastcall wrote.
bool flag(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->as_bool();
}

// Numbers that do not fit a double are strings there.
std::uint64_t seed(const json::object& object) {
  const auto word = text(object, "seed");
  const auto value = parse_number<std::uint64_t>(word);
  if (!value) throw std::runtime_error("'" + word + "' is no seed");
  return *value;
}

template <class T, class Read>
std::vector<T> list(const json::object& object, std::string_view key, Read&& read) {
  std::vector<T> items;
  if (const auto* array = object.if_contains(key)) {
    for (const auto& item : array->as_array()) items.push_back(read(item.as_object()));
  }
  return items;
}

std::vector<std::uint32_t> numbers(const json::object& object, std::string_view key) {
  return json::value_to<std::vector<std::uint32_t>>(object.at(key));
}

Counted counted(const json::object& object) {
  return {text(object, "why"), number<std::uint64_t>(object, "count")};
}

PropertySummary property(const json::object& object) {
  PropertySummary property;
  property.name = text(object, "name");
  property.switched_off = text(object, "switched_off");
  property.required = flag(object, "required");
  property.configured = flag(object, "configured");
  property.pass = number<std::uint64_t>(object, "pass");
  property.fail = number<std::uint64_t>(object, "fail");
  property.unknown = number<std::uint64_t>(object, "unknown");
  property.not_applicable = number<std::uint64_t>(object, "not_applicable");
  property.judged = number<std::uint64_t>(object, "judged");
  property.upper_bound = number<double>(object, "upper_bound");
  property.failing_trials = numbers(object, "failing_trials");
  property.first_reason = text(object, "first_reason");
  property.why_not_judged = text(object, "why_not_judged");
  property.over_campaign = text(object, "over_campaign");
  property.only_untraced = text(object, "only_untraced");
  property.not_judged = list<Counted>(object, "not_judged", counted);
  property.noted = list<Counted>(object, "noted", counted);
  return property;
}

Consequence consequence(const json::object& object) {
  return {text(object, "property"), text(object, "reason"), numbers(object, "trials")};
}

Finding finding(const json::object& object) {
  return {.property = text(object, "property"),
          .reason = text(object, "reason"),
          .trials = numbers(object, "trials"),
          .consequences = list<Consequence>(object, "consequences", consequence)};
}

Outcome outcome(const std::string& word) {
  for (const auto known :
       {Outcome::not_applicable, Outcome::pass, Outcome::unknown, Outcome::fail}) {
    if (word == name(known)) return known;
  }
  throw std::runtime_error("there is no outcome '" + word + "'");
}

Verdict verdict(const json::object& object) {
  Verdict verdict;
  verdict.property = text(object, "property");
  verdict.outcome = outcome(text(object, "outcome"));
  verdict.judged = number<std::uint64_t>(object, "judged");
  verdict.reason = text(object, "reason");
  verdict.evidence_text = json::value_to<std::vector<std::string>>(object.at("evidence"));
  verdict.consequence_of = text(object, "consequence_of");
  return verdict;
}

TrialSummary trial(const json::object& object, const std::string& scenario) {
  TrialSummary trial;
  trial.scenario = scenario;
  trial.number = number<std::uint32_t>(object, "number");
  trial.seed = seed(object);
  trial.directory = text(object, "directory");
  trial.kept = !trial.directory.empty();
  trial.broken = text(object, "broken");
  trial.duration = Nanoseconds(number<std::int64_t>(object, "duration_ns"));
  trial.stop = Nanoseconds(number<std::int64_t>(object, "stop_ns"));
  trial.clients = number<std::uint32_t>(object, "clients");
  trial.connections = number<std::uint32_t>(object, "connections");
  trial.traced = object.at("traced").as_bool();
  trial.verdicts = list<Verdict>(object, "verdicts", verdict);
  if (const auto* moment = object.if_contains("stop_moment")) {
    const auto phase = from_name<Phase>(text(moment->as_object(), "phase"));
    if (!phase) throw std::runtime_error("stop_moment: there is no such phase");
    trial.stop_moment = {*phase,
                         Nanoseconds(number<std::int64_t>(moment->as_object(), "after_ns"))};
  }
  if (const auto* tail = object.if_contains("idle_tail_ns"))
    trial.idle_tail = Nanoseconds(tail->to_number<std::int64_t>());
  if (const auto* waits = object.if_contains("idle_waits"))
    trial.idle_waits = {Nanoseconds(number<std::int64_t>(waits->as_object(), "ns")),
                        text(waits->as_object(), "text")};
  if (const auto* warnings = object.if_contains("warnings"))
    trial.warnings = json::value_to<std::vector<std::string>>(*warnings);
  return trial;
}

ScenarioSummary scenario(const json::object& object) {
  ScenarioSummary scenario;
  scenario.scenario = text(object, "scenario");
  scenario.about = text(object, "about");
  scenario.planned = number<std::uint32_t>(object, "planned");
  scenario.untraced = number<std::uint32_t>(object, "untraced");
  scenario.gave_up = text(object, "gave_up");
  scenario.silent = list<SilentGroup>(object, "silent", [](const json::object& group) {
    return SilentGroup{text(group, "group"), text(group, "what")};
  });
  scenario.findings = list<Finding>(object, "findings", finding);
  scenario.not_tried = json::value_to<std::vector<std::string>>(object.at("not_tried"));
  scenario.properties = list<PropertySummary>(object, "properties", property);
  scenario.trials = list<TrialSummary>(
      object, "trials", [&](const json::object& one) { return trial(one, scenario.scenario); });
  return scenario;
}

CampaignSummary campaign(const json::object& object) {
  if (text(object, "format") != "lastcall-report" || number<int>(object, "version") != 1)
    throw std::runtime_error("it is no report of version 1");
  CampaignSummary campaign;
  campaign.lastcall_version = text(object, "lastcall_version");
  campaign.started_utc = text(object, "started_utc");
  campaign.host = text(object, "host");
  campaign.seed = seed(object);
  campaign.duration = Nanoseconds(number<std::int64_t>(object, "duration_ns"));
  campaign.interrupted = flag(object, "interrupted");
  campaign.broken = text(object, "broken");
  campaign.exit_code = number<int>(object, "exit_code");
  campaign.scenarios = list<ScenarioSummary>(object, "scenarios", scenario);
  return campaign;
}

// By the name of its file each scenario of which a trial's plan is still there: that of a trial
// that passed goes with its directory.
std::map<std::string, Scenario> scenarios_of(const std::string& directory) {
  std::map<std::string, Scenario> found;
  std::error_code ec;
  for (fs::directory_iterator entry(directory + "/trials", ec), end; !ec && entry != end;
       entry.increment(ec)) {
    if (auto plan = read_plan((entry->path() / "plan.json").string()))
      found.emplace(plan->scenario_file, std::move(plan->scenario));
  }
  return found;
}

// A line of trials.jsonl. The last one may be half written.
std::optional<TrialSummary> finished_trial(const std::string& line) {
  try {
    const auto object = json::parse(line).as_object();
    auto result = trial_result_from_json(json::serialize(object.at("result")));
    if (!result) return std::nullopt;
    TrialSummary trial;
    static_cast<TrialResult&>(trial) = std::move(*result);
    trial.scenario = text(object, "scenario");
    trial.number = number<std::uint32_t>(object, "trial");
    trial.directory = text(object, "directory");
    return trial;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

CampaignSummary so_far(const std::string& directory, const std::string& lines) {
  CampaignSummary campaign;
  for (std::size_t begin = 0; begin < lines.size();) {
    const auto end = std::min(lines.find('\n', begin), lines.size());
    auto trial = finished_trial(lines.substr(begin, end - begin));
    begin = end + 1;
    if (!trial) continue;
    auto& all = campaign.scenarios;
    auto scenario = std::ranges::find(all, trial->scenario, &ScenarioSummary::scenario);
    if (scenario == all.end()) {
      scenario = all.insert(scenario, ScenarioSummary{});
      scenario->scenario = trial->scenario;
    }
    scenario->trials.push_back(std::move(*trial));
  }
  const auto known = scenarios_of(directory);
  for (auto& scenario : campaign.scenarios) {
    std::ranges::sort(scenario.trials, {}, &TrialSummary::number);
    scenario.planned = static_cast<std::uint32_t>(scenario.trials.size());
    const auto wanted = known.find(scenario.scenario);
    if (wanted != known.end()) scenario.about = wanted->second.about;
    summarise(scenario, wanted == known.end() ? Scenario{} : wanted->second);
  }
  campaign.exit_code = exit_code(campaign);
  return campaign;
}

}  // namespace

Result<Results> read_results(const std::string& directory) {
  Results results;
  const auto file = directory + "/report.json";
  const auto report = read_regular(file, kLargestReport);
  if (report) {
    try {
      results.summary = campaign(json::parse(*report).as_object());
    } catch (const std::exception& error) {
      return Error{"read", file, 0, error.what()};
    }
  } else if (report.error().error_number != ENOENT) {
    return report.error();
  } else {
    const auto lines = read_regular(directory + "/trials.jsonl", kLargestReport);
    if (!lines)
      return Error{"read results in", directory, lines.error().error_number,
                   "name a directory that `lastcall run` wrote: it holds trials.jsonl"};
    results.summary = so_far(directory, *lines);
    results.is_complete = false;
  }
  results.summary.results = directory;
  return results;
}

Result<KeptTrial> read_trial(const CampaignSummary& campaign, const TrialSummary& trial) {
  const auto what = "trial " + std::to_string(trial.number);
  if (trial.directory.empty())
    return Error{"read", what, 0, "its directory was not kept: run with --keep all"};
  const auto directory = campaign.results + "/" + trial.directory;
  auto plan = read_plan(directory + "/plan.json");
  if (!plan) return plan.error();
  std::size_t workers = 0;
  std::error_code ec;
  while (fs::exists(directory + "/segments/clients-" + std::to_string(workers) + ".seg", ec))
    ++workers;
  TrialOrder order;
  order.directory = directory;
  auto history = read_history(order, plan->scenario.sidecars, workers);
  if (!history) return history.error();
  KeptTrial kept{std::move(*plan), std::move(*history), trial};
  // Not there of a trial that broke.
  if (const auto written = read_regular(directory + "/verdict.json")) {
    if (auto result = trial_result_from_json(*written))
      kept.result.verdicts = std::move(result->verdicts);
  }
  return kept;
}

const TrialSummary* find_trial(const CampaignSummary& campaign, std::uint32_t number) {
  for (const auto& scenario : campaign.scenarios) {
    const auto trial = std::ranges::find(scenario.trials, number, &TrialSummary::number);
    if (trial != scenario.trials.end()) return &*trial;
  }
  return nullptr;
}

}  // namespace lastcall

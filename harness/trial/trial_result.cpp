#include "trial/trial_result.hpp"

#include <boost/json.hpp>
#include <stdexcept>

#include "history/utf8.hpp"

namespace lastcall {
namespace {

namespace json = boost::json;

// What names a file or repeats a peer may hold any bytes, and JSON only text.
json::value text(std::string_view bytes) { return json::value(valid_utf8(bytes)); }

json::array texts(const std::vector<std::string>& all) {
  json::array array;
  for (const auto& one : all) array.push_back(text(one));
  return array;
}

json::array array_of(const std::vector<Counted>& items) {
  json::array array;
  for (const auto& item : items) array.push_back({{"why", text(item.why)}, {"count", item.count}});
  return array;
}

// Absent in what an older lastcall wrote.
std::vector<Counted> counted_from(const json::object& object, std::string_view key) {
  std::vector<Counted> items;
  if (const auto* array = object.if_contains(key)) {
    for (const auto& item : array->as_array())
      items.push_back({json::value_to<std::string>(item.at("why")),
                       item.at("count").to_number<std::uint64_t>()});
  }
  return items;
}

json::object verdict_object(const Verdict& verdict) {
  json::array evidence;
  for (std::size_t i = 0; i < verdict.evidence.size(); ++i) {
    json::object item{{"event", verdict.evidence[i]}};
    if (i < verdict.evidence_text.size()) item["text"] = text(verdict.evidence_text[i]);
    evidence.push_back(std::move(item));
  }
  return {{"property", verdict.property},
          {"outcome", name(verdict.outcome)},
          {"judged", verdict.judged},
          {"reason", text(verdict.reason)},
          {"not_judged", array_of(verdict.not_judged)},
          {"noted", array_of(verdict.noted)},
          {"evidence", std::move(evidence)},
          {"consequence_of", verdict.consequence_of}};
}

Outcome outcome_from(const std::string& word) {
  for (const auto outcome :
       {Outcome::not_applicable, Outcome::pass, Outcome::unknown, Outcome::fail}) {
    if (word == name(outcome)) return outcome;
  }
  throw std::runtime_error("there is no outcome '" + word + "'");
}

Verdict verdict_from(const json::object& object) {
  Verdict verdict;
  verdict.property = json::value_to<std::string>(object.at("property"));
  verdict.outcome = outcome_from(json::value_to<std::string>(object.at("outcome")));
  verdict.judged = object.at("judged").to_number<std::uint64_t>();
  verdict.reason = json::value_to<std::string>(object.at("reason"));
  for (const auto& item : object.at("evidence").as_array()) {
    verdict.evidence.push_back(item.at("event").to_number<std::size_t>());
    if (const auto* line = item.as_object().if_contains("text")) {
      verdict.evidence_text.push_back(json::value_to<std::string>(*line));
    }
  }
  verdict.not_judged = counted_from(object, "not_judged");
  verdict.noted = counted_from(object, "noted");
  // Likewise.
  if (const auto* cause = object.if_contains("consequence_of"))
    verdict.consequence_of = json::value_to<std::string>(*cause);
  return verdict;
}

StopMoment stop_moment_from(const json::object& object) {
  const auto word = json::value_to<std::string>(object.at("phase"));
  const auto phase = from_name<Phase>(word);
  if (!phase) throw std::runtime_error("there is no phase '" + word + "'");
  return {*phase, Nanoseconds(object.at("after_ns").to_number<std::int64_t>())};
}

GroupAnswers answers_from(const std::string& word) {
  for (const auto answers :
       {GroupAnswers::not_asked, GroupAnswers::unanswered, GroupAnswers::fell_silent,
        GroupAnswers::stalled, GroupAnswers::gone_lately, GroupAnswers::talking}) {
    if (word == name(answers)) return answers;
  }
  throw std::runtime_error("there is no word '" + word + "' for the answers of a group");
}

}  // namespace

std::string to_json(const TrialResult& result) {
  json::array verdicts;
  for (const auto& verdict : result.verdicts) verdicts.push_back(verdict_object(verdict));
  json::array answers;
  for (const auto answer : result.answers) answers.push_back(json::string(name(answer)));
  json::value idle_tail;
  if (result.idle_tail) idle_tail = result.idle_tail->count();
  json::value stop_moment;
  if (const auto& moment = result.stop_moment)
    stop_moment = {{"phase", name(moment->phase)}, {"after_ns", moment->after.count()}};
  json::value habits;
  if (result.habits) habits = json::value_from(*result.habits);
  json::value idle_waits;
  if (const auto& waits = result.idle_waits)
    idle_waits = {{"ns", waits->length.count()}, {"text", text(waits->text)}};
  json::object visits;
  for (const auto& [fault, count] : result.visits) visits[std::to_string(fault)] = count;
  json::object object{{"format", "lastcall-verdict"},
                      {"version", 1},
                      {"seed", result.seed},
                      {"broken", text(result.broken)},
                      {"duration_ns", result.duration.count()},
                      {"overhead_ns", result.overhead.count()},
                      {"stop_ns", result.stop.count()},
                      {"stop_moment", std::move(stop_moment)},
                      {"idle_tail_ns", std::move(idle_tail)},
                      {"idle_held_by", text(result.idle_held_by)},
                      {"idle_waits", std::move(idle_waits)},
                      {"clients", result.clients},
                      {"connections", result.connections},
                      {"answers", std::move(answers)},
                      {"only_refusals", json::value_from(result.only_refusals)},
                      {"heard_instead", texts(result.heard_instead)},
                      {"habits", std::move(habits)},
                      {"unreached", json::value_from(result.unreached)},
                      {"visits", std::move(visits)},
                      {"kept", result.kept},
                      {"traced", result.traced},
                      {"verdicts", std::move(verdicts)}};
  if (!result.not_started.empty()) object["not_started"] = text(result.not_started);
  if (!result.warnings.empty()) object["warnings"] = texts(result.warnings);
  return json::serialize(object) + "\n";
}

Result<TrialResult> trial_result_from_json(const std::string& written) {
  try {
    const auto object = json::parse(written).as_object();
    TrialResult result;
    result.seed = object.at("seed").to_number<std::uint64_t>();
    result.broken = json::value_to<std::string>(object.at("broken"));
    result.duration = Nanoseconds(object.at("duration_ns").to_number<std::int64_t>());
    result.overhead = Nanoseconds(object.at("overhead_ns").to_number<std::int64_t>());
    result.stop = Nanoseconds(object.at("stop_ns").to_number<std::int64_t>());
    // Absent in what an older lastcall wrote.
    if (const auto* moment = object.if_contains("stop_moment");
        moment != nullptr && !moment->is_null())
      result.stop_moment = stop_moment_from(moment->as_object());
    if (const auto* tail = object.if_contains("idle_tail_ns"); tail != nullptr && !tail->is_null())
      result.idle_tail = Nanoseconds(tail->to_number<std::int64_t>());
    if (const auto* held = object.if_contains("idle_held_by"))
      result.idle_held_by = json::value_to<std::string>(*held);
    if (const auto* waits = object.if_contains("idle_waits"); waits != nullptr && !waits->is_null())
      result.idle_waits = {Nanoseconds(waits->at("ns").to_number<std::int64_t>()),
                           json::value_to<std::string>(waits->at("text"))};
    result.clients = object.at("clients").to_number<std::uint32_t>();
    result.connections = object.at("connections").to_number<std::uint32_t>();
    result.kept = object.at("kept").as_bool();
    // Likewise.
    if (const auto* traced = object.if_contains("traced")) result.traced = traced->as_bool();
    if (const auto* unreached = object.if_contains("unreached"))
      result.unreached = json::value_to<std::vector<std::uint32_t>>(*unreached);
    if (const auto* visits = object.if_contains("visits")) {
      for (const auto& [fault, count] : visits->as_object())
        result.visits[static_cast<std::uint32_t>(std::stoul(fault))] =
            count.to_number<std::uint64_t>();
    }
    if (const auto* answers = object.if_contains("answers")) {
      for (const auto& word : answers->as_array())
        result.answers.push_back(answers_from(json::value_to<std::string>(word)));
    }
    if (const auto* refusals = object.if_contains("only_refusals"))
      result.only_refusals = json::value_to<std::vector<int>>(*refusals);
    if (const auto* heard = object.if_contains("heard_instead"))
      result.heard_instead = json::value_to<std::vector<std::string>>(*heard);
    if (const auto* habits = object.if_contains("habits"); habits != nullptr && !habits->is_null())
      result.habits = json::value_to<std::vector<std::string>>(*habits);
    if (const auto* why = object.if_contains("not_started"))
      result.not_started = json::value_to<std::string>(*why);
    if (const auto* warnings = object.if_contains("warnings"))
      result.warnings = json::value_to<std::vector<std::string>>(*warnings);
    for (const auto& verdict : object.at("verdicts").as_array()) {
      result.verdicts.push_back(verdict_from(verdict.as_object()));
    }
    return result;
  } catch (const std::exception& error) {
    return Error{"read a verdict", "", 0, error.what()};
  }
}

}  // namespace lastcall

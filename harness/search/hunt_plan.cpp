#include "search/hunt_plan.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <stdexcept>

#include "base/durations.hpp"
#include "base/signal_names.hpp"
#include "search/hunt_json.hpp"

namespace lastcall {
namespace {

namespace json = boost::json;
using namespace hunt_json;

constexpr std::string_view kKind = "lastcall-hunt-plan";

json::value json_of_hold(const ThreadHold& hold) {
  json::object object{{"point", json_of(hold.point)},
                      {"thread", hold.thread},
                      {"thread_name", hold.thread_name},
                      {"phase", name_of(hold.phase)},
                      {"nth", hold.nth},
                      {"time", format_duration(hold.time)},
                      {"sends_signal", hold.sends_signal}};
  if (hold.follows) object["follows"] = true;
  return object;
}

ThreadHold hold_in(const json::value& value) {
  const auto& object = object_in(value, "a hold");
  return {.point = point_in(at(object, "point")),
          .thread = get<int>(object, "thread"),
          .thread_name = get<std::string>(object, "thread_name"),
          .phase = phase_in(object),
          .nth = get<std::uint64_t>(object, "nth"),
          .time = duration(object, "time"),
          .sends_signal = get<bool>(object, "sends_signal"),
          .follows = object.contains("follows") && get<bool>(object, "follows")};
}

HuntPlan plan_in(const json::object& object) {
  if (get<std::string>(object, "kind") != kKind) throw std::runtime_error("it is of another kind");
  if (get<int>(object, "version") != HuntPlan::kVersion)
    throw std::runtime_error("it has another version than " + std::to_string(HuntPlan::kVersion));
  HuntPlan plan;
  plan.command = get<std::vector<std::string>>(object, "command");
  if (plan.command.empty()) throw std::runtime_error("\"command\" is empty");
  plan.directory = get<std::string>(object, "directory");
  plan.environment = get<std::vector<std::string>>(object, "environment");
  const auto signal = get<std::string>(object, "signal");
  if (signal != "none") {
    const auto number = signal_number(signal);
    if (!number) throw std::runtime_error("\"signal\" cannot be \"" + signal + "\"");
    plan.signal = *number;
  }
  plan.ready = get<std::string>(object, "ready");
  if (object.contains("companion")) plan.companion = get<std::string>(object, "companion");
  plan.signal_after = duration(object, "signal_after");
  if (object.contains("signal_at_call"))
    plan.signal_at_call = get<std::uint64_t>(object, "signal_at_call");
  for (const auto& hold : list_in(object, "holds")) plan.holds.push_back(hold_in(hold));
  if (!plan.holds.empty() && plan.holds.front().follows)
    throw std::runtime_error("the first hold cannot follow another one");
  plan.exit_barrier = get<bool>(object, "exit_barrier");
  for (const auto& point : list_in(object, "armed")) plan.armed.push_back(point_in(point));
  plan.build_ids = get<std::map<std::string, std::string>>(object, "build_ids");
  if (object.contains("failure_pattern"))
    plan.failure_pattern = get<std::string>(object, "failure_pattern");
  if (object.contains("exit_code")) plan.exit_code = get<int>(object, "exit_code");
  plan.usual_ends = get<std::vector<std::string>>(object, "usual_ends");
  plan.failure = get<std::string>(object, "failure");
  return plan;
}

std::string ordinal(std::uint64_t number) {
  const auto tens = number % 100;
  const char* ending = "th";
  if (tens < 11 || tens > 13) {
    if (number % 10 == 1) ending = "st";
    if (number % 10 == 2) ending = "nd";
    if (number % 10 == 3) ending = "rd";
  }
  return std::to_string(number) + ending;
}

std::string text_of(const ThreadHold& hold, bool is_signalled) {
  std::string text = "hold ";
  if (hold.thread == kAnyThread) {
    text += hold.nth == kEveryTime     ? "every thread"
            : hold.thread_name.empty() ? "any thread"
                                       : "a thread";
    if (!hold.thread_name.empty()) text += " `" + hold.thread_name + "`";
  } else if (hold.thread == 0) {
    text += "the main thread";
  } else {
    text += "thread " + std::to_string(hold.thread);
    if (!hold.thread_name.empty()) text += " `" + hold.thread_name + "`";
  }
  switch (hold.point.kind) {
    case PointKind::atomic:
      text += " before the atomic access at ";
      break;
    case PointKind::access:
      text += " before the access at ";
      break;
    case PointKind::after_call:
      text += " after the call, at ";
      break;
    case PointKind::entry:
    case PointKind::library:
      text += " before ";
      break;
  }
  text += "`" + short_point_text(hold.point) + "` (" +
          (hold.nth == kEveryTime ? "every" : ordinal(hold.nth)) + " time";
  if (hold.follows) {
    text += " while that one stands";
  } else if (is_signalled) {
    text += hold.phase == HuntPhase::stop    ? " after the stop"
            : hold.phase == HuntPhase::start ? " before it is ready"
                                             : " once it is ready";
  }
  text += ")";
  if (hold.sends_signal) text += ", send the signal there,";
  return text + " for " + exact_duration(hold.time);
}

}  // namespace

bool slows_all(const HuntPlan& plan) {
  return !plan.armed.empty() || std::ranges::any_of(plan.holds, [](const ThreadHold& hold) {
    return hold.nth == kEveryTime;
  });
}

std::string hunt_plan_json(const HuntPlan& plan) {
  json::object object{{"kind", kKind}, {"version", HuntPlan::kVersion}};
  object["says"] = sentence_of(plan);
  object["failure"] = plan.failure;
  object["command"] = json::value_from(plan.command);
  object["directory"] = plan.directory;
  object["environment"] = json::value_from(plan.environment);
  object["signal"] = plan.signal == 0 ? "none" : signal_name(plan.signal);
  object["ready"] = plan.ready;
  if (!plan.companion.empty()) object["companion"] = plan.companion;
  object["signal_after"] = format_duration(plan.signal_after);
  if (plan.signal_at_call) object["signal_at_call"] = *plan.signal_at_call;
  json::array holds;
  for (const auto& hold : plan.holds) holds.push_back(json_of_hold(hold));
  object["holds"] = std::move(holds);
  object["exit_barrier"] = plan.exit_barrier;
  object["build_ids"] = json::value_from(plan.build_ids);
  if (plan.exit_code) object["exit_code"] = *plan.exit_code;
  if (!plan.failure_pattern.empty()) object["failure_pattern"] = plan.failure_pattern;
  object["usual_ends"] = json::value_from(plan.usual_ends);
  json::array armed;
  for (const auto& point : plan.armed) armed.push_back(json_of(point));
  object["armed"] = std::move(armed);
  return json::serialize(object) + "\n";
}

Result<HuntPlan> parse_hunt_plan(std::string_view text) {
  boost::system::error_code problem;
  const auto value = json::parse(text, problem);
  if (problem || !value.is_object()) return Error{"read", "the plan", 0, "it is no JSON object"};
  try {
    return plan_in(value.get_object());
  } catch (const std::runtime_error& error) {
    return Error{"read", "the plan", 0, error.what()};
  }
}

bool is_hunt_plan(std::string_view text) {
  const auto begin = text.substr(0, 200);
  return begin.find(kKind) != begin.npos;
}

std::string sentence_of(const HuntPlan& plan) {
  std::string text;
  for (const auto& hold : plan.holds) {
    if (!text.empty()) text += ", then ";
    text += text_of(hold, plan.signal != 0);
  }
  if (plan.signal_at_call) {
    if (!text.empty()) text += ", and ";
    text += "send " + signal_name(plan.signal) + " at the " + ordinal(*plan.signal_at_call) +
            " system call once it is ready";
  }
  if (!plan.armed.empty()) {
    if (!text.empty()) text += ", and ";
    text += "stop every thread for a moment at " + std::to_string(plan.armed.size()) + " places";
  }
  if (text.empty()) text = "only run it";
  if (plan.exit_barrier) text += ", with the exit barrier";
  return text;
}

}  // namespace lastcall

#include <algorithm>
#include <array>
#include <set>

#include "base/text.hpp"
#include "lastcall/embed_schedule.hpp"

namespace lastcall::embed {
inline namespace v1 {
namespace {

using std::chrono::nanoseconds;

constexpr std::array<std::string_view, 7> kWords{"open", "send",  "close", "stop",
                                                 "hang", "pause", "meet"};

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};
constexpr std::array<Unit, 3> kUnits{{{"ms", 1'000'000}, {"us", 1'000}, {"ns", 1}}};

std::string text_of(nanoseconds time) {
  const auto unit = std::ranges::find_if(
      kUnits, [&](const Unit& u) { return time.count() % u.nanoseconds == 0; });
  return std::to_string(time.count() / unit->nanoseconds) + std::string(unit->name);
}

std::optional<nanoseconds> time_of(std::string_view text) {
  for (const auto& unit : kUnits) {
    if (!text.ends_with(unit.name)) continue;
    const auto count = parse_number<std::int64_t>(text.substr(0, text.size() - unit.name.size()));
    if (!count || *count < 0 || *count > Schedule::kLongest.count()) return std::nullopt;
    return nanoseconds(*count * unit.nanoseconds);
  }
  return std::nullopt;
}

bool names_a_connection(Operation operation) {
  return operation == Operation::open || operation == Operation::send ||
         operation == Operation::close;
}

std::string problem(const Step& step) {
  const bool has_number = names_a_connection(step.operation) || step.operation == Operation::meet;
  const bool has_time = step.operation == Operation::send || step.operation == Operation::pause;
  if (step.number > (has_number ? Schedule::kMaxNumber : 0)) {
    return has_number ? "the number is above " + std::to_string(Schedule::kMaxNumber)
                      : "takes no number";
  }
  if (step.time < nanoseconds(0) || step.time > (has_time ? Schedule::kLongest : nanoseconds(0))) {
    return has_time ? "the time is not between 0 and " + text_of(Schedule::kLongest)
                    : "takes no time";
  }
  if (step.reason != StopReason::terminate && step.operation != Operation::stop) {
    return "takes no reason";
  }
  return "";
}

// A word of the text as a step, or what is wrong with it.
std::string read_step(std::string_view word, Step& step) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0; from <= word.size();) {
    const auto colon = std::min(word.find(':', from), word.size());
    parts.push_back(word.substr(from, colon - from));
    from = colon + 1;
  }
  const auto known = std::ranges::find(kWords, parts[0]);
  if (known == kWords.end()) return "there is no step '" + std::string(parts[0]) + "'";
  step.operation = static_cast<Operation>(known - kWords.begin());
  std::size_t used = 1;
  const auto next = [&] { return used < parts.size() ? parts[used++] : std::string_view(); };
  if (names_a_connection(step.operation) || step.operation == Operation::meet) {
    const auto number = parse_number<std::uint32_t>(next());
    if (!number) return "needs a number: '" + std::string(parts[0]) + ":0'";
    step.number = *number;
  }
  const bool may_have_time = step.operation == Operation::send && used < parts.size();
  if (step.operation == Operation::pause || may_have_time) {
    const auto time = time_of(next());
    if (!time) {
      return "needs a time of at most " + text_of(Schedule::kLongest) + ", such as 500us";
    }
    step.time = *time;
  }
  if (step.operation == Operation::stop && used < parts.size()) {
    if (next() != "int") return "can only be 'stop' or 'stop:int'";
    step.reason = StopReason::interrupt;
  }
  if (used < parts.size()) return "'" + std::string(parts[used]) + "' is too much";
  return problem(step);
}

std::string place_name(std::size_t thread, std::size_t step) {
  return "thread " + std::to_string(thread + 1) + ", step " + std::to_string(step + 1) + ": ";
}

}  // namespace

std::string to_string(const Step& step) {
  std::string text(kWords.at(static_cast<std::size_t>(step.operation)));
  if (names_a_connection(step.operation) || step.operation == Operation::meet) {
    text += ":" + std::to_string(step.number);
  }
  if (step.operation == Operation::pause || step.time != nanoseconds(0)) {
    text += ":" + text_of(step.time);
  }
  if (step.reason == StopReason::interrupt) text += ":int";
  return text;
}

std::string to_string(const Schedule& schedule) {
  std::string text;
  for (std::size_t t = 0; t < schedule.threads.size(); ++t) {
    if (t > 0) text += " | ";
    for (std::size_t s = 0; s < schedule.threads[t].size(); ++s) {
      text += (s > 0 ? " " : "") + to_string(schedule.threads[t][s]);
    }
  }
  return text;
}

ParsedSchedule parse(std::string_view text) {
  constexpr std::string_view kBlank = " \t\n";
  ParsedSchedule parsed;
  Schedule schedule;
  const auto wrong = [&](std::size_t place, std::string error) {
    parsed.place = place;
    parsed.error = std::move(error);
    return parsed;
  };
  schedule.threads.emplace_back();
  for (std::size_t at = 0; at < text.size();) {
    if (kBlank.find(text[at]) != std::string_view::npos) {
      ++at;
      continue;
    }
    if (text[at] == '|') {
      schedule.threads.emplace_back();
      ++at;
      continue;
    }
    const auto end = std::min(text.find_first_of(" \t\n|", at), text.size());
    const auto place = place_name(schedule.threads.size() - 1, schedule.threads.back().size());
    Step step;
    if (const auto error = read_step(text.substr(at, end - at), step); !error.empty()) {
      return wrong(at, place + error);
    }
    schedule.threads.back().push_back(step);
    if (const auto error = problem(schedule); !error.empty()) return wrong(at, error);
    at = end;
  }
  if (const auto error = problem(schedule); !error.empty()) return wrong(text.size(), error);
  parsed.schedule = std::move(schedule);
  return parsed;
}

std::string problem(const Schedule& schedule) {
  if (schedule.threads.empty()) return "no thread";
  if (schedule.threads.size() > Schedule::kMaxThreads) {
    return "more than " + std::to_string(Schedule::kMaxThreads) + " threads";
  }
  for (std::size_t t = 0; t < schedule.threads.size(); ++t) {
    const auto& steps = schedule.threads[t];
    if (steps.size() > Schedule::kMaxSteps) {
      return "thread " + std::to_string(t + 1) + " has more than " +
             std::to_string(Schedule::kMaxSteps) + " steps";
    }
    std::set<std::uint32_t> met;
    for (std::size_t s = 0; s < steps.size(); ++s) {
      if (const auto error = problem(steps[s]); !error.empty()) return place_name(t, s) + error;
      if (steps[s].operation == Operation::meet && !met.insert(steps[s].number).second) {
        return place_name(t, s) + "meets twice";
      }
    }
  }
  return "";
}

}  // namespace v1
}  // namespace lastcall::embed

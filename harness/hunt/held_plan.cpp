#include "hunt/held_plan.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "base/durations.hpp"
#include "fault/code_place.hpp"
#include "plan/plan_file.hpp"
#include "search/conflict_attempts.hpp"
#include "search/hunt_plan.hpp"

namespace lastcall {
namespace {

// Shorter ones do not last on a busy machine.
constexpr Nanoseconds kShortestReplayed = std::chrono::milliseconds(8);

// As a pattern that nothing but this name matches (fnmatch(3)).
std::string literally(std::string_view name) {
  std::string pattern;
  for (const char c : name) {
    if (std::string_view("*?[\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

std::string place_text(const CodePoint& point) {
  if (point.within == 0) return point.function;
  std::array<char, 16> digits{};
  const auto written =
      std::to_chars(digits.data(), digits.data() + digits.size(), point.within, 16);
  return point.function + "+0x" + std::string(digits.data(), written.ptr);
}

std::optional<NthVisit> visit_of(const ThreadHold& hold, bool is_followed) {
  if (hold.point.function.empty() || hold.nth == kEveryTime) return std::nullopt;
  auto place = place_text(hold.point);
  if (code_place(place) != CodePlace{hold.point.function, hold.point.within}) return std::nullopt;
  return NthVisit{.function = std::move(place),
                  .thread = literally(hold.thread_name),
                  .phase = hold.phase == HuntPhase::stop ? Phase::drain : Phase::load,
                  .nth = hold.nth,
                  .hold = is_followed ? kFollowedHold : kHeldFor,
                  .follows = hold.follows};
}

ThreadHold hold_of(const NthVisit& visit, bool sends_signal) {
  const auto place = code_place(visit.function);
  return {.point = {.function = place.function, .within = place.within},
          .thread_name = visit.thread,
          .phase = visit.phase == Phase::drain  ? HuntPhase::stop
                   : visit.phase == Phase::load ? HuntPhase::run
                                                : HuntPhase::start,
          .nth = visit.nth,
          .time = visit.hold,
          .sends_signal = sends_signal,
          .follows = visit.follows};
}

bool is_hold(const Fault& fault) { return std::holds_alternative<HoldThread>(fault.act); }

std::vector<Fault> drawn_faults(const Plan& plan) {
  return draw_plan(plan.scenario_file, plan.scenario_text, plan.scenario, plan.seed).faults;
}

// The positions in a group of the clients that take part.
std::vector<std::uint32_t> present(const Plan& plan, std::size_t group) {
  std::vector<std::uint32_t> positions;
  const auto& overrides = plan.groups[group].overrides;
  for (std::uint32_t i = 0; i < plan.scenario.clients[group].count; ++i) {
    const auto change = overrides.find(i);
    if (change == overrides.end() || !change->second.absent) positions.push_back(i);
  }
  return positions;
}

std::string name_of_group(const Plan& plan, std::size_t group) {
  const auto& name = plan.scenario.clients[group].name;
  return name.empty() ? "group " + std::to_string(group + 1) : "\"" + name + "\"";
}

class Steps {
 public:
  explicit Steps(const Plan& plan) : plan_(plan), stop_(stop_fault(plan)) {}

  std::vector<Smaller<Plan>> all() {
    for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
      if (is_hold(plan_.faults[i])) leave_out(i, "without the hold " + std::to_string(i + 1));
    }
    for (std::size_t i = 0; i < plan_.faults.size(); ++i) simplify(i);
    std::size_t groups = 0;
    for (std::size_t g = 0; g < plan_.groups.size(); ++g)
      groups += present(plan_, g).empty() ? 0 : 1;
    for (std::size_t g = 0; g < plan_.groups.size(); ++g) fewer_clients(g, groups > 1);
    for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
      if (!is_hold(plan_.faults[i]) && i != stop_)
        leave_out(i, "without fault " + std::to_string(i + 1));
    }
    return std::move(steps_);
  }

 private:
  template <class Change>
  void add(std::string step, const Change& change) {
    Smaller<Plan> smaller{plan_, std::move(step)};
    change(smaller.plan);
    steps_.push_back(std::move(smaller));
  }

  void leave_out(std::size_t fault, std::string step) {
    add(std::move(step), [fault](Plan& plan) {
      plan.faults.erase(plan.faults.begin() + static_cast<std::ptrdiff_t>(fault));
      if (fault == plan.faults.size()) return;
      auto* next = std::get_if<NthVisit>(&plan.faults[fault].when);
      const bool is_behind_visit =
          fault > 0 && std::holds_alternative<NthVisit>(plan.faults[fault - 1].when);
      if (next != nullptr) next->follows = next->follows && is_behind_visit;
    });
  }

  void simplify(std::size_t fault) {
    const auto* visit = std::get_if<NthVisit>(&plan_.faults[fault].when);
    if (visit == nullptr) return;
    const auto change = [&](const std::string& step, const auto& what) {
      add(step + " at " + visit->function,
          [&](Plan& plan) { what(std::get<NthVisit>(plan.faults[fault].when)); });
    };
    if (visit->nth > 1) change("for the 1st time", [](NthVisit& one) { one.nth = 1; });
    if (!visit->thread.empty()) change("for any thread", [](NthVisit& one) { one.thread.clear(); });
    if (visit->hold > kShortestReplayed) {
      change("for " + exact_duration(kShortestReplayed),
             [](NthVisit& one) { one.hold = kShortestReplayed; });
    }
  }

  void fewer_clients(std::size_t group, bool may_be_none) {
    const auto there = present(plan_, group);
    const auto without = [&](std::size_t from, std::size_t to, const std::string& step) {
      add(step, [&](Plan& plan) {
        for (auto i = from; i < to; ++i) plan.groups[group].overrides[there[i]].absent = true;
      });
    };
    const auto name = name_of_group(plan_, group);
    if (!there.empty() && may_be_none) without(0, there.size(), "without the clients of " + name);
    if (there.size() < 2) return;
    const auto half = there.size() / 2;
    without(half, there.size(), "with the first half of the clients of " + name);
    without(0, half, "with the second half of the clients of " + name);
  }

  const Plan& plan_;
  std::optional<std::size_t> stop_;
  std::vector<Smaller<Plan>> steps_;
};

}  // namespace

std::optional<std::size_t> stop_fault(const Plan& plan) {
  const auto& stops = plan.scenario.target.stop.signals;
  for (std::size_t i = 0; i < plan.faults.size(); ++i) {
    const auto* sent = std::get_if<SendSignals>(&plan.faults[i].act);
    if (sent != nullptr && std::ranges::count(stops, sent->steps.front().signal) > 0) return i;
  }
  return std::nullopt;
}

std::optional<Plan> held_plan(const Plan& plan, const Attempt& attempt) {
  const auto stop = stop_fault(plan);
  const auto own = plan.scenario.faults.size();
  if (attempt.signal_at_call || attempt.arms_all || attempt.holds.empty()) return std::nullopt;
  if (plan.faults.size() + attempt.holds.size() > own + kMostAddedHolds) return std::nullopt;
  auto held = plan;
  for (std::size_t i = 0; i < attempt.holds.size(); ++i) {
    const auto& hold = attempt.holds[i];
    const auto visit = visit_of(hold, i + 1 < attempt.holds.size() && attempt.holds[i + 1].follows);
    if (!visit || (hold.sends_signal && !stop)) return std::nullopt;
    if (hold.sends_signal) {
      held.faults[*stop].when = *visit;
    } else {
      held.faults.push_back({*visit, HoldThread{}});
    }
  }
  return held;
}

Plan without_holds(const Plan& plan) {
  const auto drawn = drawn_faults(plan);
  auto free = plan;
  free.faults = drawn;
  const auto stop = stop_fault(free);
  free.faults.clear();
  for (const auto& fault : plan.faults) {
    if (std::ranges::find(drawn, fault) != drawn.end()) {
      free.faults.push_back(fault);
    } else if (!is_hold(fault)) {
      const bool is_moved = std::holds_alternative<NthVisit>(fault.when) && stop.has_value();
      free.faults.push_back(is_moved ? drawn[*stop] : fault);
    }
  }
  return free;
}

std::vector<Smaller<Plan>> smaller_plans(const Plan& plan) { return Steps(plan).all(); }

std::string sentence_of(const Plan& plan) {
  const auto stop = stop_fault(plan);
  HuntPlan told;
  if (stop) told.signal = std::get<SendSignals>(plan.faults[*stop].act).steps.front().signal;
  for (std::size_t i = 0; i < plan.faults.size(); ++i) {
    const auto* visit = std::get_if<NthVisit>(&plan.faults[i].when);
    if (visit != nullptr) told.holds.push_back(hold_of(*visit, i == stop));
  }
  auto text = sentence_of(told);
  std::size_t clients = 0;
  std::size_t all = 0;
  for (std::size_t group = 0; group < plan.groups.size(); ++group) {
    clients += present(plan, group).size();
    all += plan.scenario.clients[group].count;
  }
  if (clients < all)
    text += ", with " + std::to_string(clients) + " of " + std::to_string(all) + " clients";
  return text;
}

}  // namespace lastcall

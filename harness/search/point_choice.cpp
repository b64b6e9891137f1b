#include "search/point_choice.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

namespace lastcall {
namespace {

bool is_inside(const CodePoint& point) {
  return point.kind != PointKind::entry && point.kind != PointKind::library;
}

PointChoice first_of(std::vector<CodePoint> points, std::size_t most) {
  PointChoice choice{.points = std::move(points)};
  if (choice.points.size() > most) {
    choice.left_out = choice.points.size() - most;
    choice.points.resize(most);
  }
  return choice;
}

PointChoice functions_of(std::vector<CodePoint> all, std::size_t most) {
  std::erase_if(all, is_inside);
  return first_of(std::move(all), most);
}

// A thread without a name of its own is known by its number.
using Role = std::pair<std::string, int>;
Role role_of(const Visit& visit) {
  return {visit.thread_name, visit.thread_name.empty() ? visit.thread : kAnyThread};
}

// The latest phase in which threads of a role came to a function.
using Meetings = std::map<FunctionStart, std::map<Role, HuntPhase>>;
Meetings meetings_in(const Calibration& met) {
  Meetings meetings;
  for (const auto& visit : met.visits) {
    auto& roles = meetings[function_of(met.points[visit.point])];
    auto& phase = roles.try_emplace(role_of(visit), visit.phase).first->second;
    phase = std::max(phase, visit.phase);
  }
  return meetings;
}

// How late it is worth a look, and the position in all places.
struct Turn {
  HuntPhase phase;
  bool is_access;
  std::size_t position;
  [[nodiscard]] auto rank() const {
    return std::tuple(-static_cast<int>(phase), is_access, position);
  }
};

// The positions that are chosen, of those that each role wants in its order.
std::set<std::size_t> taken_in_turn(std::map<Role, std::vector<Turn>> wanted, std::size_t most) {
  for (auto& [role, turns] : wanted) std::ranges::sort(turns, {}, &Turn::rank);
  std::set<std::size_t> taken;
  std::map<Role, std::size_t> next;
  for (bool is_any = true; is_any && taken.size() < most;) {
    is_any = false;
    for (const auto& [role, turns] : wanted) {
      auto& at = next[role];
      while (at < turns.size() && taken.contains(turns[at].position)) ++at;
      if (at == turns.size() || taken.size() == most) continue;
      taken.insert(turns[at].position);
      is_any = true;
    }
  }
  return taken;
}

PointChoice insides_of(std::vector<CodePoint> all, const Calibration& met, std::size_t most) {
  std::set<FunctionStart> looked_at;
  for (const auto& point : functions_of(all, most).points) looked_at.insert(function_of(point));
  const auto meetings = meetings_in(met);
  PointChoice choice;
  std::map<Role, std::vector<Turn>> wanted;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& point = all[i];
    if (!is_inside(point)) continue;
    const auto function = function_of(point);
    const auto found = meetings.find(function);
    if (found == meetings.end()) {
      ++(looked_at.contains(function) ? choice.unmet : choice.left_out);
      continue;
    }
    ++choice.left_out;
    for (const auto& [role, phase] : found->second)
      wanted[role].push_back({phase, point.kind == PointKind::access, i});
  }
  for (const auto i : taken_in_turn(std::move(wanted), most))
    choice.points.push_back(std::move(all[i]));
  choice.left_out -= choice.points.size();
  return choice;
}

}  // namespace

FunctionStart function_of(const CodePoint& point) {
  return {point.module, point.offset - point.within};
}

PointChoice choose_points(std::vector<CodePoint> all, PointScope scope, const Calibration& met,
                          std::size_t most) {
  if (scope == PointScope::functions) return functions_of(std::move(all), most);
  if (scope == PointScope::insides) return insides_of(std::move(all), met, most);
  std::ranges::stable_sort(all, {}, [](const CodePoint& point) {
    if (point.kind == PointKind::access) return 2;
    return is_inside(point) ? 1 : 0;
  });
  return first_of(std::move(all), most);
}

Calibration joined(Calibration first, const Calibration& second) {
  const auto known = first.points.size();
  std::ranges::copy(second.points, std::back_inserter(first.points));
  for (auto visit : second.visits) {
    visit.point += known;
    first.visits.push_back(std::move(visit));
  }
  for (auto conflict : second.conflicts) {
    conflict.point += known;
    conflict.write += known;
    first.conflicts.push_back(std::move(conflict));
  }
  first.threads_are_stable = first.threads_are_stable && second.threads_are_stable;
  return first;
}

}  // namespace lastcall

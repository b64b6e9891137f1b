#include "search/conflict_attempts.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "search/point_choice.hpp"

namespace lastcall {
namespace {

// Where the second thread stands, counted in places from where it looks at the memory.
constexpr std::array<std::ptrdiff_t, 3> kBehindLook{1, 0, 2};

class Pairs {
 public:
  explicit Pairs(const Calibration& calibration)
      : calibration_(calibration),
        phase_(calibration.is_signalled ? HuntPhase::stop : HuntPhase::run) {
    for (const auto& visit : calibration.visits) {
      if (visit.phase != phase_) continue;
      visits_[visit.point].push_back(&visit);
      const auto& point = calibration.points[visit.point];
      functions_[function_of(point)].emplace(point.within, visit.point);
    }
  }

  std::deque<Attempt> all() {
    std::array<std::deque<Attempt>, 2 * kBehindLook.size()> ranks;
    for (const auto& conflict : calibration_.conflicts) {
      const auto* writer = visit_of(conflict.write, conflict.writer, conflict.writer_name);
      if (writer == nullptr) continue;
      const auto places = places_of(conflict);
      const auto look = std::ranges::find(places, conflict.point, &Visit::point);
      if (look == places.end()) continue;
      for (std::size_t i = 0; i < kBehindLook.size(); ++i) {
        if (places.end() - look <= kBehindLook[i]) continue;
        const auto rank = i + (conflict.written_then_only ? 0 : kBehindLook.size());
        add(ranks[rank], *writer, **(look + kBehindLook[i]));
      }
    }
    std::deque<Attempt> all;
    for (auto& rank : ranks) std::ranges::move(rank, std::back_inserter(all));
    return all;
  }

 private:
  [[nodiscard]] const Visit* visit_of(std::size_t point, int thread,
                                      const std::string& name) const {
    const auto known = visits_.find(point);
    if (known == visits_.end()) return nullptr;
    const auto& visits = known->second;
    auto found = std::ranges::find(visits, thread, &Visit::thread);
    if (found == visits.end()) found = std::ranges::find(visits, name, &Visit::thread_name);
    return found == visits.end() ? nullptr : *found;
  }

  // That the thread comes to in the function where it looks at the memory, in their order.
  [[nodiscard]] std::vector<const Visit*> places_of(const Conflict& conflict) const {
    std::vector<const Visit*> places;
    const auto known = functions_.find(function_of(calibration_.points[conflict.point]));
    if (known == functions_.end()) return places;
    for (const auto& [within, point] : known->second) {
      if (const auto* visit = visit_of(point, conflict.thread, conflict.thread_name))
        places.push_back(visit);
    }
    return places;
  }

  void add(std::deque<Attempt>& pairs, const Visit& writer, const Visit& place) {
    const auto key = std::tuple(writer.point, writer.thread, place.point, place.thread);
    if (!seen_.insert(key).second) return;
    pairs.push_back(
        {.kind = SearchKind::pairs,
         .holds = {hold_of(writer, kFollowedHold, false), hold_of(place, kFollowingHold, true)}});
  }

  [[nodiscard]] ThreadHold hold_of(const Visit& visit, Nanoseconds time, bool follows) const {
    return {.point = calibration_.points[visit.point],
            .thread = visit.thread,
            .thread_name = visit.thread_name,
            .phase = visit.phase,
            .nth = 1,
            .time = time,
            .follows = follows};
  }

  const Calibration& calibration_;
  HuntPhase phase_;
  std::map<std::size_t, std::vector<const Visit*>> visits_;  // by point; only those in the phase
  std::map<FunctionStart, std::map<std::uint64_t, std::size_t>>
      functions_;  // points by their place
  std::set<std::tuple<std::size_t, int, std::size_t, int>> seen_;
};

}  // namespace

std::deque<Attempt> conflict_attempts(const Calibration& calibration) {
  return Pairs(calibration).all();
}

}  // namespace lastcall

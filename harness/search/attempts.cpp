#include "search/attempts.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace lastcall {
namespace {

using namespace std::chrono_literals;

// Long enough for all others to do what they would in the window; a trial costs little more.
constexpr Nanoseconds kFirstHold = 3ms;
constexpr Nanoseconds kLaterHold = 10ms;
// A signal at every further call would take the turns of all else.
constexpr std::uint64_t kMostCalls = 60;
// What each queue gets of the attempts, while all have some.
constexpr std::array<std::uint64_t, 6> kShares{4, 4, 3, 2, 2, 1};

template <class T>
void shuffle(std::deque<T>& queue, Prng& prng) {
  for (std::size_t i = queue.size(); i > 1; --i)
    std::swap(queue[i - 1], queue[prng.between(0, i - 1)]);
}

}  // namespace

std::string search_name(SearchKind kind) {
  switch (kind) {
    case SearchKind::shaker:
      return "shaker";
    case SearchKind::sweep:
      return "sweep";
    case SearchKind::pairs:
      return "pairs";
    case SearchKind::signal_placement:
      return "signal placement";
  }
  return {};
}

Attempts::Attempts(Calibration calibration, std::uint64_t seed)
    : calibration_(std::move(calibration)), prng_(Prng::split(seed, "attempts")) {
  if (!calibration_.threads_are_stable) {
    // Every thread is any: their visits are one.
    std::map<std::pair<std::size_t, HuntPhase>, Visit> merged;
    for (const auto& visit : calibration_.visits) {
      auto& one = merged[{visit.point, visit.phase}];
      const auto times = one.times + visit.times;
      one = visit;
      one.thread = kAnyThread;
      one.thread_name.clear();
      one.times = times;
    }
    calibration_.visits.clear();
    for (auto& [key, visit] : merged) calibration_.visits.push_back(std::move(visit));
  }
  plan_singles();
}

ThreadHold Attempts::hold_of(const Visit& visit, std::uint64_t nth) const {
  return {.point = calibration_.points[visit.point],
          .thread = visit.thread,
          .thread_name = visit.thread_name,
          .phase = visit.phase,
          .nth = nth,
          .time = round_ == 0 ? kFirstHold : kLaterHold,
          .sends_signal = calibration_.is_signalled && visit.phase == HuntPhase::run};
}

void Attempts::add(Queue queue, const Visit& visit, std::uint64_t nth, HuntPhase) {
  queues_[queue].push_back({.kind = SearchKind::sweep, .holds = {hold_of(visit, nth)}});
}

// One of each (thread, place, phase) first; later times of the same after all these.
void Attempts::plan_singles() {
  for (const auto& visit : calibration_.visits) {
    if (visit.phase == HuntPhase::start) continue;
    const auto kind = calibration_.points[visit.point].kind;
    auto queue = own;
    if (kind == PointKind::atomic || kind == PointKind::after_call) {
      queue = inside;
    } else if (kind == PointKind::library) {
      queue = library;
    } else if (calibration_.is_signalled && visit.phase == HuntPhase::run) {
      queue = at_run;
    }
    add(queue, visit, 1, visit.phase);
    for (const std::uint64_t nth : std::set<std::uint64_t>{2, 3, visit.times / 2, visit.times}) {
      if (nth > 1 && nth <= visit.times) add(later, visit, nth, visit.phase);
    }
  }
  for (std::uint64_t k = 1;
       calibration_.is_signalled && k <= std::min(calibration_.calls, kMostCalls); ++k)
    queues_[calls].push_back({.kind = SearchKind::signal_placement, .signal_at_call = k});
  for (auto& queue : queues_) {
    shuffle(queue, prng_);
    for (auto& attempt : queue) attempt.exit_barrier = prng_.between(0, 1) == 1;
    planned_ += queue.size();
  }
}

std::optional<Attempt> Attempts::pair() {
  std::vector<const Visit*> some;
  for (const auto& visit : calibration_.visits) {
    if (visit.phase != HuntPhase::start) some.push_back(&visit);
  }
  if (some.size() < 2) return std::nullopt;
  Attempt attempt{.kind = SearchKind::pairs, .exit_barrier = prng_.between(0, 1) == 1};
  bool sends = false;
  for (int i = 0; i < 2; ++i) {
    const auto& visit = *some[prng_.between(0, some.size() - 1)];
    auto hold = hold_of(visit, prng_.between(1, std::min<std::uint64_t>(visit.times, 3)));
    hold.sends_signal = hold.sends_signal && !std::exchange(sends, true);
    hold.time = Nanoseconds(1ms) * static_cast<std::int64_t>(prng_.between(2, 10));
    attempt.holds.push_back(std::move(hold));
  }
  return attempt;
}

std::optional<Attempt> Attempts::next() {
  // A third of the attempts once everything has been tried once.
  if (round_ > 0 && prng_.between(0, 2) == 0) {
    if (auto made = pair()) {
      ++handed_out_;
      return made;
    }
  }
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    if (queues_[i].empty()) continue;
    if (!best || taken_[i] * kShares[*best] < taken_[*best] * kShares[i]) best = i;
  }
  if (!best) {
    if (planned_ == 0) return std::nullopt;
    ++round_;
    planned_ = 0;
    taken_ = {};
    plan_singles();
    return next();
  }
  ++taken_[*best];
  ++handed_out_;
  auto attempt = std::move(queues_[*best].front());
  queues_[*best].pop_front();
  return attempt;
}

}  // namespace lastcall

#include "search/attempts.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "search/conflict_attempts.hpp"

namespace lastcall {
namespace {

using namespace std::chrono_literals;

// Long enough for all others to do what they would in the window; a trial costs little more.
// What takes longer than that is waited for in later rounds.
constexpr std::array<Nanoseconds, 4> kHoldTimes{3ms, 10ms, 40ms, 150ms};
// A signal at every further call would take the turns of all else.
constexpr std::uint64_t kMostCalls = 60;
// What each queue gets of the attempts, while all have some.
constexpr std::array<std::uint64_t, 10> kShares{1, 8, 4, 4, 3, 4, 2, 2, 2, 1};
// The first visits are tried anyway.
constexpr std::uint64_t kEarliestCorrected = 4;
// The number of visits differs from trial to trial, so a further trial may be none the wiser.
constexpr int kMostCorrections = 3;
// In a row: then nobody comes anywhere any more.
constexpr std::size_t kMostWasted = 100'000;
// Holding all who come to a place that is visited more often would take the whole trial.
constexpr std::uint64_t kMostVisitsOfAll = 40;
constexpr Nanoseconds kLongestOfAll = 600ms;

void shuffle(auto& queue, Prng& prng) {
  for (std::size_t i = queue.size(); i > 1; --i)
    std::swap(queue[i - 1], queue[prng.between(0, i - 1)]);
}

// One of each turn after the other, in the order of the queue. `turn_of` an attempt: whose it is.
void take_turns(std::deque<Attempt>& queue, const auto& turn_of) {
  std::map<int, std::size_t> taken;
  std::vector<std::pair<std::size_t, Attempt>> turns;
  for (auto& attempt : queue) {
    const int who = turn_of(attempt);
    turns.emplace_back(taken[who]++, std::move(attempt));
  }
  std::ranges::stable_sort(turns, {}, &std::pair<std::size_t, Attempt>::first);
  queue.clear();
  for (auto& [turn, attempt] : turns) queue.push_back(std::move(attempt));
}

// Each thread has its turn: one that comes to few places does not wait until those of a busy one
// have all been tried. Threads with a name have a part of their own, and those without share one.
void take_turns(std::deque<Attempt>& queue, const std::set<int>& named) {
  const auto thread_of = [](const Attempt& attempt) {
    return attempt.holds.empty() ? kAnyThread : attempt.holds.back().thread;
  };
  take_turns(queue, thread_of);
  take_turns(queue, [&](const Attempt& attempt) {
    const int thread = thread_of(attempt);
    return named.contains(thread) ? thread : kAnyThread;
  });
}

}  // namespace

std::size_t points_met(const Calibration& calibration) {
  std::set<std::size_t> met;
  for (const auto& visit : calibration.visits) met.insert(visit.point);
  return met.size();
}

Calibration by_thread_name(const Calibration& calibration) {
  using Place = std::pair<std::size_t, HuntPhase>;
  std::map<Place, std::map<std::string, Visit>> places;
  int number = 0;
  for (const auto& visit : calibration.visits) number = std::max(number, visit.thread);
  std::map<std::string, int> numbers;
  for (auto visit : calibration.visits) {
    if (!visit.thread_name.empty()) {
      const auto [known, is_new] = numbers.try_emplace(visit.thread_name, number + 1);
      if (is_new) ++number;
      visit.thread = known->second;
    }
    auto& names = places[{visit.point, visit.phase}];
    const auto [known, is_new] = names.try_emplace(visit.thread_name, visit);
    if (is_new) continue;
    known->second.times += visit.times;
    known->second.first_tried = std::max(known->second.first_tried, visit.first_tried);
    known->second.is_shared |= visit.is_shared;
  }
  auto result = calibration;
  result.visits.clear();
  for (const auto& [name, thread] : numbers) result.named.insert(thread);
  for (auto& conflict : result.conflicts) {
    if (const auto known = numbers.find(conflict.thread_name); known != numbers.end())
      conflict.thread = known->second;
    if (const auto known = numbers.find(conflict.writer_name); known != numbers.end())
      conflict.writer = known->second;
  }
  for (auto& [place, names] : places) {
    for (auto& [name, visit] : names) {
      if (names.size() == 1) visit.thread_name.clear();
      result.visits.push_back(std::move(visit));
    }
  }
  return result;
}

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
          .time = kHoldTimes[std::min<std::size_t>(round_, kHoldTimes.size() - 1)],
          .sends_signal = calibration_.is_signalled && visit.phase == HuntPhase::run};
}

void Attempts::add(Queue queue, const Visit& visit, std::uint64_t nth) {
  if (calibration_.favoured.contains(calibration_.points[visit.point].function)) queue = favoured;
  queues_[queue].push_back({.kind = SearchKind::sweep, .holds = {hold_of(visit, nth)}});
}

// One of each (thread, place, phase) first; later times of the same after all these.
void Attempts::plan_singles() {
  for (const auto& visit : calibration_.visits) {
    if (visit.phase == HuntPhase::start) continue;
    const auto kind = calibration_.points[visit.point].kind;
    auto queue = own;
    if (kind == PointKind::access) {
      queue = visit.is_shared ? accesses : later;
    } else if (kind == PointKind::atomic || kind == PointKind::after_call) {
      queue = inside;
    } else if (kind == PointKind::library) {
      queue = library;
    } else if (calibration_.is_signalled && visit.phase == HuntPhase::run) {
      queue = at_run;
    }
    add(queue, visit, visit.first_tried);
    for (const std::uint64_t nth : std::set<std::uint64_t>{1, 2, 3, visit.times / 2, visit.times}) {
      if (nth != visit.first_tried && nth >= 1 && nth <= visit.times && visit.is_shared)
        add(later, visit, nth);
    }
  }
  for (std::uint64_t k = 1;
       calibration_.is_signalled && k <= std::min(calibration_.calls, kMostCalls); ++k)
    queues_[calls].push_back({.kind = SearchKind::signal_placement, .signal_at_call = k});
  plan_everyone();
  shuffle(calibration_.conflicts, prng_);
  queues_[conflicts] = conflict_attempts(calibration_);
  for (auto& queue : queues_) {
    if (&queue != &queues_[conflicts]) shuffle(queue, prng_);  // they have an order
    take_turns(queue, calibration_.named);
    for (auto& attempt : queue) attempt.exit_barrier = prng_.between(0, 1) == 1;
    planned_ += queue.size();
  }
}

void Attempts::plan_everyone() {
  if (calibration_.one_visit_a_hold) return;
  std::map<std::pair<std::size_t, HuntPhase>, std::vector<const Visit*>> places;
  for (const auto& visit : calibration_.visits) {
    if (visit.phase != HuntPhase::start) places[{visit.point, visit.phase}].push_back(&visit);
  }
  for (const auto& [place, visits] : places) {
    std::uint64_t times = 0;
    for (const auto* visit : visits) times += visit->times;
    const auto held = kHoldTimes[std::min<std::size_t>(round_, kHoldTimes.size() - 1)] *
                      static_cast<std::int64_t>(times);
    if (times > kMostVisitsOfAll || held > kLongestOfAll ||
        (times < 2 || (visits.size() < 2 && calibration_.threads_are_stable)))
      continue;
    auto all = *visits.front();
    all.thread = kAnyThread;
    all.thread_name.clear();
    add(everyone, all, kEveryTime);
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
  const Visit* first = nullptr;
  for (int i = 0; i < 2; ++i) {
    const auto* drawn = some[prng_.between(0, some.size() - 1)];
    // Holds of two threads say more than two holds of one.
    for (int again = 0; again < 4 && first != nullptr && drawn->thread == first->thread; ++again)
      drawn = some[prng_.between(0, some.size() - 1)];
    first = drawn;
    const auto& visit = *drawn;
    auto hold = hold_of(visit, prng_.between(1, std::min<std::uint64_t>(visit.times, 3)));
    hold.sends_signal = hold.sends_signal && !std::exchange(sends, true);
    hold.time = kHoldTimes[prng_.between(0, 1)] * static_cast<std::int64_t>(prng_.between(1, 3));
    attempt.holds.push_back(std::move(hold));
  }
  return attempt;
}

void Attempts::saw(const Attempt& attempt, std::uint64_t visits) {
  if (attempt.holds.size() != 1 || attempt.signal_at_call) return;
  const auto& hold = attempt.holds.front();
  auto& most = most_[{hold.point.module, hold.point.offset, hold.thread_name, hold.phase}];
  most = std::max(most, visits);
  if (hold.nth == kEveryTime || attempt.corrections == kMostCorrections) return;
  const bool is_stop = hold.phase == HuntPhase::stop;
  const bool is_reached = visits >= hold.nth;
  auto next = attempt;
  ++next.corrections;
  // Under load the middle is wanted, where the server is busy.
  next.holds.front().nth = is_stop ? visits : (visits + 1) / 2;
  const bool comes_later = is_reached && is_stop && visits > hold.nth;
  const bool came_less = !is_reached && visits > 0 && hold.nth >= kEarliestCorrected;
  if (came_less || (comes_later && visits >= kEarliestCorrected && calibration_.one_visit_a_hold))
    corrected_.push_back(std::move(next));
}

bool Attempts::is_waste(const Attempt& attempt) const {
  if (attempt.holds.size() != 1) return false;
  const auto& hold = attempt.holds.front();
  const auto seen =
      most_.find({hold.point.module, hold.point.offset, hold.thread_name, hold.phase});
  return seen != most_.end() && hold.nth != kEveryTime && hold.nth > seen->second;
}

// Every other one at most: the others are at places that no trial was made at.
std::optional<Attempt> Attempts::corrected() {
  if (corrected_.empty() || std::exchange(corrected_last_, true)) {
    corrected_last_ = false;
    return std::nullopt;
  }
  auto attempt = std::move(corrected_.front());
  corrected_.pop_front();
  return attempt;
}

std::optional<Attempt> Attempts::next() {
  if (auto attempt = corrected()) return attempt;
  for (std::size_t wasted = 0; wasted <= kMostWasted; ++wasted) {
    auto attempt = new_one();
    if (!attempt || !is_waste(*attempt)) return attempt;
  }
  return std::nullopt;
}

std::optional<Attempt> Attempts::new_one() {
  // Half of the attempts once everything has been tried once.
  if (round_ > 0 && prng_.between(0, 1) == 0) {
    if (auto made = pair()) {
      ++handed_out_;
      return made;
    }
  }
  std::optional<std::size_t> best;
  std::uint64_t others = 0;
  for (std::size_t i = 0; i < queues_.size(); ++i) {
    if (i == favoured) continue;
    others += taken_[i];
    if (queues_[i].empty()) continue;
    if (!best || taken_[i] * kShares[*best] < taken_[*best] * kShares[i]) best = i;
  }
  // Every other one: a log may also speak of what only notices the failure.
  if (!queues_[favoured].empty() && (!best || taken_[favoured] <= others)) best = favoured;
  if (!best) {
    if (planned_ == 0) return std::nullopt;
    ++round_;
    planned_ = 0;
    taken_ = {};
    plan_singles();
    return new_one();
  }
  ++handed_out_;
  auto attempt = std::move(queues_[*best].front());
  queues_[*best].pop_front();
  ++taken_[*best];
  return attempt;
}

}  // namespace lastcall

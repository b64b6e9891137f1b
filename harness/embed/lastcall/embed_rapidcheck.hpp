// Schedules by RapidCheck: drawn at random, shrunk by value. RapidCheck's own shrinking takes one
// run for the truth, which a race does not give, so explore() repeats runs and only takes the
// candidates from here; rc::check() works too, with that caveat.
//
//   TEST(Shutdown, HoldsUnderAnySchedule) {
//     EXPECT_EXPLORATION_HOLDS(lastcall::embed::explore(make_subject, {.trials = 300}));
//   }
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <ostream>
#include <utility>
#include <vector>

#include "lastcall/embed.hpp"

namespace lastcall::embed {
inline namespace v1 {

// What schedules look like. One more thread asks for the stop.
struct Shape {
  std::size_t threads = 3;        // at most, at least 1
  std::size_t steps = 6;          // a thread, at most
  std::uint32_t connections = 3;  // at most, at least 1
  std::chrono::nanoseconds longest_pause = std::chrono::microseconds(500);
  std::chrono::nanoseconds longest_work = std::chrono::milliseconds(2);
  bool second_stops = true;
  bool hangs = true;
};

namespace detail {

inline std::chrono::nanoseconds time_up_to(std::chrono::nanoseconds longest) {
  // In 20 parts: a round number reads better, and nobody tells them apart.
  constexpr int kParts = 20;
  return *rc::gen::inRange(0, kParts + 1) * (longest / kParts);
}

inline Step draw_step(const Shape& shape) {
  Step step;
  step.operation = *rc::gen::weightedElement<Operation>(
      {{3, Operation::open}, {6, Operation::send}, {1, Operation::close}, {3, Operation::pause}});
  if (step.operation == Operation::pause) {
    step.time = time_up_to(shape.longest_pause);
  } else {
    step.number = *rc::gen::inRange<std::uint32_t>(0, shape.connections);
  }
  if (step.operation == Operation::send) step.time = time_up_to(shape.longest_work);
  return step;
}

inline std::vector<Step> draw_stop(const Shape& shape) {
  std::vector<Step> steps;
  const auto pause = [&] {
    steps.push_back({.operation = Operation::pause, .time = time_up_to(shape.longest_pause)});
  };
  const auto one_in = [](int parts) { return *rc::gen::inRange(0, parts) == 0; };
  if (!one_in(3)) pause();
  if (shape.hangs && one_in(6)) steps.push_back({.operation = Operation::hang});
  if (one_in(2)) steps.push_back({.operation = Operation::meet});
  const auto stop = [&] {
    steps.push_back({.operation = Operation::stop,
                     .reason = one_in(2) ? StopReason::interrupt : StopReason::terminate});
  };
  stop();
  if (shape.second_stops && one_in(3)) {
    pause();
    stop();
  }
  return steps;
}

inline Schedule draw_schedule(const Shape& shape) {
  Schedule schedule;
  const auto threads = *rc::gen::inRange<std::size_t>(1, shape.threads + 1);
  for (std::size_t t = 0; t < threads; ++t) {
    auto& steps = schedule.threads.emplace_back();
    // Each thread begins with a connection of its own, as long as there are enough of them.
    const auto own = static_cast<std::uint32_t>(t) % shape.connections;
    if (*rc::gen::inRange(0, 4) != 0) {
      steps.push_back({.operation = Operation::open, .number = own});
    }
    const auto count = *rc::gen::inRange<std::size_t>(0, shape.steps);
    for (std::size_t s = 0; s < count; ++s) steps.push_back(draw_step(shape));
    const auto meet = *rc::gen::inRange<std::size_t>(0, 2 * (steps.size() + 1));
    if (meet <= steps.size()) {
      steps.insert(steps.begin() + static_cast<std::ptrdiff_t>(meet),
                   Step{.operation = Operation::meet});
    }
  }
  schedule.threads.push_back(draw_stop(shape));
  return schedule;
}

// Connections numbered from 0 in the order in which they are named, meetings likewise.
inline Schedule renumbered(Schedule schedule) {
  std::map<std::uint32_t, std::uint32_t> connections;
  std::map<std::uint32_t, std::uint32_t> meetings;
  for (auto& thread : schedule.threads) {
    for (auto& step : thread) {
      const auto operation = step.operation;
      const bool is_meeting = operation == Operation::meet;
      const bool is_connection = operation == Operation::open || operation == Operation::send ||
                                 operation == Operation::close;
      if (!is_meeting && !is_connection) continue;
      auto& numbers = is_meeting ? meetings : connections;
      const auto next = static_cast<std::uint32_t>(numbers.size());
      step.number = numbers.try_emplace(step.number, next).first->second;
    }
  }
  return schedule;
}

inline rc::Seq<Step> smaller_steps(const Step& step) {
  std::vector<Step> smaller;
  if (step.reason != StopReason::terminate) {
    smaller.push_back(step);
    smaller.back().reason = StopReason::terminate;
  }
  // None at all, or half of it, in round numbers.
  constexpr std::chrono::nanoseconds kRound = std::chrono::microseconds(10);
  for (const auto time : {std::chrono::nanoseconds(0), step.time / 2 / kRound * kRound}) {
    if (time >= step.time || (!smaller.empty() && smaller.back().time == time)) continue;
    smaller.push_back(step);
    smaller.back().time = time;
  }
  return rc::seq::fromContainer(smaller);
}

// One thread does what two did, one after the other: if that still fails, it is no race.
inline rc::Seq<std::vector<std::vector<Step>>> joined(
    const std::vector<std::vector<Step>>& threads) {
  std::vector<std::vector<std::vector<Step>>> all;
  for (std::size_t first = 0; first < threads.size(); ++first) {
    for (std::size_t then = 0; then < threads.size(); ++then) {
      if (then == first) continue;
      auto fewer = threads;
      fewer[first].insert(fewer[first].end(), threads[then].begin(), threads[then].end());
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(then));
      all.push_back(std::move(fewer));
    }
  }
  return rc::seq::fromContainer(all);
}

}  // namespace detail

// What to try in place of a schedule, most promising first: without some threads, without some
// steps, in fewer threads, in shorter times.
inline rc::Seq<Schedule> smaller(const Schedule& schedule) {
  using Threads = std::vector<std::vector<Step>>;
  const auto threads = rc::seq::concat(
      rc::shrink::removeChunks(schedule.threads),
      rc::shrink::eachElement(
          schedule.threads,
          [](const std::vector<Step>& steps) { return rc::shrink::removeChunks(steps); }),
      detail::joined(schedule.threads),
      rc::shrink::eachElement(schedule.threads, [](const std::vector<Step>& steps) {
        return rc::shrink::eachElement(steps, detail::smaller_steps);
      }));
  const auto schedules =
      rc::seq::map(threads, [](Threads fewer) { return Schedule{std::move(fewer)}; });
  const auto candidates = rc::seq::concat(rc::seq::just(detail::renumbered(schedule)), schedules);
  return rc::seq::filter(candidates, [schedule](const Schedule& candidate) {
    return candidate != schedule && problem(candidate).empty();
  });
}

inline rc::Gen<Schedule> schedules(const Shape& shape = {}) {
  const auto drawn = rc::gen::exec([shape] { return detail::draw_schedule(shape); });
  return [drawn](const rc::Random& random, int size) {
    return rc::shrinkable::shrinkRecur(drawn(random, size).value(), &smaller);
  };
}

inline void showValue(const Schedule& schedule, std::ostream& out) { out << to_string(schedule); }

// Searches for a violation: `trials` schedules of the seed, the first that fails is shrunk.
inline Exploration explore(const Factory& factory, const Search& search = {},
                           const Promises& promises = {}, const Shape& shape = {}) {
  const auto source = schedules(shape);
  const Draw draw = [&](std::size_t trial) {
    // A generator of its own for each trial: its schedule is the same whatever came before.
    constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ULL;
    return source(rc::Random(search.seed * kGolden + trial), rc::kNominalSize).value();
  };
  const Smaller candidates = [](const Schedule& schedule) -> NextSmaller {
    return [sequence = smaller(schedule)]() mutable -> std::optional<Schedule> {
      auto next = sequence.next();
      return next ? std::optional<Schedule>(std::move(*next)) : std::nullopt;
    };
  };
  return explore(factory, Schedules{draw, candidates}, search, promises);
}

}  // namespace v1
}  // namespace lastcall::embed

namespace rc {

template <>
struct Arbitrary<lastcall::embed::Schedule> {
  static Gen<lastcall::embed::Schedule> arbitrary() { return lastcall::embed::schedules(); }
};

}  // namespace rc

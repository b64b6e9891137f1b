// What a hunt tries next: from a calibration, which says where which thread came in a run that
// nobody held, to holds and moments for the signal, those that are most likely to pay first. All
// that is random comes from the seed. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/prng.hpp"
#include "search/hunt_plan.hpp"

namespace lastcall {

struct Visit {
  std::size_t point = 0;  // an index of Calibration::points
  int thread = 0;
  std::string thread_name{};
  HuntPhase phase = HuntPhase::run;
  std::uint64_t times = 0;
  std::uint64_t first_tried = 1;  // the nth time that is held first
  bool is_shared = true;  // not of an access to memory that no other thread was seen to touch
};

struct Calibration {
  std::vector<CodePoint> points{};
  std::vector<Visit> visits{};
  bool is_signalled = false;
  bool threads_are_stable = true;  // not of a runtime that moves its work between them
  bool one_visit_a_hold = false;   // nobody can hold every thread that comes to a place
  std::uint64_t calls = 0;         // system calls from ready to the signal
  std::set<int> named{};           // threads that have a name of their own, from by_thread_name()
  std::set<std::string>
      favoured{};  // functions that every other attempt is made at: a log names them
};

// The same calibration as somebody sees it who knows threads by their names only: visits of threads
// that have a name in common are one, and have one number, which nobody else has. Where a single
// name comes to a place, its hold is of any thread.
Calibration by_thread_name(const Calibration& calibration);

enum class SearchKind : std::uint8_t { shaker, sweep, pairs, signal_placement };
std::string search_name(SearchKind kind);

struct Attempt {
  SearchKind kind = SearchKind::sweep;
  std::vector<ThreadHold> holds{};
  std::optional<std::uint64_t> signal_at_call{};
  bool exit_barrier = false;
  bool arms_all = false;  // the shaker
};

class Attempts {
 public:
  Attempts(Calibration calibration, std::uint64_t seed);
  // There is always one, unless the calibration saw nothing: then there is nothing to try but the
  // signal at calls, or nothing at all.
  [[nodiscard]] std::optional<Attempt> next();
  // No thread came that often to the place of an attempt's only hold: the next attempt is the same
  // hold at an earlier visit. A calibration is slow, so it counts more of what comes again and
  // again.
  void not_reached(Attempt attempt);
  // How many single holds and moments there are to try, and how many were handed out.
  [[nodiscard]] std::size_t planned() const { return planned_; }
  [[nodiscard]] std::size_t handed_out() const { return handed_out_; }

 private:
  // In the order of their share.
  enum Queue : std::uint8_t {
    favoured,
    own,
    at_run,
    inside,
    accesses,
    everyone,
    library,
    calls,
    later,
    kQueues
  };
  void plan_singles();
  // Every thread that comes to a place stands there, where several threads do.
  void plan_everyone();
  void add(Queue queue, const Visit& visit, std::uint64_t nth);
  [[nodiscard]] std::uint64_t late_visit(const Visit& visit, PointKind kind) const;
  [[nodiscard]] ThreadHold hold_of(const Visit& visit, std::uint64_t nth) const;
  [[nodiscard]] std::optional<Attempt> pair();

  Calibration calibration_;
  Prng prng_;
  std::array<std::deque<Attempt>, kQueues> queues_{};
  std::array<std::uint64_t, kQueues> taken_{};
  std::deque<Attempt> again_;
  std::size_t planned_ = 0;
  std::size_t handed_out_ = 0;
  std::size_t round_ = 0;
};

}  // namespace lastcall

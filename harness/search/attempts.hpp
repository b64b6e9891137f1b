// What a hunt tries next: from a calibration, which says where which thread came in a run that
// nobody held, to holds and moments for the signal, those that are most likely to pay first. All
// that is random comes from the seed. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
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

// Two threads at the same memory: one looks at it, the other one changes it in the last phase. What
// the first one does because of what it saw may be wrong then.
struct Conflict {
  std::size_t point = 0;  // where it looks: an index of Calibration::points
  int thread = 0;
  std::string thread_name{};
  std::size_t write = 0;  // where the other one changes it: likewise
  int writer = 0;
  std::string writer_name{};
  bool written_then_only = false;  // as a flag is that says "it stops"
};

struct Calibration {
  std::vector<CodePoint> points{};
  std::vector<Visit> visits{};
  std::vector<Conflict> conflicts{};
  bool is_signalled = false;
  bool threads_are_stable = true;  // not of a runtime that moves its work between them
  bool one_visit_a_hold = false;   // nobody can hold every thread that comes to a place
  std::uint64_t calls = 0;         // system calls from ready to the signal
  std::set<int> named{};           // threads that have a name of their own, from by_thread_name()
  std::set<std::string>
      favoured{};  // functions that every other attempt is made at: a log names them
};

// How many places some thread came to.
std::size_t points_met(const Calibration& calibration);

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
  int corrections = 0;    // how often saw() has moved it
};

class Attempts {
 public:
  Attempts(Calibration calibration, std::uint64_t seed);
  // There is always one, unless the calibration saw nothing: then there is nothing to try but the
  // signal at calls, or nothing at all.
  [[nodiscard]] std::optional<Attempt> next();
  // A trial of an attempt with one hold counted that many visits of its place, also after the hold.
  // A calibration is slow, so it counts more of what comes again and again: a visit that there was
  // not is tried again at one that there was, and later ones are not tried at all. What still comes
  // after a hold during the stop is held at the last visit: what the stop takes away is used until
  // then.
  void saw(const Attempt& attempt, std::uint64_t visits);
  // How many single holds and moments there are to try, and how many were handed out.
  [[nodiscard]] std::size_t planned() const { return planned_; }
  [[nodiscard]] std::size_t handed_out() const { return handed_out_; }

 private:
  // In the order of their share.
  enum Queue : std::uint8_t {
    favoured,
    conflicts,
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
  [[nodiscard]] ThreadHold hold_of(const Visit& visit, std::uint64_t nth) const;
  [[nodiscard]] std::optional<Attempt> new_one();
  [[nodiscard]] std::optional<Attempt> pair();
  [[nodiscard]] std::optional<Attempt> corrected();
  // Whether no trial saw its place as often as it wants.
  [[nodiscard]] bool is_waste(const Attempt& attempt) const;

  Calibration calibration_;
  Prng prng_;
  std::array<std::deque<Attempt>, kQueues> queues_{};
  std::array<std::uint64_t, kQueues> taken_{};
  std::deque<Attempt> corrected_;
  bool corrected_last_ = false;
  // Of places and threads of a phase: most visits that a trial saw.
  std::map<std::tuple<std::string, std::uint64_t, std::string, HuntPhase>, std::uint64_t> most_;
  std::size_t planned_ = 0;
  std::size_t handed_out_ = 0;
  std::size_t round_ = 0;
};

}  // namespace lastcall

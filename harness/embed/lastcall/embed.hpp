// lastcall::embed: a shutdown implementation judged in process. A schedule is run against a fresh
// subject by real threads, every call is recorded as an interval, and the history is judged by the
// same checkers that judge whole processes.
//
//   Schedule ──run(factory)──▶ history ──checkers──▶ Report
//
// What a property of lastcall means here:
//
//   no-panic            no call to the subject threw
//   clean-exit          wait_ended() gave a promised exit code
//   deadline            … within the deadline after request_stop() began
//   in-flight-finished  a message that was taken_on() before the stop is answered
//   close-handshake     every connection that was open at the stop got a goodbye(), none was cut()
//   stops-accepting     no open() and no send() that began after request_stop() had returned, and
//                       before the end, was taken on
//   repeat-signal       request_second_stop() during the stop follows the stated policy
//   acked-durable       survivors() has every acknowledged message, once
//   recovers            survivors() could be asked
//   released            after the end: open() is refused, every connection was told, no caller is
//                       still inside, left() is empty, and after the subject's destructor no thread
//                       of it is left (as /proc/self/task lists them)
//
// Recording does not make threads wait for each other: each has a record of its own, one more
// belongs to each connection; only calls on the same connection share its client's state. A race
// stays a race: a schedule reproduces the calls, not their interleaving, so what is reported is how
// often it failed. Where a deadline was missed while the runner itself did not get to run, the
// machine may be to blame, and the verdict is `unknown`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lastcall/embed_schedule.hpp"
#include "lastcall/embed_subject.hpp"

namespace lastcall::embed {
inline namespace v1 {

enum class SecondStop : std::uint8_t { ignored, hastens, forces };

// What the subject promises about its stop.
struct Promises {
  std::chrono::nanoseconds deadline = std::chrono::seconds(1);
  std::vector<int> exits = {0};
  std::vector<int> exits_if_hung = {0, 1};  // a resource hung
  // So long after request_stop() returned it may still take on work.
  std::chrono::nanoseconds accepts_for{};
  SecondStop second_stop = SecondStop::ignored;
  std::chrono::nanoseconds second_stop_within = std::chrono::seconds(1);
  std::vector<int> exits_if_forced = {};  // empty: `exits`
  // Names (pthread_setname_np) of threads that may outlive it: those of a pool that others share.
  std::vector<std::string> may_leave_threads = {};
  // start() has so long.
  std::chrono::nanoseconds start_limit = std::chrono::seconds(10);
};

// From best to worst. `unknown`: it could not be observed. `not_applicable`: nothing to judge.
enum class Outcome : std::uint8_t { not_applicable, pass, unknown, fail };
std::string_view name(Outcome outcome);

struct Verdict {
  std::string property;
  Outcome outcome = Outcome::not_applicable;
  std::uint64_t judged = 0;  // items; a pass has at least one
  std::string reason;
  std::vector<std::string> evidence;  // events, as JSON lines
};

// One run of a schedule.
struct Report {
  Schedule schedule;
  std::vector<Verdict> verdicts;
  std::string history;     // JSON lines, one event a line
  bool abandoned = false;  // the subject hung: it, and threads in it, are left behind

  [[nodiscard]] const Verdict* find(std::string_view property) const;
  // The first property that failed; null if none did.
  [[nodiscard]] const Verdict* violation() const;
  // The first that could not be judged.
  [[nodiscard]] const Verdict* unknown() const;
};

// Runs the schedule once. Always returns: at the latest after the start limit, twice the time that
// the schedule itself takes, the deadline and some seconds for callers to come back and for what is
// asked after the end. Throws std::invalid_argument for a schedule beyond its limits. Runs in
// several threads at once would find each other's threads; run one after the other.
Report run(const Schedule& schedule, const Factory& factory, const Promises& promises = {});

// How often a property fails, measured.
struct Rate {
  std::size_t failed = 0;
  std::size_t runs = 0;
  [[nodiscard]] std::string text() const;  // "failed 9 of 10 runs"
};

// How a search goes on, and how it accepts a smaller schedule.
struct Search {
  std::size_t trials = 200;
  std::uint64_t seed = 1;
  // A failing schedule is first run this often again. If it fails in nearly all of these runs, a
  // smaller one is accepted that fails in 9 of 10; if it is a rare race, one that fails at least
  // half as often as the first, in this many runs, and at least twice.
  std::size_t repeats = 20;
  std::chrono::nanoseconds shrink_for = std::chrono::seconds(30);
  // Every hang leaves threads behind: the shrinking ends after this many hangs.
  std::size_t most_abandoned = 200;
  // Properties that some trial must have judged, else the search has proven nothing.
  std::vector<std::string> require = {};
};

// A violation, with the smallest schedule found for it.
struct Finding {
  Report report;  // of a run of that schedule which failed
  std::string property;
  Rate rate;                 // of that schedule, not counting the run that found it
  std::size_t accepted = 0;  // shrinks
};

struct Exploration {
  std::size_t trials = 0;                       // that were run
  std::map<std::string, std::uint64_t> judged;  // by property: items, over all trials
  std::map<std::string, std::size_t> unknown;   // by property: trials
  std::optional<Finding> finding;
  std::vector<std::string> missing;  // of Search::require: never judged, or always unknown
  [[nodiscard]] bool held() const { return !finding && missing.empty() && trials > 0; }
};

// The search itself, for any source of schedules: `draw(trial)` makes one, `smaller(schedule)` the
// candidates to try in its place, most promising first, until it has no more. embed_rapidcheck.hpp
// has both. If the environment has LASTCALL_SCHEDULE, that schedule is run instead, `repeats`
// times, and nothing is shrunk; throws std::invalid_argument if it cannot be read.
using Draw = std::function<Schedule(std::size_t trial)>;
using NextSmaller = std::function<std::optional<Schedule>()>;
using Smaller = std::function<NextSmaller(const Schedule&)>;
struct Schedules {
  Draw draw;
  Smaller smaller;
};
Exploration explore(const Factory& factory, const Schedules& schedules, const Search& search,
                    const Promises& promises = {});

// For people: the violation, its evidence, the history and, if given, the line to reproduce it.
std::string describe(const Report& report, std::string_view reproduce = {});
std::string describe(const Exploration& exploration, std::string_view reproduce = {});

}  // namespace v1
}  // namespace lastcall::embed

// What a checker says: an outcome, how many items it judged, why, and the events that prove it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "history/history.hpp"

namespace lastcall {

// From best to worst; merging keeps the worst. `not_applicable`: there was nothing to judge.
// `unknown`: there was, but it could not be observed.
enum class Outcome : std::uint8_t { not_applicable, pass, unknown, fail };

constexpr std::string_view name(Outcome outcome) {
  constexpr std::string_view kNames[] = {"not-applicable", "pass", "unknown", "fail"};
  return kNames[static_cast<std::size_t>(outcome)];
}

// What a failure by time rests on: that nothing held lastcall up for `tolerance`, all in all,
// between these times, nor the target by lastcall's doing (checkers/interference.hpp). If something
// did, the failure may be lastcall's own, and is `unknown`.
struct TimeClaim {
  TimePoint from;
  TimePoint to;
  Nanoseconds tolerance{};
  bool pauses = true;  // false: the checker itself has left out the time that the target was paused
  bool starvation = false;  // true: and that the target had a processor for half of it
};

// Items that were seen and not judged, or are no failures.
struct Counted {
  std::string why;  // "whose bytes the target had not read"
  std::uint64_t count = 0;
  friend bool operator==(const Counted&, const Counted&) = default;
};

// "3 whose bytes the target had not read, 1 sent less than 100ms before the stop"
std::string items_text(const std::vector<Counted>& items);
// The same after "not judged: ".
std::string not_judged_text(const std::vector<Counted>& items);

struct Verdict {
  std::string property{};  // judge() says it
  Outcome outcome = Outcome::not_applicable;
  std::uint64_t judged = 0;            // items; a pass has at least one
  std::string reason{};                // one line for people; empty for a plain pass
  std::vector<EventIndex> evidence{};  // into the history, at most 20
  // Those events as JSON lines, so that a verdict stands on its own.
  std::vector<std::string> evidence_text{};
  std::optional<TimeClaim> time_claim{};  // of a fail
  std::vector<Counted> not_judged{};      // the reason says it too
  // Whether a fail rests on something that is not in the history, and may have been lost from it.
  bool rests_on_absence = false;
  // For a fail: the property whose failure in the same trial tells the cause
  // (checkers/consequences.hpp); empty if this one tells it.
  std::string consequence_of{};
  // What `allow` excused, and what else is worth a word without being a failure: its growth must
  // show. The reason says it too.
  std::vector<Counted> noted{};

  // The verdicts of a checker that judges one thing.
  static Verdict pass(std::string why = {}) {
    return {.outcome = Outcome::pass, .judged = 1, .reason = std::move(why)};
  }
  static Verdict fail(std::string why, std::vector<EventIndex> events) {
    return {.outcome = Outcome::fail,
            .judged = 1,
            .reason = std::move(why),
            .evidence = std::move(events)};
  }
  static Verdict unknown(std::string why, std::vector<EventIndex> events = {}) {
    return {.outcome = Outcome::unknown, .reason = std::move(why), .evidence = std::move(events)};
  }
  static Verdict not_applicable(std::string why) { return {.reason = std::move(why)}; }

  // For a checker that counts what it judges.
  void conclude(Outcome what, std::string why) {
    outcome = what;
    reason = std::move(why);
  }
  // Adds a clause to the reason.
  void say(const std::string& clause) {
    if (!clause.empty()) reason += (reason.empty() ? "" : "; ") + clause;
  }
};

}  // namespace lastcall

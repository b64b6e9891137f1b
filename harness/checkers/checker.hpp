// What a file of this folder exports: the checker of one property, as property::NAME::kChecker, and
// what it depends on. Constant; any thread may read it.
#pragma once

#include <string>
#include <string_view>

#include "checkers/verdict.hpp"
#include "history/history.hpp"
#include "plan/plan.hpp"

namespace lastcall {

inline bool always(const Plan&) { return true; }
inline bool never(const Plan&) { return false; }
inline std::string always_asked(const Plan&) { return ""; }

struct Checker {
  std::string_view property;
  Verdict (*check)(const Plan&, const History&);  // judge() adds the name of the property
  // Why nothing is judged whatever happened, because the scenario does not ask for the property;
  // names the key that would ask. Empty if it does.
  std::string (*not_asked)(const Plan&) = always_asked;

  bool needs_clients = false;  // depends on what the clients recorded, not only the trial process
  bool (*needs_tracer)(const Plan&) = never;  // depends on what the tracer recorded
  bool needs_files = false;                   // depends on the search for files that are left
  // Depends on every line of the output. Those that read some of it only where the scenario asks
  // see to lost lines themselves.
  bool needs_output = false;
  bool needs_notifications = false;  // depends on every notification of the target
  // What it times depends on how fast clients act: their lags excuse. Those that need clients do.
  bool waits_for_clients = false;

  bool judges_the_stop = false;  // says nothing unless the trial did what its plan asks
  bool judges_the_restart = false;
  // A second signal that forces the end takes back what it judges.
  bool off_when_forced = false;
  // A failure may only tell of what the target's end cut off (checkers/consequences.hpp).
  bool is_cut_off = false;
  // If nothing could be judged in a traced trial, the report says why: whoever asked for the trace
  // must not take silence for a pass.
  bool says_why_not_judged = false;
};

}  // namespace lastcall

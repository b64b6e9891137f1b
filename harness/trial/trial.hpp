// One execution of a plan against a fresh target in a fresh directory: Plan -> History -> verdicts.
// Runs in a process of its own, made by the fork server: spawner, subreaper, only waiter of its
// target.
//
// The directory of a trial:
//   plan.json      written by whoever ordered the trial, with `origin`, which says whose it is
//   segments/      one binary segment a source
//   sidecar-NAME/  {sidecar.NAME}, the folder of a process next to the target
//   target/        {dir}, what the target sees and leaves
//                  both may lie in the short folder until the trial ends, with links to them here
//   history.jsonl  the merged history, one event a line (kept trials)
//   verdict.json   the result
//   calibration.json  which thread came where, if a search asked for it
//   (search/saved_calibration.hpp): at functions; or, if there is met.json, inside of those that
//   threads met
//   met.json       the calibration of an earlier trial, written by whoever ordered this one
#pragma once

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <string>
#include <vector>

#include "base/scoped_fd.hpp"
#include "tracer/ends/signal_trace.hpp"
#include "trial/trial_result.hpp"

namespace lastcall {

inline constexpr const char* kCalibrationFile = "calibration.json";
inline constexpr const char* kMetFile = "met.json";

enum class Keep : std::uint8_t { failed, all, none };
BOOST_DESCRIBE_ENUM(Keep, failed, all, none)

struct TrialOrder {
  std::string directory;      // absolute, holds plan.json
  std::string tools;          // the folder of lastcall's own binary
  Keep keep = Keep::failed;   // which trials' directories stay
  std::uint32_t slot = 0;     // trials of different slots may run at once
  std::uint32_t workers = 1;  // client worker processes
  bool sidecars = false;      // the scenario has some
  bool calibrates = false;    // a search wants to know which thread comes where
  // A folder of the trial alone, with a short path, if the results directory is deep; else empty.
  // The fork server makes it; it is gone after the trial, and what is kept lies in `directory`.
  std::string short_folder = {};

  // Where the target's folder lies; below deep results a link to {dir} until the trial ends.
  [[nodiscard]] std::string target_folder() const { return directory + "/target"; }
  // Where something lies that the target, or a process next to it, has the path of.
  [[nodiscard]] std::string place_of(const std::string& name) const {
    return (short_folder.empty() ? directory : short_folder) + "/" + name;
  }
  [[nodiscard]] std::string notify_socket() const { return place_of("notify.sock"); }
};
// What the fork server is told.
BOOST_DESCRIBE_STRUCT(TrialOrder, (), (directory, tools, keep, slot, workers, sidecars, calibrates))

// The trial's ends of its sockets to the processes that the fork server has made for it.
struct Companions {
  std::vector<ScopedFd> workers;  // of its clients
  ScopedFd keeper;                // of its sidecars; empty if there are none
};

// In the trial process. On `lifeline` it says what it is doing (trial/lifeline.hpp); its other end
// closes it when the trial is to be given up; then nothing is left running and the result says so.
// `kills`: who sent them; null if the kernel does not tell.
TrialResult conduct_trial(const TrialOrder& order, int lifeline, Companions companions,
                          const SignalTrace* kills);

}  // namespace lastcall

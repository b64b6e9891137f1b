// What a stop tells while it runs and at its end. Plain values; any thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "shutdown/connection_tracker.hpp"
#include "shutdown/signal.hpp"
#include "shutdown/step.hpp"

namespace graceful::shutdown {

enum class Phase { preparing, draining, cleaning, persisting, exiting };
std::string name_of(Phase phase);  // "Preparing"

struct PhaseEvent {
  enum class Kind { began, ended };
  Phase phase = Phase::preparing;
  Kind kind = Kind::began;
  std::chrono::milliseconds duration{0};  // of the phase; zero when it begins
  std::vector<std::string> broken;        // the promises it did not keep, a sentence each
  Reason reason{};                        // why the program stops
};

struct PhaseReport {
  Phase phase = Phase::preparing;
  std::chrono::milliseconds duration{0};
  std::vector<std::string> broken;
};

struct ShutdownReport {
  Reason reason{};
  std::vector<PhaseReport> phases;  // in order, each once
  DrainOutcome connections;
  std::vector<StepReport> stop_accepting;
  std::vector<StepReport> drained;
  std::vector<StepReport> resources;  // in the order in which they were closed
  std::vector<StepReport> persisted;
  std::vector<std::string> abandoned;  // steps that timed out: their threads may still run
  std::vector<std::string> warnings;  // a service manager that could not be told; no promise broken
  std::string loop_error;             // what the server's loop threw; empty if nothing
  bool hastened = false;
  bool forced_quit = false;  // only seen if force_quit was replaced by something that returns
  std::chrono::milliseconds duration{0};
  int exit_code = 1;  // 0 only if every phase kept its promise

  [[nodiscard]] std::string text() const;  // some lines for a log
};

// Why and in what state the process is being ended by force.
struct ForcedQuit {
  std::string cause;                    // "the total limit of 60000 ms has passed"
  Phase phase = Phase::preparing;       // the one that was running
  std::vector<std::string> unfinished;  // by name
  std::vector<std::string> forced;      // what had to be forced before, a sentence each
  [[nodiscard]] std::string text() const;
};

}  // namespace graceful::shutdown

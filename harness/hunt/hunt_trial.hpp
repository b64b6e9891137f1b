// One trial of a hunt: starts the program below a tracer, does to it what the plan says, and sees
// how it ends. Everything that the program started is killed then. From the only thread of a
// process in which SIGCHLD is nobody else's.
#pragma once

#include <sys/resource.h>

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "search/failure.hpp"
#include "tracer/points/point_watch.hpp"

namespace lastcall {

// What all trials of a hunt have in common.
struct HuntSurroundings {
  bool one_processor = false;                 // for tracer and program: where the trial begins
  Nanoseconds longest{};                      // after which a run counts as one without end
  rlimit descriptors{};                       // the limits that the program gets
  const volatile int* interrupted = nullptr;  // not 0: give up at once
  // Whether undisturbed runs print something before they are signalled: then no other sign counts
  // that the program is ready.
  bool prints = false;
  // A hold or a call that is to send the signal is waited for that long, from ready on.
  Nanoseconds signal_patience = std::chrono::milliseconds(300);
};

struct HuntTrial {
  std::string broken{};  // not empty: lastcall or its environment failed, and nothing else counts
  RunEnd end{};
  std::string output{};   // standard output and error, the last of it
  std::string failure{};  // failure_of()
  bool was_ready = false;
  Acted acted{};
  Calibration calibration{};                  // if the orders ask for it
  PointCatalogue catalogue{};                 // the same
  std::vector<PointWatch::HeldStack> held{};  // if the orders ask for an explanation
  std::vector<Stack> at_failure{};
  Nanoseconds took{};
  Nanoseconds ready_after{};
};

HuntTrial run_hunt_trial(PointOrders orders, const HuntSurroundings& around);

}  // namespace lastcall

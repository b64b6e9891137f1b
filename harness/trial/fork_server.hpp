// The fork server: a small process, forked from lastcall before that has threads or much memory,
// that makes one trial process a trial, and a keeper of its sidecars if it has some, and keeps each
// slot's client workers. In another session than lastcall, so that Ctrl-C in a terminal reaches
// lastcall only. It ends when lastcall does, however that ends, and takes everybody with it; should
// it be killed or stopped itself, the guard above it does that (trial/guard.hpp).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>

#include "base/result.hpp"
#include "base/scoped_fd.hpp"
#include "trial/trial.hpp"
#include "trial/trial_result.hpp"

namespace lastcall {

// What a trial process does; conduct_trial() but in tests.
using ConductTrial = TrialResult (*)(const TrialOrder&, int lifeline, Companions,
                                     const SignalTrace* kills);

class ForkServer {
 public:
  // Forks. Call before any thread is started.
  static Result<ForkServer> start(ConductTrial conduct = conduct_trial);
  ForkServer(ForkServer&&) = default;
  ForkServer& operator=(ForkServer&&) = delete;
  // Gives up the trials that still run and waits until nothing of them is left; some seconds at
  // most, whatever they do, and also if the fork server or its guard was stopped.
  ~ForkServer();

  // Orders a trial. The returned socket is its lifeline (trial/lifeline.hpp), which ends after the
  // result; closing it gives the trial up.
  Result<ScopedFd> conduct(const TrialOrder& order);
  // Kills the trial of this directory: its process, the keeper of its sidecars, and all below them.
  Result<void> kill(const std::string& directory);

  // The server closes this end only by dying.
  [[nodiscard]] int control() const { return control_.get(); }

 private:
  ForkServer(ScopedFd control, pid_t guard) : control_(std::move(control)), guard_(guard) {}
  ScopedFd control_;
  pid_t guard_;
  std::map<std::uint32_t, std::string> last_;  // slot -> the directory of its last trial
};

}  // namespace lastcall

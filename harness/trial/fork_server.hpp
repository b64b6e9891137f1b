// The fork server: a small process, forked from lastcall before that has threads or much memory,
// that makes one trial process a trial, and a keeper of its sidecars if it has some, and keeps each
// slot's client workers. In a session of its
// own, so that Ctrl-C in a terminal reaches lastcall only. It ends when lastcall does, however that
// ends, and takes everybody with it.
#pragma once

#include <sys/types.h>

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
  // Gives up the trials that still run and waits until nothing of them is left; a few seconds at
  // most, whatever they do, and also if the fork server itself was stopped.
  ~ForkServer();

  // Orders a trial. The returned socket is its lifeline (trial/lifeline.hpp), which ends after the
  // result; closing it gives the trial up.
  Result<ScopedFd> conduct(const TrialOrder& order);
  // Kills the trial of this directory: its process, the keeper of its sidecars, and all below them.
  Result<void> kill(const std::string& directory);

  // The server closes this end only by dying.
  [[nodiscard]] int control() const { return control_.get(); }

 private:
  ForkServer(ScopedFd control, pid_t pid) : control_(std::move(control)), pid_(pid) {}
  ScopedFd control_;
  pid_t pid_;
};

}  // namespace lastcall

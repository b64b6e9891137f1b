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

class ForkServer {
 public:
  // Forks. Call before any thread is started.
  static Result<ForkServer> start();
  ForkServer(ForkServer&&) = default;
  ForkServer& operator=(ForkServer&&) = delete;
  // Gives up the trials that still run and waits until nothing of them is left, some seconds at
  // most.
  ~ForkServer();

  // Orders a trial. The returned socket brings the result as JSON and then ends; closing it gives
  // the trial up.
  Result<ScopedFd> conduct(const TrialOrder& order);

  // The server closes this end only by dying.
  [[nodiscard]] int control() const { return control_.get(); }

 private:
  ForkServer(ScopedFd control, pid_t guard) : control_(std::move(control)), guard_(guard) {}
  ScopedFd control_;
  pid_t guard_;
  std::map<std::uint32_t, std::string> last_;  // slot -> the directory of its last trial
};

}  // namespace lastcall

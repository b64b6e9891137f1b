// A process that a trial has started as its scenario says, for those who wait until it is ready,
// are its service manager or start it again: what it has said, how it stands, and what can be done
// to it. TargetProcess is one; a test has its own. One thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "history/service_state.hpp"
#include "scenario/placeholders.hpp"
#include "scenario/scenario.hpp"
#include "target/notify_socket.hpp"

namespace lastcall {

class TargetLimits;
class Tracing;

class ServiceProcess {
 public:
  struct Start {
    const Target& target;
    const Placeholders& placeholders;
    std::string tools;  // the folder of lastcall's own binary, looked through first
    NotifySocket notify;
    const TargetLimits* limits = nullptr;  // outlives the process
    Tracing* tracing = nullptr;            // outlives it, or trace_is_over() is called
    bool again = false;                    // a restart after the end: recorded as a recovery
  };

  ServiceProcess() = default;
  ServiceProcess(const ServiceProcess&) = delete;
  ServiceProcess& operator=(const ServiceProcess&) = delete;
  virtual ~ServiceProcess() = default;

  // Spawns; an error here means that nothing runs.
  virtual Result<pid_t> start(Start start) = 0;
  [[nodiscard]] virtual bool ended() const = 0;
  // The command could not be executed: why. Set before `ended`.
  [[nodiscard]] virtual const std::string& exec_problem() const = 0;
  // READY=1 came and counted; a line of output matched that pattern of its readiness.
  [[nodiscard]] virtual bool notified_ready() const = 0;
  [[nodiscard]] virtual bool logged_ready(std::size_t pattern) const = 0;

  // What it is to a service manager; there is one once it was started.
  [[nodiscard]] virtual ServiceState& service() = 0;
  // Reads the notifications that are there.
  virtual void hear() = 0;
  // How long its threads have waited for a processor since the last call, in sum; 0 where the
  // kernel does not say.
  virtual Nanoseconds waited_for_processor() = 0;

  // Sends `signal` to one recipient; 0 or errno, ESRCH if there is nobody.
  [[nodiscard]] virtual int send(int signal, Recipient to) const = 0;
  // Sends `signal` to the service's main process, if that is one of its tree; recorded with its
  // reason.
  virtual void force_main(int signal, const std::string& reason) = 0;
  // Kills the tree and reaps until nothing is left; at most a second, processes in an
  // uninterruptible sleep stay.
  virtual void end_tree() = 0;
  // Reads what is left in the pipes.
  virtual void drain_output() = 0;
};

}  // namespace lastcall

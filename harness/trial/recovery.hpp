// After the target's end: it is started again in the same directory, with the same ports, user and
// environment, must become ready as the scenario says, is asked what it still knows, and is stopped
// with its first stop signal. Everything is recorded, also its output; whatever it does, it is gone
// at the end. One thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "trial/service_process.hpp"
#include "trial/trial_context.hpp"

namespace lastcall {

class RecoveryRun {
 public:
  // `target` is what is started; it outlives the run.
  RecoveryRun(const TrialContext& trial, ServiceProcess& target);

  // `segments` are those of the client workers, which must have finished. The first target listens
  // and reaps no more (TargetProcess::stop_listening).
  boost::asio::awaitable<void> run(std::vector<std::string> segments);

 private:
  bool start();
  boost::asio::awaitable<void> question(const std::vector<std::string>& segments);
  boost::asio::awaitable<void> stop();
  void not_started(const Error& error);
  void not_started(const std::string& reason);

  const TrialContext& trial_;
  Target wanted_;  // with the command of the restart
  ServiceProcess& target_;
};

}  // namespace lastcall

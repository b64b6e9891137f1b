// The tracer as a trial uses it; it does nothing if the target is not traced, by the plan or
// because it cannot be. It takes the calls that are reached to the faults, and wakes when the stop
// begins. One thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>

#include "trial/fault_runner.hpp"
#include "trial/tracing.hpp"
#include "trial/trial_context.hpp"

namespace lastcall {

// Whether what is open at the exit, and how much is open meanwhile, is judged: `released`, strict.
bool is_strict(const Plan& plan);

class TargetTracing {
 public:
  // `closed`: nothing may be recorded any more. Both references outlive it, and it the target.
  TargetTracing(const TrialContext& trial, FaultRunner& faults, std::function<bool()> closed);

  // Before the target, if the plan says so; why it cannot be traced is recorded.
  void start();
  // Null if it is not traced (any more).
  [[nodiscard]] Tracing* get() const { return tracing_.get(); }

  // As Tracing has them.
  void ready();
  void begin(Phase phase);
  bool look(StacksAt why);
  // Sends a signal with `send`, which returns 0 or errno.
  int send(int signal, bool begins_drain, const std::function<int()>& send);
  // Such a signal was sent, here or by somebody else.
  void wake_at(int signal);
  // After the target's end; tells the faults what was counted. It does not wait for children any
  // more.
  void end();

 private:
  // What a calibration before this one saw; nothing if there was none.
  [[nodiscard]] std::optional<Calibration> met_before() const;
  [[nodiscard]] CallInjector::Settings calls_of_faults() const;
  [[nodiscard]] std::vector<VisitInjector::Rule> visits_of_faults() const;
  void hear_of_places();
  boost::asio::awaitable<void> release_after(Nanoseconds hold, pid_t standing);
  boost::asio::awaitable<void> wake(int signal);

  const TrialContext& trial_;
  FaultRunner& faults_;
  std::function<bool()> closed_;
  std::unique_ptr<Tracing> tracing_;
  boost::asio::posix::stream_descriptor reached_places_;
};

}  // namespace lastcall

// Executes a plan's faults: at a time of a phase with timers here, at the Nth client event where a worker counts
// it. Knows which were reached. One thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <vector>

#include "client/trigger_board.hpp"
#include "history/segment.hpp"
#include "plan/plan.hpp"
#include "trial/changes.hpp"

namespace lastcall {

class FaultRunner {
 public:
  FaultRunner(boost::asio::io_context& io, const Plan& plan, TriggerBoard& board, SegmentWriter& segment,
              Changes& changes)
      : io_(io), plan_(plan), board_(board), segment_(segment), changes_(changes), reached_(plan.faults.size()) {}

  // Arms the faults of a phase. `pidfd` must stay open until the io_context has stopped.
  void begin(Phase phase, int pidfd);
  // A worker fired the first signal of a fault.
  void fired(FaultId fault, int pidfd);
  // Nothing is struck from here on; the first reason counts.
  void end(const std::string& reason);
  // Records what was not reached. Once, when no worker can say any more that it fired something.
  void record_unreached();

  [[nodiscard]] bool stop_begun() const { return stop_begun_; }
  [[nodiscard]] TimePoint stop_time() const { return stop_time_; }

 private:
  boost::asio::awaitable<void> run(FaultId fault, Nanoseconds delay, int pidfd);
  boost::asio::awaitable<void> second_signal(FaultId fault, int pidfd);
  void strike_now(FaultId fault, std::uint32_t step, int pidfd);
  void note_stop();

  boost::asio::io_context& io_;
  const Plan& plan_;
  TriggerBoard& board_;
  SegmentWriter& segment_;
  Changes& changes_;
  std::vector<bool> reached_;
  bool over_ = false;
  std::string end_reason_;
  bool stop_begun_ = false;
  TimePoint stop_time_{};
};

}  // namespace lastcall

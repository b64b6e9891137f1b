// Executes a plan's faults: at a time of a phase, at a share of the load as it is measured, at a
// line of output or a notification here, at the Nth client event where a worker counts it. Knows
// which were reached. One thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/pattern.hpp"
#include "client/trigger_board.hpp"
#include "history/event_sink.hpp"
#include "plan/plan.hpp"
#include "trial/changes.hpp"

namespace lastcall {

// What a fault is done with. Those that return an int return 0 or errno.
struct FaultActions {
  std::function<int(int signal, Recipient to)> send_signal;
  std::function<int(FaultId, const Act&)> carry_out{};  // anything but signals
  std::function<void()> before_stop{};                  // the next signal begins the stop
  std::function<void(int signal)> before_signal{};      // a stop signal goes to the target itself
};

class FaultRunner {
 public:
  FaultRunner(boost::asio::io_context& io, const Plan& plan, TriggerBoard& board, EventSink& events,
              Changes& changes, FaultActions hands);

  // Arms the faults of a phase.
  void begin(Phase phase);
  // A worker counted the event of a fault. `struck`: it sent the first signal already.
  void counted(FaultId fault, bool struck);
  // A thread stands at the system call or the function of a fault. The first signal has been sent,
  // or the act carried out, when this returns. `is_done`: the tracer itself has done what is done
  // there.
  void on_traced(FaultId fault, bool is_done = false);
  // Before record_unreached(): how many calls or visits of a fault were counted, nothing if the
  // target has no such function; or why none could be.
  void traced_count(FaultId fault, std::optional<std::uint64_t> count);
  // Of each fault that was counted so: how many, also after the one that struck.
  [[nodiscard]] std::map<std::uint32_t, std::uint64_t> traced_counts() const;
  void not_traced(const std::string& reason);
  void on_line(const std::string& line);
  void on_notification(std::string_view text);
  // Nothing is struck from here on; the first reason counts.
  void end(const std::string& reason);
  // Records what was not reached. Once, when no worker can say any more that it fired something.
  void record_unreached();

  [[nodiscard]] bool stop_begun() const { return stop_begun_; }
  [[nodiscard]] TimePoint stop_time() const { return stop_time_; }
  // How long since the stop began the target has been held by a SIGSTOP of the plan's, up to
  // longest_pause().
  [[nodiscard]] Nanoseconds paused_since_stop() const;

 private:
  // What a fault waits for here, beside timers.
  struct Watch {
    FaultId fault;
    std::optional<Pattern> line;
    std::string assignment;
    std::uint64_t left = 0;  // until it is reached
  };
  boost::asio::awaitable<void> run(FaultId fault, Nanoseconds delay);
  // The load begins now.
  boost::asio::awaitable<void> run(FaultId fault, ShareOfLoad share);
  void act(FaultId fault);
  boost::asio::awaitable<void> send(FaultId fault, std::size_t first_step);
  void strike_now(FaultId fault, std::uint32_t step);
  void note_stop();
  void note_pause(int signal);
  void came(Watch& watch);

  boost::asio::io_context& io_;
  const Plan& plan_;
  TriggerBoard& board_;
  EventSink& events_;
  Changes& changes_;
  FaultActions hands_;
  std::vector<Watch> watches_;
  std::vector<bool> reached_;
  bool over_ = false;
  std::string end_reason_;
  std::string trace_problem_;
  std::map<std::uint32_t, std::optional<std::uint64_t>> counts_;  // of calls and visits, by fault
  bool stop_begun_ = false;
  TimePoint stop_time_{};
  Nanoseconds longest_pause_;
  std::optional<TimePoint> pause_began_;
  Nanoseconds paused_{};  // of pauses that are over
};

}  // namespace lastcall

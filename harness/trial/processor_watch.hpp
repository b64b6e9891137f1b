// How long the target was at work, and how long it waited for a processor, during the stop: what
// looks like idling may be that. It looks at the tree below this process. One thread.
#pragma once

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "history/event_sink.hpp"

namespace lastcall {

// The processes whose threads' waits for a processor hold the target up: its own, and this one if
// the target is traced, as it stands still while the tracer, a thread of this process, waits.
std::vector<pid_t> pids_of_target(bool traced);

class ProcessorWatch {
 public:
  struct Watched {
    std::function<bool()> has_ended;  // the target
    std::function<bool()> is_traced;
    std::function<bool()> closed;  // nothing may be recorded any more
  };
  ProcessorWatch(boost::asio::io_context& io, EventSink& events, Watched watched);

  // Records how long the target was at work since the last call; the first, soon after the stop
  // signal was sent, begins it.
  void note_work();
  [[nodiscard]] bool has_begun() const { return looked_.has_value(); }
  // Notes its work, and records how long it waited, until its end, and how long the host of a
  // virtual machine held it up. Whether it waited is asked only while some task of the machine
  // waits; all take a tenth of this thread's time at most.
  boost::asio::awaitable<void> run();

 private:
  boost::asio::io_context& io_;
  EventSink& events_;
  Watched watched_;
  std::optional<TimePoint> looked_;
  Nanoseconds used_{};  // by then
};

}  // namespace lastcall

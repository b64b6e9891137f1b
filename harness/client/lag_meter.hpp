// Measures the scheduling lag of a process that runs an event loop: a timer that is served late,
// because the process did not run or because a handler held the loop up. What happened in that time
// was perhaps recorded, and perhaps done, so much too late. Used on the loop's thread; it never
// fails.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>

#include "base/clock.hpp"
#include "history/event_sink.hpp"

namespace lastcall {

class LagMeter {
 public:
  // A hundred wake-ups a second are not seen in a profile, and a lag is overlooked for so long at
  // most.
  static constexpr auto kEvery = std::chrono::milliseconds(10);
  // A machine that is merely busy is late by a time slice of the scheduler or two; times in
  // verdicts are tens of milliseconds and more.
  static constexpr auto kWorthSaying = std::chrono::milliseconds(20);

  // `source` as in the history: "trial", "clients-0". Both references must outlive the meter, and
  // the loop must not run any more when it is destroyed.
  LagMeter(boost::asio::io_context& io, EventSink& events, std::string source)
      : timer_(io), events_(events), source_(std::move(source)) {}

  // Begins to measure. The loop does not run empty until stop().
  void start();
  // Records a lag that is going on; nothing from here on.
  void stop();

 private:
  void wait();
  void measure();

  boost::asio::steady_timer timer_;
  EventSink& events_;
  std::string source_;
  TimePoint due_{};
  bool running_ = false;
};

}  // namespace lastcall

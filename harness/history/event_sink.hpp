// Where a source records what it sees: the file of its segment, or a vector in tests. One source a
// sink, one thread. Recording never fails: a sink that cannot keep an event counts it as lost.
#pragma once

#include <utility>

#include "base/clock.hpp"
#include "history/event.hpp"

namespace lastcall {

class EventSink {
 public:
  virtual ~EventSink() = default;
  void record(EventBody body) { record(now(), std::move(body)); }
  virtual void record(TimePoint at, EventBody body) = 0;

 protected:
  EventSink() = default;
  EventSink(const EventSink&) = default;
  EventSink(EventSink&&) = default;
  EventSink& operator=(const EventSink&) = default;
  EventSink& operator=(EventSink&&) = default;
};

}  // namespace lastcall

// An event sink that keeps what it is given, for tests that read it.
#pragma once

#include <utility>
#include <vector>

#include "history/event_sink.hpp"

namespace lastcall::testing {

struct MemorySink final : EventSink {
  using EventSink::record;
  void record(TimePoint at, EventBody body) override { events.push_back({at, std::move(body)}); }
  std::vector<Event> events;
};

}  // namespace lastcall::testing

// One source's record of a run: events in the order it saw them, each with its time. Every source
// has its own, so that recording makes no thread wait for another's; the lock is for the runner,
// which may take the record of a thread that never came back. Safe to use from any thread.
#pragma once

#include <mutex>
#include <utility>

#include "history/segment.hpp"

namespace lastcall::embed {

class Recorder {
 public:
  // Events beyond this many are counted, not kept: a subject may call its observer in a loop.
  static constexpr std::size_t kMaxEvents = 10'000;

  // Returns the time of the event.
  TimePoint record(EventBody body) {
    const std::scoped_lock lock(mutex_);
    const auto at = now();
    if (is_taken_) return at;
    if (segment_.events.size() < kMaxEvents) {
      segment_.events.push_back({at, std::move(body)});
    } else {
      ++segment_.lost;
    }
    return at;
  }

  // What is recorded afterwards is dropped.
  Segment take() {
    const std::scoped_lock lock(mutex_);
    is_taken_ = true;
    segment_.complete = true;
    return std::move(segment_);
  }

 private:
  std::mutex mutex_;
  Segment segment_;
  bool is_taken_ = false;
};

}  // namespace lastcall::embed

// How far a trial has come: one stage, which only goes forward. It records that a phase begins, and
// says on the trial's lifeline what the trial is doing. Owned by the conduct of the trial. One
// thread.
//
//   preparing ▶ starting ▶ ready ▶ loading ▶ stopping ▶ draining ▶ after ▶ closed
//
// Stages may be skipped: a target that is never ready is not loaded, a stop may begin before it is
// ready.
#pragma once

#include <bitset>
#include <cstdint>

#include "history/event_sink.hpp"

namespace lastcall {

class Progress {
 public:
  enum class Stage : std::uint8_t {
    preparing,
    starting,
    ready,     // the target was seen to be
    loading,   // by the clients
    stopping,  // what the target uses is noted; the first signal of the stop is about to be sent
    draining,
    after,   // the target is gone, or was killed
    closed,  // nothing may be recorded any more
  };

  explicit Progress(EventSink& events, int lifeline = -1) : events_(events), lifeline_(lifeline) {
    been_.set(0);
  }

  // A stage that lies ahead; another is a bug of lastcall.
  void enter(Stage stage);
  [[nodiscard]] bool is(Stage stage) const { return stage_ == stage; }
  [[nodiscard]] bool has_been(Stage stage) const {
    return been_.test(static_cast<std::size_t>(stage));
  }

 private:
  EventSink& events_;
  int lifeline_;
  Stage stage_ = Stage::preparing;
  std::bitset<8> been_;  // by stage
};

}  // namespace lastcall

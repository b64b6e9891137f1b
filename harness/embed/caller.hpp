// A thread that calls the subject: its record, where it is, and what it was acknowledged. Each has
// its own, so that the runner orders the calls of different threads as little as it can.
// Thread-safe; the lock is for the runner, when the thread does not come back.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "embed/recorder.hpp"
#include "lastcall/embed_subject.hpp"

namespace lastcall::embed {

class Caller {
 public:
  Recorder record;

  // Around each call: "send() on 2/0".
  void enter(std::string call) {
    const std::scoped_lock lock(mutex_);
    inside_.emplace(::gettid(), std::move(call));
  }
  void leave() {
    const std::scoped_lock lock(mutex_);
    inside_.reset();
  }
  std::optional<std::pair<pid_t, std::string>> inside() {
    const std::scoped_lock lock(mutex_);
    return inside_;
  }

  void acknowledged(const Message& message) {
    const std::scoped_lock lock(mutex_);
    acknowledged_.push_back(message);
  }
  std::vector<Message> acknowledged() {
    const std::scoped_lock lock(mutex_);
    return acknowledged_;
  }

 private:
  std::mutex mutex_;
  std::optional<std::pair<pid_t, std::string>> inside_;
  std::vector<Message> acknowledged_;
};

}  // namespace lastcall::embed

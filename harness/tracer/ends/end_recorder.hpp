// Records how the processes of the tree end: the signals they take and their senders, the thread
// that calls exit, the end itself. Called on the tracer's thread, which alone writes to the
// segment.
#pragma once

#include <map>
#include <string>

#include "history/segment.hpp"
#include "tracer/loop/observer.hpp"

namespace lastcall {

class EndRecorder : public TraceObserver {
 public:
  explicit EndRecorder(SegmentWriter& segment) : segment_(segment) {}

  void executed(const Tracee& thread) override;
  void on_exit_call(const Tracee& thread, int code) override;
  void on_thread_exit(const Tracee& thread, int status) override;
  bool on_signal(const Tracee& thread, const siginfo_t& info) override;
  void process_ended(pid_t pid, const siginfo_t& info) override;

 private:
  SegmentWriter& segment_;
  std::map<pid_t, std::string> commands_;
};

}  // namespace lastcall

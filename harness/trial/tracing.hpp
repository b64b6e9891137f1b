// The tracer of one trial: the target's tree from its first instruction to its end, and what was
// seen of it, in a segment of its own. Used from the trial's one thread.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "history/segment.hpp"
#include "tracer/end_recorder.hpp"
#include "tracer/late_writes.hpp"
#include "tracer/open_at_exit.hpp"
#include "tracer/stack_reader.hpp"
#include "tracer/tracer.hpp"

namespace lastcall {

class Tracing {
 public:
  struct Settings {
    std::string segment;            // the file that it writes
    std::vector<int> stop_signals;  // that the filters wake at
    bool asleep = true;             // they sleep until then
    bool open_at_exit = false;      // what is left open at an exit is looked at
    std::string state_folder{};     // for that: files below it have to be synced; empty: none
  };
  // Takes all waiting for children over from the calling thread, until finish().
  static Result<std::unique_ptr<Tracing>> start(Settings settings);

  [[nodiscard]] TraceMe initialiser() const { return tracer_->initialiser(); }
  // Records that it is traced, or why it is not; the child goes on in any case.
  void follow(pid_t child);
  // The target is ready: what it has open now it may keep.
  void ready();
  // Before a stop signal is sent, so that what follows it is seen.
  void wake_filters();

  // Takes the stacks of all threads and what they wait for. Says whether nothing but a signal can
  // ever wake one of them.
  bool look(StacksAt why);

  // Readable when there is something to take.
  [[nodiscard]] int ends_fd() const { return tracer_->ends_fd(); }
  [[nodiscard]] std::optional<siginfo_t> next_end();

  // Kills who is still traced.
  Result<std::size_t> finish();

 private:
  // Whoever sends a stop signal, it wakes the filters as it reaches the target.
  struct StopWatch : TraceObserver {
    std::vector<int> signals;
    TraceLoop* loop = nullptr;
    SegmentWriter* segment = nullptr;
    bool awake = false;
    void wake();
    bool on_signal(const Tracee& thread, const siginfo_t& info) override;
  };

  Tracing(SegmentWriter segment, Settings settings);
  void record(const LateWrite& late);
  void record(pid_t pid, const std::vector<LeftOpen>& left);

  SegmentWriter segment_;  // the tracer's thread alone writes to it while it runs
  Settings settings_;
  StopWatch stop_;
  EndRecorder ends_of_processes_;
  LateWrites late_writes_;
  OpenAtExit open_at_exit_;
  StackReader stacks_;
  std::deque<siginfo_t> ends_;
  std::unique_ptr<Tracer> tracer_;
};

}  // namespace lastcall

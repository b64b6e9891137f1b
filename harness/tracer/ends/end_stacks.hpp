// The stacks at the moment a process ends: of all its threads as a signal is about to end it, of
// the thread that calls exit_group(2). SIGKILL gives no such moment. Called on the tracer's thread
// only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "tracer/loop/observer.hpp"
#include "tracer/loop/trace_loop.hpp"
#include "tracer/stacks/stack_reader.hpp"

namespace lastcall {

struct EndStack {
  pid_t pid = 0;
  pid_t tid = 0;                       // who takes the signal or calls exit
  int signal = 0;                      // 0: exit_group(2)
  int code = 0;                        // of the exit, as its caller gave it
  TimePoint at{};                      // before the look, which takes its time
  std::vector<UnnamedStack> stacks{};  // that of `tid` first
};

class EndStacks : public TraceObserver {
 public:
  // File and line cost tens of milliseconds a process; scripts end many with an exit code of
  // theirs.
  static constexpr int kMaxWithLines = 32;
  // Of threads, in the tree: 5 KB each, until they are named. Exits get one half of them at most.
  static constexpr std::size_t kMaxStacks = 10'000;

  // `found` is called on the tracer's thread, at most once a process and way to end, and with
  // `most` stacks in all.
  explicit EndStacks(std::function<void(EndStack)> found, std::size_t most = kMaxStacks)
      : found_(std::move(found)), most_(most) {}

  // With names, and file and line unless the exit code is 0; at any time, best when nobody waits.
  std::vector<Stack> named(EndStack end);

  // Ends by these signals are not looked at, nor exits with 0.
  void leave_usual_ends(std::vector<int> signals) { usual_ = std::move(signals); }
  // From here on those by this signal neither.
  void leave_usual_end(int signal) {
    if (usual_) usual_->push_back(signal);
  }
  // Ends by a signal that were not looked at, because there were too many stacks.
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

  // The loop that calls this observer, before it does. Without it only one thread is looked at.
  void stop_with(TraceLoop& loop) { loop_ = &loop; }

  void on_exit_call(const Tracee& thread, int code) override;
  bool on_signal(const Tracee& thread, const siginfo_t& info) override;
  void process_ended(pid_t pid, const siginfo_t& info) override;

 private:
  std::function<void(EndStack)> found_;
  TraceLoop* loop_ = nullptr;
  StackReader reader_;
  std::optional<std::vector<int>> usual_;
  std::set<pid_t> ending_;  // by a signal
  int with_lines_ = 0;
  std::size_t most_;
  std::size_t taken_ = 0;  // stacks
  std::uint64_t left_out_ = 0;
};

}  // namespace lastcall

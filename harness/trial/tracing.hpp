// The tracer of one trial: the target's tree from its first instruction to its end, and what was
// seen of it, in a segment of its own. Used from the trial's one thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/scoped_fd.hpp"
#include "history/segment.hpp"
#include "tracer/calls/call_injector.hpp"
#include "tracer/calls/timed_waits.hpp"
#include "tracer/calls/use_after_close.hpp"
#include "tracer/ends/end_recorder.hpp"
#include "tracer/ends/end_stacks.hpp"
#include "tracer/ends/exit_leak_observer.hpp"
#include "tracer/ends/last_calls.hpp"
#include "tracer/loop/tracer.hpp"
#include "tracer/points/point_watch.hpp"
#include "tracer/points/visit_injector.hpp"
#include "tracer/runtimes/masked_panics.hpp"
#include "tracer/stacks/stack_reader.hpp"

namespace lastcall {

class Tracing {
 public:
  struct Settings {
    std::string segment;  // the file that it writes
    // And that with the stacks of failing exits and fatal signals, and with waits for the time.
    std::string end_segment;
    std::vector<int> stop_signals;  // that the filters wake at
    bool asleep = true;             // they sleep until then
    bool open_at_exit = false;      // what is left open at an exit is looked at
    std::string state_folder{};     // for that: files below it have to be synced; empty: none
    CallInjector::Settings calls;   // that faults are done at
    std::vector<VisitInjector::Rule> visits{};  // likewise
    std::string calibration{};  // the file for who came where (search/saved_calibration.hpp)
    // An earlier calibration, of functions: this one looks inside of those. None: it is the first.
    std::optional<Calibration> met{};
  };
  // The system call or the function of a fault was reached.
  struct ReachedPlace {
    FaultId fault;
    pid_t standing = 0;  // the thread that stands at it until it is released; 0: the fault is done
  };
  // Takes all waiting for children over from the calling thread, until finish().
  static Result<std::unique_ptr<Tracing>> start(Settings settings);

  [[nodiscard]] TraceMe initialiser() const { return tracer_->initialiser(); }
  // Records that it is traced, or why it is not; the child goes on in any case.
  void follow(pid_t child);
  // The target is ready: what it has open now it may keep.
  void ready();
  // lastcall itself is about to end processes by this signal: where they stand then is no news.
  void force_by(int signal);
  // Sends a signal with `send`, which returns 0 or errno, so that the thread takes it that would
  // untraced; where that is not certain, TakerInDoubt says so. `begins_drain`: what follows is
  // seen, from then on or from wake_if_taken() on.
  int send(int signal, bool begins_drain, const std::function<int()>& send);
  // A signal that begins the drain was sent, by send() or by somebody else: filters wake unless it
  // still waits for the thread that the kernel chose. Threads that stop for the filters might take
  // it first. Returns whether they are awake.
  bool wake_if_taken(int signal);
  void wake_filters();
  // The phase begins: of the drain, before the signal is sent.
  void begin(Phase phase);

  // Readable when such a place was reached.
  [[nodiscard]] int reached_fd() const { return reached_ready_.get(); }
  [[nodiscard]] std::vector<ReachedPlace> take_reached();
  void release(pid_t tid);
  // How many calls or visits of the fault were counted; nothing if the target has no such function.
  [[nodiscard]] std::optional<std::uint64_t> counted(FaultId fault);
  // Why it is not traced after all; empty if it is.
  [[nodiscard]] const std::string& problem() const { return problem_; }

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
    std::string* problem = nullptr;
    std::function<void()> begin_drain{};
    bool awake = false;
    std::set<std::pair<pid_t, int>> in_doubt;  // signals of processes
    TimePoint since{};                         // not recorded yet
    Nanoseconds work{};                        // since then
    void wake();
    // `thread` takes it. While filters sleep it is the one that would untraced.
    void note_taker(const Tracee& thread, const siginfo_t& info);
    void worked(TimePoint from, TimePoint to) override;
    bool on_signal(const Tracee& thread, const siginfo_t& info) override;
    void not_filtered(const Tracee& thread, const std::string& why) override;
  };

  Tracing(SegmentWriter segment, Settings settings, ScopedFd reached_ready);
  void record(const LateWrite& late);
  void record(pid_t pid, const std::vector<LeftOpen>& left);
  void record(MaskedPanic panic);
  void record(const WatchedRuntimes& watched);
  // What is named late (`ends_to_name_`, `panics_to_name_`), and the waits.
  Result<std::size_t> record_ends();
  void add_waits(std::vector<Event>& events);
  void record(pid_t pid, const std::vector<LastCall>& calls);
  void note_reached(FaultId fault, pid_t standing);
  void begin_here(Phase phase);  // on the tracer's thread
  void write_calibration();
  // On the tracer's thread, or here once it is gone.
  void on_tracer(const std::function<void()>& what);

  SegmentWriter segment_;  // the tracer's thread alone writes to it while it runs
  Settings settings_;
  StopWatch stop_;
  EndRecorder ends_of_processes_;
  LateWrites late_writes_;
  LastCalls last_calls_;
  TimedWaits timed_waits_;  // if filters sleep until the stop
  EndStacks end_stacks_;
  std::vector<EndStack> ends_to_name_;  // when no target waits for the tracer any more
  std::vector<std::pair<TimePoint, MaskedPanic>> panics_to_name_;  // likewise
  MaskedPanics panics_;
  OpenAtExit open_at_exit_;
  StackReader stacks_;
  CallInjector calls_;
  VisitInjector visits_;
  std::optional<PointWatch> points_;  // if there is to be a calibration
  ScopedFd reached_ready_;
  std::vector<ReachedPlace> reached_;  // the tracer's thread's
  std::string problem_;
  std::deque<siginfo_t> ends_;
  std::unique_ptr<Tracer> tracer_;
};

}  // namespace lastcall

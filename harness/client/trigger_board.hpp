// Counts what clients do and how long they wait for answers, over all worker processes of a trial,
// in shared memory, and fires the faults that wait for the Nth of a kind where it is counted. The
// trial process strikes through the same board, so that exactly one signal of a trial begins the
// stop. One board a process; not thread-safe within a process, atomic between processes.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/scoped_fd.hpp"
#include "fault/fault.hpp"
#include "history/event_sink.hpp"

namespace lastcall {

class TriggerBoard {
 public:
  // The trial process creates the board, workers attach to its memfd.
  static Result<TriggerBoard> create();
  static Result<TriggerBoard> attach(ScopedFd memory);
  TriggerBoard(TriggerBoard&& other) noexcept;
  TriggerBoard& operator=(TriggerBoard&&) = delete;
  ~TriggerBoard();

  [[nodiscard]] int memory_fd() const { return memory_.get(); }

  // Counts one event; returns N if it is the Nth of its kind.
  std::uint64_t count(ClientEvent event);
  [[nodiscard]] std::uint64_t counted(ClientEvent event) const;

  // A request was answered after so long.
  void answered_after(Nanoseconds length);
  // When the worker's oldest request without an answer was sent; nothing if there is none.
  void waits_since(std::uint32_t worker, std::optional<TimePoint> sent);
  // The longest response time so far; a request that still waits counts with its age.
  [[nodiscard]] Nanoseconds longest_response(TimePoint at) const;

  // True for the one caller that begins the stop.
  bool begin_stop();
  // Somebody has; who asks here need not have heard of it yet.
  [[nodiscard]] bool stop_has_begun() const { return shared_->stop_begun.load(); }

 private:
  // Workers with the same number modulo this share a place, and the last one counts.
  static constexpr std::size_t kWorkers = 64;
  struct Shared {
    std::atomic<std::uint64_t> counts[4];
    std::atomic<bool> stop_begun;
    std::atomic<std::int64_t> slowest;          // answer, nanoseconds
    std::atomic<std::int64_t> waits[kWorkers];  // since, nanoseconds of the clock; 0: nobody
  };
  TriggerBoard(ScopedFd memory, Shared* shared) : memory_(std::move(memory)), shared_(shared) {}
  static Result<TriggerBoard> map(ScopedFd memory);
  ScopedFd memory_;
  Shared* shared_ = nullptr;
};

// One signal of a fault.
struct Strike {
  FaultId fault;
  std::uint32_t step = 0;
  int signal = 0;
  Recipient to = Recipient::process;
  bool may_stop = false;  // it is one of the scenario's stop signals
};

// Sends a signal and returns 0 or errno.
using SendSignal = std::function<int(int signal)>;
SendSignal to_process(int pidfd);

// With what a strike is carried out.
struct StrikeHands {
  SendSignal send;
  // Called before the intent is recorded if this strike begins the stop.
  std::function<void()> before_stop;
  // Called after that, before any stop signal that goes to the target's own process.
  std::function<void(int signal)> before_signal{};
};

// Records the intent, sends the signal, records the outcome. Returns whether this strike began the
// stop.
bool strike(const Strike& strike, TriggerBoard& board, EventSink& events, const StrikeHands& hands);

}  // namespace lastcall

#include "client/trigger_board.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include "base/signal_names.hpp"

namespace lastcall {

Result<TriggerBoard> TriggerBoard::create() {
  ScopedFd memory(::memfd_create("lastcall-triggers", MFD_CLOEXEC));
  if (!memory || ::ftruncate(memory.get(), sizeof(Shared)) != 0) {
    return Error{"create shared memory", "", errno, ""};
  }
  return map(std::move(memory));
}

Result<TriggerBoard> TriggerBoard::attach(ScopedFd memory) { return map(std::move(memory)); }

Result<TriggerBoard> TriggerBoard::map(ScopedFd memory) {
  // A fresh memfd is zero, which is the initial state of every member; workers must not initialise
  // it again.
  void* address =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (address == MAP_FAILED) return Error{"map shared memory", "", errno, ""};
  return TriggerBoard(std::move(memory), static_cast<Shared*>(address));
}

TriggerBoard::TriggerBoard(TriggerBoard&& other) noexcept
    : memory_(std::move(other.memory_)), shared_(std::exchange(other.shared_, nullptr)) {}

TriggerBoard::~TriggerBoard() {
  if (shared_ != nullptr) ::munmap(shared_, sizeof(Shared));
}

std::uint64_t TriggerBoard::count(ClientEvent event) {
  return shared_->counts[static_cast<std::size_t>(event)].fetch_add(1) + 1;
}

std::uint64_t TriggerBoard::counted(ClientEvent event) const {
  return shared_->counts[static_cast<std::size_t>(event)].load();
}

void TriggerBoard::answered_after(Nanoseconds length) {
  auto slowest = shared_->slowest.load();
  while (slowest < length.count() &&
         !shared_->slowest.compare_exchange_weak(slowest, length.count())) {
  }
}

void TriggerBoard::waits_since(std::uint32_t worker, std::optional<TimePoint> sent) {
  shared_->waits[worker % kWorkers].store(sent ? sent->time_since_epoch().count() : 0);
}

Nanoseconds TriggerBoard::longest_response(TimePoint at) const {
  auto longest = shared_->slowest.load();
  for (const auto& worker : shared_->waits) {
    const auto since = worker.load();
    if (since != 0) longest = std::max(longest, at.time_since_epoch().count() - since);
  }
  return Nanoseconds(longest);
}

bool TriggerBoard::begin_stop() { return !shared_->stop_begun.exchange(true); }

SendSignal to_process(int pidfd) {
  return [pidfd](int signal) {
    return ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0 ? 0 : errno;
  };
}

bool strike(const Strike& strike, TriggerBoard& board, EventSink& events,
            const StrikeHands& hands) {
  const bool stop = strike.may_stop && board.begin_stop();
  if (stop && hands.before_stop) hands.before_stop();
  const bool is_for_the_target = strike.may_stop && strike.to != Recipient::child;
  if (is_for_the_target && hands.before_signal) hands.before_signal(strike.signal);
  const auto what = signal_name(strike.signal) + " to " + std::string(name(strike.to));
  events.record(FaultInvoked{strike.fault, strike.step, what, strike.signal, stop});
  const int error = hands.send(strike.signal);
  events.record(FaultFinished{strike.fault, strike.step, error});
  return stop;
}

}  // namespace lastcall

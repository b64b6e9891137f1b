#include "tracer/loop/tracer.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <iterator>

namespace lastcall {
namespace {

// Nothing is missed when it passes: a stop wakes the thread.
constexpr auto kIdle = std::chrono::seconds(10);

void write_to(int eventfd, std::uint64_t value) { (void)!::write(eventfd, &value, sizeof value); }

sigset_t only_sigchld() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  return set;
}

}  // namespace

Result<std::unique_ptr<Tracer>> Tracer::start(std::span<const int> syscalls,
                                              std::vector<TraceObserver*> observers,
                                              std::span<const ConditionalCall> conditional) {
  auto filter = make_filter(syscalls, conditional);
  if (!filter) return filter.error();
  const auto child = only_sigchld();
  if (const int problem = ::pthread_sigmask(SIG_BLOCK, &child, nullptr); problem != 0)
    return Error{"block SIGCHLD", "", problem, ""};
  auto calls = LinuxPtrace::create();
  if (!calls) return calls.error();
  ScopedFd gate(::eventfd(0, EFD_CLOEXEC));
  ScopedFd ends_ready(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!gate || !ends_ready) return Error{"create an eventfd", "", errno, ""};
  return std::unique_ptr<Tracer>(new Tracer(std::move(*calls), std::move(*filter), std::move(gate),
                                            std::move(ends_ready), std::move(observers)));
}

Tracer::Tracer(LinuxPtrace calls, std::vector<sock_filter> filter, ScopedFd gate,
               ScopedFd ends_ready, std::vector<TraceObserver*> observers)
    : calls_(std::move(calls)),
      filter_(std::move(filter)),
      gate_(std::move(gate)),
      ends_ready_(std::move(ends_ready)),
      observers_(std::move(observers)),
      thread_([this] { run(); }) {}

Tracer::~Tracer() {
  {
    const std::scoped_lock lock(mutex_);
    over_ = true;
  }
  calls_.wake();
  thread_.join();
  const auto child = only_sigchld();
  (void)::pthread_sigmask(SIG_UNBLOCK, &child, nullptr);
}

TraceMe Tracer::initialiser() const { return TraceMe(&filter_, gate_.get()); }

Result<void> Tracer::follow(pid_t child, bool asleep) {
  Result<void> followed;
  auto word = TraceMe::kFiltered;
  on_its_thread([&](TraceLoop& loop) {
    followed = loop.follow(child, asleep);
    // Without CAP_SYS_ADMIN, or a kernel that knows how to.
    if (!followed && asleep) {
      followed = loop.follow_unfiltered(child, filter_);
      word = TraceMe::kFilteredLater;
    }
  });
  write_to(gate_.get(), followed ? word : TraceMe::kUnfiltered);
  return followed;
}

void Tracer::wake_filters() {
  on_its_thread([](TraceLoop& loop) { loop.wake_filters(); });
}

void Tracer::on_its_thread(const std::function<void(TraceLoop&)>& what) {
  std::unique_lock lock(mutex_);
  asked_ = &what;
  calls_.wake();
  done_.wait(lock, [this] { return asked_ == nullptr; });
}

std::vector<siginfo_t> Tracer::take_ends() {
  std::uint64_t ignored = 0;
  (void)!::read(ends_ready_.get(), &ignored, sizeof ignored);
  const std::scoped_lock lock(mutex_);
  return std::exchange(ends_, {});
}

void Tracer::run() {
  TraceLoop loop(calls_, observers_);
  for (;;) {
    loop.work();
    auto ends = loop.take_ends();
    bool was_asked = false;
    {
      const std::scoped_lock lock(mutex_);
      if (asked_ != nullptr) {
        (*asked_)(loop);
        asked_ = nullptr;
        was_asked = true;
        done_.notify_one();
      }
      if (!ends.empty()) {
        std::ranges::move(ends, std::back_inserter(ends_));
        write_to(ends_ready_.get(), 1);
      }
      if (over_) return;
    }
    if (was_asked) continue;  // ends and stops that were seen meanwhile bring no further signal
    const auto timer = loop.next_timer();
    calls_.await_or_wake(timer ? *timer - now() : Nanoseconds(kIdle));
  }
}

}  // namespace lastcall

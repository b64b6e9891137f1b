#include "trial/tracing.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace lastcall {

void Tracing::StopWatch::wake() {
  if (std::exchange(awake, true)) return;
  loop->wake_filters();
  segment->record(FiltersWoke{});
}

bool Tracing::StopWatch::on_signal(const Tracee&, const siginfo_t& info) {
  if (std::ranges::count(signals, info.si_signo) > 0) {
    wake();
    calls->begin(Phase::drain);
  }
  return false;
}

Tracing::Tracing(SegmentWriter segment, Settings settings, ScopedFd reached_ready)
    : segment_(std::move(segment)),
      settings_(std::move(settings)),
      ends_of_processes_(segment_),
      calls_(settings_.calls, segment_,
             [this](FaultId fault, pid_t tid) {
               reached_.push_back({fault, tid});
               const std::uint64_t one = 1;
               (void)!::write(reached_ready_.get(), &one, sizeof one);
             }),
      reached_ready_(std::move(reached_ready)) {}

Result<std::unique_ptr<Tracing>> Tracing::start(Settings settings) {
  auto segment = SegmentWriter::create(settings.segment);
  if (!segment) return segment.error();
  ScopedFd reached(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!reached) return Error{"create an eventfd", "", errno, ""};
  std::unique_ptr<Tracing> tracing(
      new Tracing(std::move(*segment), std::move(settings), std::move(reached)));
  auto syscalls = EndRecorder::syscalls();
  std::ranges::copy(CallInjector::syscalls(tracing->settings_.calls.rules),
                    std::back_inserter(syscalls));
  std::ranges::sort(syscalls);
  const auto [first, last] = std::ranges::unique(syscalls);
  syscalls.erase(first, last);
  auto tracer =
      Tracer::start(syscalls, {&tracing->stop_, &tracing->ends_of_processes_, &tracing->calls_});
  if (!tracer) return tracer.error();
  tracing->tracer_ = std::move(*tracer);
  tracing->tracer_->on_its_thread([&](TraceLoop& loop) {
    tracing->stop_.signals = tracing->settings_.stop_signals;
    tracing->stop_.segment = &tracing->segment_;
    tracing->stop_.calls = &tracing->calls_;
    tracing->stop_.loop = &loop;
  });
  return tracing;
}

void Tracing::follow(pid_t child) {
  const auto asleep = tracer_->follow(child, settings_.asleep);
  tracer_->on_its_thread([&](TraceLoop&) {
    if (asleep) {
      segment_.record(TraceBegan{*asleep});
      stop_.awake = !*asleep;
    } else {
      problem_ = asleep.error().message();
      segment_.record(TraceFailed{problem_});
      stop_.awake = true;
    }
  });
}

void Tracing::wake_filters() {
  tracer_->on_its_thread([this](TraceLoop&) { stop_.wake(); });
}

void Tracing::begin(Phase phase) {
  if (!settings_.calls.rules.empty()) look([&] { calls_.begin(phase); });
}

std::vector<Tracing::ReachedCall> Tracing::take_reached() {
  std::uint64_t ignored = 0;
  (void)!::read(reached_ready_.get(), &ignored, sizeof ignored);
  std::vector<ReachedCall> taken;
  look([&] { taken = std::exchange(reached_, {}); });
  return taken;
}

void Tracing::release(pid_t tid) {
  tracer_->on_its_thread([&](TraceLoop& loop) { loop.release(tid); });
}

std::uint64_t Tracing::counted(FaultId fault) {
  std::uint64_t counted = 0;
  look([&] { counted = calls_.counted(fault); });
  return counted;
}

void Tracing::look(const std::function<void()>& what) {
  if (!tracer_) return what();
  tracer_->on_its_thread([&](TraceLoop&) { what(); });
}

std::optional<siginfo_t> Tracing::next_end() {
  if (ends_.empty()) std::ranges::copy(tracer_->take_ends(), std::back_inserter(ends_));
  if (ends_.empty()) return std::nullopt;
  const auto next = ends_.front();
  ends_.pop_front();
  return next;
}

Result<std::size_t> Tracing::finish() {
  tracer_.reset();
  return segment_.finish();
}

}  // namespace lastcall

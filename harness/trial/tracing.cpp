#include "trial/tracing.hpp"

#include <algorithm>

namespace lastcall {

void Tracing::StopWatch::wake() {
  if (std::exchange(awake, true)) return;
  loop->wake_filters();
  segment->record(FiltersWoke{});
}

bool Tracing::StopWatch::on_signal(const Tracee&, const siginfo_t& info) {
  if (std::ranges::count(signals, info.si_signo) > 0) wake();
  return false;
}

Result<std::unique_ptr<Tracing>> Tracing::start(Settings settings) {
  auto segment = SegmentWriter::create(settings.segment);
  if (!segment) return segment.error();
  std::unique_ptr<Tracing> tracing(new Tracing(std::move(*segment), std::move(settings)));
  auto tracer =
      Tracer::start(EndRecorder::syscalls(), {&tracing->stop_, &tracing->ends_of_processes_});
  if (!tracer) return tracer.error();
  tracing->tracer_ = std::move(*tracer);
  tracing->tracer_->on_its_thread([&](TraceLoop& loop) {
    tracing->stop_.signals = tracing->settings_.stop_signals;
    tracing->stop_.segment = &tracing->segment_;
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
      segment_.record(TraceFailed{asleep.error().message()});
      stop_.awake = true;
    }
  });
}

void Tracing::wake_filters() {
  tracer_->on_its_thread([this](TraceLoop&) { stop_.wake(); });
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

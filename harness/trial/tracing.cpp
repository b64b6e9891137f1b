#include "trial/tracing.hpp"

#include <algorithm>

#include "tracer/lock_graph.hpp"

namespace lastcall {
namespace {

// Of one event's text. A process may have ten thousand threads.
constexpr std::size_t kMostText = 1 << 16;
constexpr std::size_t kMostWaits = 256;

std::string cut(std::string text) {
  if (text.size() <= kMostText) return text;
  text.resize(text.rfind('\n', kMostText));
  return text + "\n…";
}

std::string_view name(LeftOpen::Kind kind) {
  constexpr std::string_view kNames[] = {"listener", "connection", "socket", "unsynced",
                                         "file",     "child",      "threads"};
  return kNames[static_cast<std::size_t>(kind)];
}

SendingEnd end_of(LateWrite::How how) {
  return how == LateWrite::How::closed      ? SendingEnd::closed
         : how == LateWrite::How::shut_down ? SendingEnd::shut_down
                                            : SendingEnd::never_open;
}

}  // namespace

void Tracing::StopWatch::wake() {
  if (std::exchange(awake, true)) return;
  loop->wake_filters();
  segment->record(FiltersWoke{});
}

bool Tracing::StopWatch::on_signal(const Tracee&, const siginfo_t& info) {
  if (std::ranges::count(signals, info.si_signo) > 0) wake();
  return false;
}

Tracing::Tracing(SegmentWriter segment, Settings settings)
    : segment_(std::move(segment)),
      settings_(std::move(settings)),
      ends_of_processes_(segment_),
      late_writes_([this](const LateWrite& late) { record(late); }),
      open_at_exit_({.state_folder = settings_.state_folder, .all_writes_seen = !settings_.asleep},
                    [this](pid_t pid, const std::vector<LeftOpen>& left) { record(pid, left); }) {}

Result<std::unique_ptr<Tracing>> Tracing::start(Settings settings) {
  auto segment = SegmentWriter::create(settings.segment);
  if (!segment) return segment.error();
  std::unique_ptr<Tracing> tracing(new Tracing(std::move(*segment), std::move(settings)));
  std::vector<TraceObserver*> observers{&tracing->stop_, &tracing->ends_of_processes_,
                                        &tracing->late_writes_};
  auto calls = EndRecorder::syscalls();
  const auto add = [&](const std::vector<int>& more) {
    calls.insert(calls.end(), more.begin(), more.end());
  };
  add(LateWrites::syscalls());
  if (tracing->settings_.open_at_exit) {
    observers.push_back(&tracing->open_at_exit_);
    add(OpenAtExit::syscalls());
    if (!tracing->settings_.state_folder.empty()) add(OpenAtExit::write_syscalls());
  }
  std::ranges::sort(calls);
  calls.erase(std::ranges::unique(calls).begin(), calls.end());
  auto tracer = Tracer::start(calls, std::move(observers));
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

void Tracing::ready() {
  tracer_->on_its_thread([this](TraceLoop&) { open_at_exit_.ready(); });
}

void Tracing::wake_filters() {
  tracer_->on_its_thread([this](TraceLoop&) { stop_.wake(); });
}

bool Tracing::look(StacksAt why) {
  bool is_dead = false;
  const auto record_all = [&](const std::vector<Tracee>& tracees) {
    const auto stacks = stacks_.stacks_of(tracees, Lines::with);
    const auto waits = waits_of(tracees, stacks);
    std::map<pid_t, std::vector<Stack>> processes;
    for (const auto& stack : stacks) processes[stack.pid].push_back(stack);
    for (const auto& [pid, all] : processes)
      segment_.record(StacksTaken{pid, why, cut(stacks_text(all))});
    for (std::size_t i = 0; i < std::min(waits.size(), kMostWaits); ++i) {
      const auto& one = waits[i];
      const bool runs = one.wait.kind == WaitKind::running;
      segment_.record(
          ThreadWaits{one.pid, one.tid, one.name, one.place, runs ? "" : one.wait.what});
    }
    for (const auto& stuck : stuck_threads(waits)) {
      is_dead |= is_deadlock(stuck);
      segment_.record(ThreadsStuck{is_deadlock(stuck), stuck.certain, stuck_text(stuck)});
    }
  };
  tracer_->on_its_thread([&](TraceLoop& loop) { loop.with_all_stopped(record_all); });
  return is_dead;
}

void Tracing::record(const LateWrite& late) {
  segment_.record(SentLate{late.writer.pid, end_of(late.how), late.descriptor, late.what, late.call,
                           late.error, late.age.count(), cut(stack_text(late.writer)),
                           late.closer.tid == 0 ? "" : cut(stack_text(late.closer))});
}

void Tracing::record(pid_t pid, const std::vector<LeftOpen>& left) {
  segment_.record(ExitExamined{pid, static_cast<std::uint32_t>(left.size())});
  for (const auto& one : left) {
    segment_.record(LeftAtExit{pid, std::string(name(one.kind)),
                               one.severity == LeftOpen::Severity::fail, one.text});
  }
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
  segment_.record(SendsWatched{late_writes_.sends(), late_writes_.closes()});
  return segment_.finish();
}

}  // namespace lastcall

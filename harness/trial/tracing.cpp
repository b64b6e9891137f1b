#include "trial/tracing.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <map>
#include <set>
#include <thread>

#include "base/file.hpp"
#include "search/saved_calibration.hpp"
#include "tracer/locks/lock_graph.hpp"

namespace lastcall {
namespace {

// Of one event's text. A process may have ten thousand threads.
constexpr std::size_t kMaxText = 1 << 16;

// Panics that are named late, 5 KB each; of further ones file and line are not looked up.
constexpr std::size_t kMaxToName = 1000;

// One event for so long; what little is left over is told with the next.
constexpr auto kLagPeriod = std::chrono::milliseconds(10);
constexpr auto kLeastLag = std::chrono::microseconds(500);

// A thread goes back into its call within microseconds if a processor is free.
constexpr auto kSettling = std::chrono::milliseconds(2);
constexpr auto kLookAgain = std::chrono::microseconds(20);

std::string cut(std::string text) {
  if (text.size() <= kMaxText) return text;
  text.resize(text.rfind('\n', kMaxText));
  return text + "\n…";
}

SendingEnd end_of(LateWrite::How how) {
  return how == LateWrite::How::closed      ? SendingEnd::closed
         : how == LateWrite::How::shut_down ? SendingEnd::shut_down
                                            : SendingEnd::never_open;
}

std::string_view name(MaskedPanic::Runtime runtime) {
  constexpr std::string_view kNames[] = {"go", "rust", "c++", "signal"};
  return kNames[static_cast<std::size_t>(runtime)];
}

// Nothing of those with which Go programs and its own library leave a function, encoding/json.
std::optional<PanicKind> kind_of(MaskedPanic::Kind kind) {
  switch (kind) {
    case MaskedPanic::Kind::panic:
      return std::nullopt;
    case MaskedPanic::Kind::programming_error:
      return PanicKind::programming_error;
    case MaskedPanic::Kind::catch_all:
      return PanicKind::caught_by_all;
    case MaskedPanic::Kind::terminate:
      return PanicKind::terminate;
    case MaskedPanic::Kind::signal:
      return PanicKind::fault_signal;
  }
  return {};
}

// The event for a panic of a kind that is recorded.
PanicEntered entered(const MaskedPanic& panic) {
  // "std::out_of_range: vector::at": the type and what it says.
  const auto colon = panic.what.find(": ");
  return {panic.stack.pid,
          panic.stack.tid,
          std::string(name(panic.runtime)),
          kind_of(panic.kind).value(),
          panic.what.substr(0, colon),
          colon == std::string::npos ? "" : panic.what.substr(colon + 2),
          cut(stack_text(panic.stack))};
}

// Until the first threads of these processes are back in the calls that they were stopped in, if
// they were: who was just let go on is passed over when the kernel chooses the thread for a signal,
// or takes it from the one that was chosen, whose call then was interrupted by nothing.
void wait_until_asleep(const std::set<pid_t>& processes) {
  const auto limit = now() + kSettling;
  for (const auto pid : processes) {
    const auto sleeps = [&] {
      const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
      if (!stat) return true;
      const auto state = stat->rfind(") ");  // proc(5): "4711 (a name) S …"
      return state == std::string::npos || stat->find_first_of("SDZX", state) == state + 2;
    };
    while (!sleeps() && now() < limit) std::this_thread::sleep_for(kLookAgain);
  }
}

}  // namespace

void Tracing::StopWatch::wake() {
  if (std::exchange(awake, true)) return;
  loop->wake_filters();
  segment->record(FiltersWoke{});
}

void Tracing::StopWatch::worked(TimePoint from, TimePoint to) {
  work += to - from;
  if (to - since < kLagPeriod) return;
  since = to;
  if (work >= kLeastLag) segment->record(to, Lag{"tracer", std::exchange(work, {}).count()});
}

void Tracing::StopWatch::note_taker(const Tracee& thread, const siginfo_t& info) {
  // The first thread takes what it does not block (TraceLoop); a thread's own signal is no choice.
  const bool is_choice =
      thread.tid != thread.pid && (info.si_code == SI_USER || info.si_code == SI_QUEUE);
  if (!awake || !is_choice || in_doubt.contains({thread.pid, info.si_signo})) return;
  if (!loop->has_several_takers(thread.pid, info.si_signo)) return;
  in_doubt.emplace(thread.pid, info.si_signo);
  segment->record(TakerInDoubt{thread.pid, thread.tid, info.si_signo});
}

bool Tracing::StopWatch::on_signal(const Tracee& thread, const siginfo_t& info) {
  if (std::ranges::count(signals, info.si_signo) > 0) {
    note_taker(thread, info);
    wake();
    begin_drain();
  }
  return false;
}

void Tracing::StopWatch::not_filtered(const Tracee& thread, const std::string& why) {
  *problem = "process " + std::to_string(thread.pid) + ": " + why;
  segment->record(TraceFailed{*problem});
}

Tracing::Tracing(SegmentWriter segment, Settings settings, ScopedFd reached_ready)
    : segment_(std::move(segment)),
      settings_(std::move(settings)),
      ends_of_processes_(segment_),
      late_writes_([this](const LateWrite& late) { record(late); }),
      last_calls_([this](pid_t pid, const std::vector<LastCall>& calls) { record(pid, calls); }),
      end_stacks_([this](EndStack end) { ends_to_name_.push_back(std::move(end)); }),
      panics_([this](MaskedPanic panic) { record(std::move(panic)); },
              [this](const WatchedRuntimes& watched) { record(watched); }),
      open_at_exit_({.state_folder = settings_.state_folder, .all_writes_seen = !settings_.asleep},
                    [this](pid_t pid, const std::vector<LeftOpen>& left) { record(pid, left); }),
      calls_(settings_.calls, segment_,
             [this](FaultId fault, pid_t standing) { note_reached(fault, standing); }),
      visits_(settings_.visits, segment_,
              [this](FaultId fault, pid_t standing) { note_reached(fault, standing); }),
      reached_ready_(std::move(reached_ready)) {
  if (settings_.calibration.empty()) return;
  // Which signal it is does not matter: the trial sends it.
  PointOrders orders{.plan = {.signal = SIGTERM}, .catalogues = true, .is_told_phases = true};
  orders.scope = settings_.met ? PointScope::insides : PointScope::functions;
  if (settings_.met) orders.met = *settings_.met;
  points_.emplace(std::move(orders));
}

Result<std::unique_ptr<Tracing>> Tracing::start(Settings settings) {
  auto segment = SegmentWriter::create(settings.segment);
  if (!segment) return segment.error();
  ScopedFd reached(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!reached) return Error{"create an eventfd", "", errno, ""};
  std::unique_ptr<Tracing> tracing(
      new Tracing(std::move(*segment), std::move(settings), std::move(reached)));
  std::vector<TraceObserver*> observers{&tracing->stop_,        &tracing->end_stacks_,
                                        &tracing->panics_,      &tracing->ends_of_processes_,
                                        &tracing->late_writes_, &tracing->last_calls_,
                                        &tracing->calls_};
  if (!tracing->settings_.visits.empty()) observers.push_back(&tracing->visits_);
  if (tracing->points_) observers.push_back(&*tracing->points_);  // after those that set some too
  auto calls = LateWrites::syscalls();
  const auto add = [&](const std::vector<int>& more) {
    calls.insert(calls.end(), more.begin(), more.end());
  };
  add(LastCalls::syscalls());
  add(CallInjector::syscalls(tracing->settings_.calls.rules));
  std::vector<ConditionalCall> conditional;
  // Waits before the stop, which are many, are not worth a stop of their threads.
  if (tracing->settings_.asleep) {
    observers.push_back(&tracing->timed_waits_);
    add(TimedWaits::syscalls());
    conditional = TimedWaits::conditional_syscalls();
  }
  if (tracing->settings_.open_at_exit) {
    observers.push_back(&tracing->open_at_exit_);
    if (!tracing->settings_.state_folder.empty()) add(OpenAtExit::write_syscalls());
  }
  std::ranges::sort(calls);
  const auto [first, last] = std::ranges::unique(calls);
  calls.erase(first, last);
  // Those ends are asked for: by the plan, or as the target was forced to its end.
  auto asked_for = tracing->settings_.stop_signals;
  asked_for.push_back(SIGQUIT);
  tracing->end_stacks_.leave_usual_ends(std::move(asked_for));
  auto tracer = Tracer::start(calls, std::move(observers), conditional);
  if (!tracer) return tracer.error();
  tracing->tracer_ = std::move(*tracer);
  tracing->tracer_->on_its_thread([&](TraceLoop& loop) {
    tracing->stop_.signals = tracing->settings_.stop_signals;
    tracing->stop_.segment = &tracing->segment_;
    tracing->stop_.problem = &tracing->problem_;
    tracing->stop_.begin_drain = [&traced = *tracing] { traced.begin_here(Phase::drain); };
    tracing->stop_.loop = &loop;
    tracing->end_stacks_.stop_with(loop);
  });
  return tracing;
}

void Tracing::follow(pid_t child) {
  if (points_) tracer_->on_its_thread([&](TraceLoop& loop) { points_->watch(loop, child); });
  const auto followed = tracer_->follow(child, settings_.asleep);
  tracer_->on_its_thread([&](TraceLoop&) {
    if (followed) {
      segment_.record(TraceBegan{settings_.asleep});
      stop_.awake = !settings_.asleep;
    } else {
      problem_ = followed.error().message();
      segment_.record(TraceFailed{problem_});
      stop_.awake = true;
    }
  });
}

void Tracing::force_by(int signal) {
  tracer_->on_its_thread([&](TraceLoop&) { end_stacks_.leave_usual_end(signal); });
}

void Tracing::ready() {
  tracer_->on_its_thread([this](TraceLoop&) { open_at_exit_.ready(); });
}

int Tracing::send(int signal, bool begins_drain, const std::function<int()>& send) {
  // No thread is chosen for these.
  if (signal == SIGKILL || signal == SIGSTOP || signal == SIGCONT) {
    if (begins_drain) wake_filters();
    return send();
  }
  if (begins_drain) {
    bool is_choice = false;
    tracer_->on_its_thread([&](TraceLoop& loop) {
      is_choice = !stop_.awake && std::ranges::any_of(loop.processes(), [&](pid_t pid) {
        return loop.has_several_takers(pid, signal);
      });
    });
    // The kernel chooses while filters sleep; they wake as the signal is delivered.
    if (!is_choice) wake_filters();
    begin(Phase::drain);
  }
  int error = 0;
  tracer_->on_its_thread(
      [&](TraceLoop& loop) { loop.send_while_all_run([&] { error = send(); }); });
  return error;
}

bool Tracing::wake_if_taken(int signal) {
  bool is_awake = false;
  tracer_->on_its_thread([&](TraceLoop& loop) {
    if (!stop_.awake && loop.is_pending(signal)) return;
    begin_here(Phase::drain);
    stop_.wake();
    is_awake = true;
  });
  return is_awake;
}

void Tracing::wake_filters() {
  std::set<pid_t> disturbed;
  tracer_->on_its_thread([&](TraceLoop& loop) {
    if (!stop_.awake) disturbed = loop.processes();
    stop_.wake();
  });
  wait_until_asleep(disturbed);
}

bool Tracing::look(StacksAt why) {
  bool is_dead = false;
  tracer_->on_its_thread([&](TraceLoop& loop) {
    std::vector<UnnamedStack> taken;
    std::vector<ThreadWait> waits;
    loop.with_all_stopped([&](const std::vector<Tracee>& tracees) {
      taken = stacks_.unnamed(tracees);
      waits = waits_of(tracees, stacks_.named(taken));
    });
    is_dead = std::ranges::any_of(stuck_threads(waits), is_deadlock);
    if (why == StacksAt::deadlock && !is_dead) return;
    // File and line may take long: nobody is stopped meanwhile.
    const auto stacks = stacks_.named(std::move(taken), Lines::with);
    for (std::size_t i = 0; i < stacks.size(); ++i) waits[i].place = place_of(stacks[i]);
    std::map<pid_t, std::vector<Stack>> processes;
    for (const auto& stack : stacks) processes[stack.pid].push_back(stack);
    for (const auto& [pid, all] : processes)
      segment_.record(StacksTaken{pid, why, cut(stacks_text(all))});
    for (std::size_t i = 0; i < std::min(waits.size(), ThreadWaits::kMaxTold); ++i) {
      const auto& one = waits[i];
      const bool runs = one.wait.kind == WaitKind::running;
      auto what = runs ? std::string() : one.wait.what;
      const bool is_for_a_lock = one.wait.address != 0;
      if (is_for_a_lock && one.wait.timed) what += ThreadWaits::kUntilTimeOut;
      segment_.record(ThreadWaits{one.pid, one.tid, one.name, one.place, std::move(what)});
    }
    for (const auto& stuck : stuck_threads(waits))
      segment_.record(ThreadsStuck{is_deadlock(stuck), stuck.certain, stuck_text(stuck)});
  });
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

void Tracing::record(MaskedPanic panic) {
  if (!kind_of(panic.kind)) return;
  if (panic.to_name.places.empty() || panics_to_name_.size() >= kMaxToName)
    return segment_.record(entered(panic));
  panics_to_name_.emplace_back(now(), std::move(panic));
}

void Tracing::record(const WatchedRuntimes& watched) {
  std::string runtimes;
  for (const auto& one : watched.runtimes) runtimes += (runtimes.empty() ? "" : ", ") + one;
  segment_.record(PanicsWatched{watched.pid, watched.program, runtimes, watched.reason});
}

Result<std::size_t> Tracing::record_ends() {
  // Of its own, because a source is in order, and these belong where the ends were.
  auto segment = SegmentWriter::create(settings_.end_segment);
  if (!segment) return segment.error();
  std::vector<Event> events;
  for (auto& end : ends_to_name_) {
    const bool is_exit = end.signal == 0;
    const auto at = end.at;
    const auto pid = end.pid;
    const auto stacks = end_stacks_.named(std::move(end));
    // The thread that ended it first, and where.
    auto text = is_exit ? exit_text(stacks.at(0)) : stack_text(stacks.at(0));
    if (stacks.size() > 1) text += stacks_text({stacks.begin() + 1, stacks.end()});
    events.push_back({at, StacksTaken{pid, is_exit ? StacksAt::exit : StacksAt::fatal_signal,
                                      cut(std::move(text))}});
  }
  for (auto& [at, panic] : panics_to_name_) {
    panic.stack = stacks_.named({std::move(panic.to_name)}, Lines::with).front();
    events.push_back({at, entered(panic)});
  }
  add_waits(events);
  std::ranges::stable_sort(events, {}, &Event::at);
  for (auto& event : events) segment->record(event.at, std::move(event.body));
  return segment->finish();
}

void Tracing::add_waits(std::vector<Event>& events) {
  std::map<const UnnamedStack*, std::string> places;
  for (const auto& wait : timed_waits_.waits()) {
    const auto [place, is_new] = places.try_emplace(wait.stack.get());
    if (is_new && !wait.stack->stack.frames.empty())
      place->second = place_of(timed_waits_.named(*wait.stack));
    events.push_back({wait.to, TargetSlept{.pid = wait.pid,
                                           .tid = wait.tid,
                                           .thread = wait.stack->stack.thread_name,
                                           .call = wait.call,
                                           .requested = wait.requested.count(),
                                           .slept = (wait.to - wait.from).count(),
                                           .alone = wait.alone,
                                           .was_going_on = wait.was_going_on,
                                           .then = wait.then,
                                           .place = place->second}});
  }
}

void Tracing::record(pid_t pid, const std::vector<LastCall>& calls) {
  std::string text;
  for (const auto& call : calls) text += call_text(call) + '\n';
  if (!text.empty()) segment_.record(FinalCalls{pid, text});
}

void Tracing::begin(Phase phase) {
  if (settings_.calls.rules.empty() && settings_.visits.empty() && !points_) return;
  on_tracer([&] { begin_here(phase); });
}

void Tracing::begin_here(Phase phase) {
  calls_.begin(phase);
  visits_.begin(phase);
  if (points_ && phase == Phase::load) points_->begin(HuntPhase::run);
  if (points_ && phase == Phase::drain) points_->begin(HuntPhase::stop);
}

void Tracing::write_calibration() {
  if (!points_) return;
  const auto& catalogue = points_->catalogue();
  const SavedCalibration saved{.calibration = points_->take_calibration(),
                               .known = catalogue.points.size() + catalogue.unmet,
                               .left_out = catalogue.left_out,
                               .threads = points_->acted().threads};
  const auto written = write_regular(settings_.calibration, calibration_json(saved));
  if (!written) segment_.record(EventsLost{"tracer", written.error().message()});
}

void Tracing::note_reached(FaultId fault, pid_t standing) {
  reached_.push_back({fault, standing});
  const std::uint64_t one = 1;
  (void)!::write(reached_ready_.get(), &one, sizeof one);
}

std::vector<Tracing::ReachedPlace> Tracing::take_reached() {
  std::uint64_t ignored = 0;
  (void)!::read(reached_ready_.get(), &ignored, sizeof ignored);
  std::vector<ReachedPlace> taken;
  on_tracer([&] { taken = std::exchange(reached_, {}); });
  return taken;
}

void Tracing::release(pid_t tid) {
  tracer_->on_its_thread([&](TraceLoop& loop) { loop.release(tid); });
}

std::optional<std::uint64_t> Tracing::counted(FaultId fault) {
  std::optional<std::uint64_t> counted;
  on_tracer([&] {
    counted = std::ranges::find(settings_.visits, fault, &VisitInjector::Rule::fault) ==
                      settings_.visits.end()
                  ? calls_.counted(fault)
                  : visits_.counted(fault);
  });
  return counted;
}

void Tracing::on_tracer(const std::function<void()>& what) {
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
  write_calibration();
  const auto ends = record_ends();
  if (!ends) segment_.record(EventsLost{"ends", ends.error().message()});
  if (const auto left_out = end_stacks_.left_out(); left_out > 0) {
    segment_.record(EventsLost{"ends", "of " + std::to_string(left_out) +
                                           " processes that a signal ended no stack was taken: "
                                           "there had been too many"});
  }
  segment_.record(SendsWatched{late_writes_.sends(), late_writes_.closes()});
  if (settings_.asleep) {
    const auto left_out = timed_waits_.left_out();
    segment_.record(SleepsWatched{timed_waits_.waits().size() + left_out, left_out});
  }
  const auto finished = segment_.finish();
  return ends ? finished : ends;
}

}  // namespace lastcall

#include "tracer/points/point_watch.hpp"

#include <elf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <iterator>
#include <ranges>
#include <span>

#include "base/pattern.hpp"
#include "tracer/loop/trace_loop.hpp"
#include "tracer/ptrace/auxiliary.hpp"
#include "tracer/ptrace/descriptors.hpp"
#include "tracer/ptrace/signals.hpp"

namespace lastcall {
namespace {

// Calls of this architecture (asm/unistd_64.h); further ones are not seen.
constexpr int kLastCall = 462;
constexpr std::size_t kMostOfOutput = 64 << 10;

}  // namespace

PointWatch::PointWatch(PointOrders orders, std::function<void()> on_ready)
    : orders_(std::move(orders)),
      on_ready_(std::move(on_ready)),
      phase_(orders_.plan.signal == 0 ? HuntPhase::run : HuntPhase::start),
      counters_(orders_.plan.holds.size()) {
  acted_.reached.resize(orders_.plan.holds.size());
  acted_.visits.resize(orders_.plan.holds.size());
  if (orders_.plan.signal_at_call) orders_.sees_all_calls = true;
}

std::vector<int> PointWatch::syscalls() const {
  if (!orders_.sees_all_calls) return {SYS_exit_group};
  std::vector<int> all;
  for (int number = 0; number <= kLastCall; ++number) all.push_back(number);
  return all;
}

std::vector<ConditionalCall> PointWatch::conditional_syscalls() const {
  if (orders_.plan.signal == 0 || orders_.sees_all_calls) return {};
  return {
      {.number = SYS_write, .argument = 0, .condition = ConditionalCall::If::at_most, .value = 2},
      {.number = SYS_writev, .argument = 0, .condition = ConditionalCall::If::at_most, .value = 2}};
}

void PointWatch::watch(TraceLoop& loop, pid_t pid) {
  loop_ = &loop;
  pid_ = pid;
  numbers_[pid] = 0;
}

void PointWatch::executed(const Tracee& thread) {
  if (thread.pid != pid_) return;
  places_.clear();
  numbers_ = {{thread.tid, 0}};
  entry_ = auxiliary_value(thread.tid, AT_ENTRY).value_or(0);
  if (entry_ != 0) (void)thread.breakpoints->set(thread.calls, thread.tid, entry_);
}

void PointWatch::began(const Tracee& thread) {
  if (thread.pid == pid_) {
    numbers_.try_emplace(thread.tid, static_cast<int>(numbers_.size()));
    acted_.threads = std::max(acted_.threads, static_cast<int>(numbers_.size()));
    return;
  }
  // A child of vfork(2) has its parent's memory, and its breakpoints.
  if (thread.tid != thread.pid || thread.calls.share_memory(thread.pid, pid_)) return;
  for (const auto& [address, place] : places_) {
    if (!place.is_others_too) (void)thread.breakpoints->lift(thread.calls, thread.tid, address);
  }
}

void PointWatch::arm(const Tracee& thread) {
  thread.breakpoints->use_scratch(entry_);
  if (orders_.catalogues) {
    catalogue_ = catalogue_of(thread);
    auto choice = choose_points(std::move(catalogue_.points), orders_.scope, orders_.met,
                                PointCatalogue::kMaxPoints);
    catalogue_.points = std::move(choice.points);
    catalogue_.unmet = choice.unmet;
    catalogue_.left_out = choice.left_out;
    points_ = catalogue_.points;
    orders_.plan.build_ids = catalogue_.build_ids;
  } else {
    for (const auto& hold : orders_.plan.holds) points_.push_back(hold.point);
    std::ranges::copy(orders_.plan.armed, std::back_inserter(points_));
  }
  auto placed = place(points_, orders_.plan.build_ids, thread);
  acted_.moved = placed.moved;
  acted_.missing = std::move(placed.missing);
  for (std::size_t i = 0; i < points_.size(); ++i) {
    const auto address = placed.addresses[i];
    if (address == 0 || address - entry_ < 16) continue;
    const auto [found, is_new] = places_.try_emplace(address, Place{.point = i});
    if (!orders_.catalogues && i < orders_.plan.holds.size()) found->second.holds.push_back(i);
    if (!is_new) continue;
    found->second.is_others_too = thread.breakpoints->is_at(address);
    const auto kind = points_[i].kind;
    if (orders_.catalogues && (kind == PointKind::access || kind == PointKind::atomic)) {
      std::array<std::uint8_t, 16> code{};
      (void)thread.calls.read_memory(thread.tid, address, std::as_writable_bytes(std::span(code)));
      found->second.operand = memory_operand(code);
    }
    if (thread.breakpoints->set(thread.calls, thread.tid, address) == 0) {
      ++acted_.armed;
    } else {
      places_.erase(found);
    }
  }
}

bool PointWatch::says_ready() const {
  if (orders_.output < 0) return true;
  std::string text(kMostOfOutput, '\0');
  const auto count = ::pread(orders_.output, text.data(), text.size(), 0);
  if (count <= 0) return false;
  text.resize(static_cast<std::size_t>(count));
  return orders_.plan.ready.empty() || Pattern(orders_.plan.ready).found_in(text);
}

void PointWatch::new_phase(HuntPhase phase) {
  phase_ = phase;
  for (auto& counter : counters_) counter.seen = 0;
}

void PointWatch::be_ready() {
  if (phase_ != HuntPhase::start) return;
  new_phase(HuntPhase::run);
  on_ready_();
}

void PointWatch::begin(HuntPhase phase) {
  if (phase <= phase_) return;
  if (phase == HuntPhase::stop) stop_began_ = now();
  new_phase(phase);
  if (orders_.catalogues) arm_again();
}

// What is visited so often in one phase that its breakpoint was lifted may be rare in the next.
void PointWatch::arm_again() {
  (void)loop_->with_process_stopped(pid_, [&](const std::vector<Tracee>& all) {
    if (all.empty()) return;
    const auto& thread = all.front();
    for (auto& [address, place] : places_) {
      place.hits = 0;
      if (!thread.breakpoints->is_at(address))
        (void)thread.breakpoints->set(thread.calls, thread.tid, address);
    }
  });
}

void PointWatch::send_signal(bool as_planned) {
  if (phase_ == HuntPhase::stop || orders_.plan.signal == 0) return;
  new_phase(HuntPhase::stop);
  acted_.signal_sent = ::kill(pid_, orders_.plan.signal) == 0;
  acted_.signal_as_planned = acted_.signal_sent && as_planned;
}

SyscallAction PointWatch::on_syscall(const Tracee& thread, const SyscallEntry& entry) {
  if (thread.pid != pid_) return {};
  if (entry.number == SYS_exit_group) {
    if (!orders_.plan.exit_barrier || std::exchange(barrier_used_, true)) return {};
    const auto held = held_;
    for (const auto tid : held) {
      if (tid != thread.tid) loop_->release(tid);
    }
    held_.clear();
    last_release_ = now();
    acted_.barrier_held = true;
    return {.delay = kBarrier};
  }
  if (orders_.sees_all_calls && phase_ == HuntPhase::run && orders_.plan.signal != 0) {
    ++acted_.calls;
    if (orders_.plan.signal_at_call == acted_.calls) send_signal(true);
  }
  if (orders_.is_told_phases) return {};
  const bool writes = (entry.number == SYS_write || entry.number == SYS_writev) &&
                      entry.arguments[0] <= 2 && phase_ == HuntPhase::start;
  return {.see_exit = writes};
}

void PointWatch::on_syscall_exit(const Tracee& thread, const SyscallEntry&, std::int64_t) {
  if (thread.pid == pid_ && phase_ == HuntPhase::start && says_ready()) be_ready();
}

std::optional<std::size_t> PointWatch::hold_due(const Place& place, int thread) {
  std::optional<std::size_t> due;
  // The visit at which a thread comes to stand counts for no hold that follows.
  for (const auto i : place.holds | std::views::reverse) {
    const auto& hold = orders_.plan.holds[i];
    if (hold.phase != phase_ || (hold.thread != kAnyThread && hold.thread != thread)) continue;
    if (hold.follows && !acted_.reached[i - 1]) continue;
    ++acted_.visits[i];
    if (hold.nth != kEveryTime && (counters_[i].done || ++counters_[i].seen != hold.nth)) continue;
    counters_[i].done = true;
    due = i;
  }
  return due;
}

void PointWatch::on_breakpoint(const Tracee& thread, std::uint64_t address) {
  if (thread.pid != pid_) return;
  if (address == entry_) {
    (void)thread.breakpoints->lift(thread.calls, thread.tid, address);
    if (places_.empty()) arm(thread);
    return;
  }
  const auto found = places_.find(address);
  if (found == places_.end()) return;
  auto& place = found->second;
  const auto number =
      numbers_.try_emplace(thread.tid, static_cast<int>(numbers_.size())).first->second;
  ++acted_.hits;
  acted_.met.insert(place.point);
  if (orders_.catalogues) {
    note_access(thread, place, number);
    // A thread gives itself its name when it has begun.
    auto& visited = visits_[{place.point, {number, phase_}}];
    visited.last = now();
    if (++visited.times == 1) {
      visited.first = visited.last;
      names_[number] = thread_name(thread.tid);
    }
  }
  if (const auto due = hold_due(place, number)) {
    const auto& hold = orders_.plan.holds[*due];
    acted_.reached[*due] = true;
    due_[thread.tid] = hold.time;
    if (orders_.explains && held_stacks_.size() < kMostHeldStacks)
      held_stacks_.push_back({*due, stacks_.stacks_of({thread}).front()});
    if (hold.sends_signal) send_signal(true);
  }
  const auto most = points_[place.point].kind == PointKind::access ? kMostAccesses : kMostHits;
  if (place.holds.empty() && ++place.hits >= most && !place.is_others_too)
    (void)thread.breakpoints->lift(thread.calls, thread.tid, address);
}

Nanoseconds PointWatch::stands_at_breakpoint(const Tracee& thread, std::uint64_t) {
  const auto due = due_.extract(thread.tid);
  if (due.empty()) return {};
  held_.insert(thread.tid);
  acted_.held_for += due.mapped();
  last_release_ = std::max(last_release_, now() + due.mapped());
  return due.mapped();
}

void PointWatch::take_failure_stacks(const Tracee& first) {
  if (first.pid != pid_ || !orders_.explains || !failure_stacks_.empty()) return;
  (void)loop_->with_process_stopped(pid_, [&](const std::vector<Tracee>& all) {
    failure_stacks_ = stacks_.stacks_of(all);
    std::ranges::stable_sort(failure_stacks_, {},
                             [&](const Stack& one) { return one.tid == first.tid ? 0 : 1; });
  });
}

bool PointWatch::on_signal(const Tracee& thread, const siginfo_t& info) {
  if (is_fatal(thread, info.si_signo)) take_failure_stacks(thread);
  return false;
}

void PointWatch::on_exit_call(const Tracee& thread, int) { take_failure_stacks(thread); }

void PointWatch::note_access(const Tracee& thread, Place& place, int number) {
  user_regs_struct registers{};
  if (!place.operand || thread.calls.registers(thread.tid, registers) != 0) return;
  touched_.note(address_of(*place.operand, registers), place.point, number, phase_,
                place.operand->writes);
}

std::vector<Conflict> PointWatch::conflicts() {
  auto all = touched_.conflicts(orders_.plan.signal == 0 ? HuntPhase::run : HuntPhase::stop);
  const auto name_of = [&](int thread) {
    return names_[thread] == names_[0] ? "" : names_[thread];
  };
  for (auto& one : all) {
    one.thread_name = name_of(one.thread);
    one.writer_name = name_of(one.writer);
  }
  return all;
}

void PointWatch::on_thread_exit(const Tracee& thread, int) { held_.erase(thread.tid); }

// How often it had come there, or would have if its breakpoint had not been lifted, in the middle
// of the time until the stop: with its clients at work a server is busy then, and a run that is a
// little slower comes as far.
std::uint64_t PointWatch::times_until_middle(const Visited& visited) const {
  const auto seen = visited.last - visited.first;
  double all = static_cast<double>(visited.times);
  if (visited.times >= kMostAccesses && stop_began_ > visited.last && seen > Nanoseconds(0))
    all *= static_cast<double>((stop_began_ - visited.first).count()) /
           static_cast<double>(seen.count());
  return static_cast<std::uint64_t>((all + 1) / 2);
}

Calibration PointWatch::take_calibration() {
  Calibration calibration;
  calibration.points = points_;
  // Accesses to memory that one thread has for itself are no places for a race, unless others would
  // touch it in another run. Which goroutine made one is not known.
  std::set<std::size_t> unshared;
  for (const auto& [address, place] : places_) {
    if (points_[place.point].kind == PointKind::access && !catalogue_.is_go &&
        touched_.is_private(place.point))
      unshared.insert(place.point);
  }
  for (const auto& [key, visited] : visits_) {
    const auto& [point, who] = key;
    // The first thread's name is the program's, which others have until they say another.
    const auto& name = names_[who.first];
    const bool is_under_load = orders_.is_told_phases && who.second == HuntPhase::run;
    calibration.visits.push_back({.point = point,
                                  .thread = who.first,
                                  .thread_name = name == names_[0] ? "" : name,
                                  .phase = who.second,
                                  .times = visited.times,
                                  .first_tried = is_under_load ? times_until_middle(visited) : 1,
                                  .is_shared = !unshared.contains(point)});
  }
  calibration.conflicts = conflicts();
  calibration.is_signalled = orders_.plan.signal != 0;
  calibration.threads_are_stable = !catalogue_.is_go;
  calibration.calls = acted_.calls;
  return calibration;
}

}  // namespace lastcall

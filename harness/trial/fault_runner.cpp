#include "trial/fault_runner.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <csignal>
#include <type_traits>
#include <utility>

#include "base/rethrow.hpp"
#include "fault/code_place.hpp"
#include "trial/longest_trial.hpp"

namespace lastcall {

namespace asio = boost::asio;

namespace {

std::string why_unreached(const NthSyscall& call, std::uint64_t counted) {
  std::string which = "'" + call.syscall + "'";
  if (!call.path.empty()) which += " of " + call.path;
  if (call.role) which += " of the role " + std::string(name(*call.role));
  return std::to_string(counted) + " of " + std::to_string(call.nth) + " " + which +
         " were counted";
}

std::string why_unreached(const NthVisit& visit, std::optional<std::uint64_t> counted) {
  const auto which = "'" + visit.function + "'";
  if (!counted && code_place(visit.function).within != 0) {
    return "the target has no place " + which +
           ": in this build no instruction begins there, or the function is not there (nm -C lists "
           "those that are)";
  }
  if (!counted) {
    return "the target has no function " + which +
           ": it is written otherwise, put inline by the compiler, or without symbols (nm -C "
           "lists them)";
  }
  return which + " was reached " + std::to_string(*counted) + " of " + std::to_string(visit.nth) +
         " times" + (visit.thread.empty() ? "" : " by a thread '" + visit.thread + "'") +
         (visit.follows ? ", counted from when the fault before it was reached" : "");
}

}  // namespace

FaultRunner::FaultRunner(asio::io_context& io, const Plan& plan, TriggerBoard& board,
                         EventSink& events, Changes& changes, FaultActions hands)
    : io_(io),
      plan_(plan),
      board_(board),
      events_(events),
      changes_(changes),
      hands_(std::move(hands)),
      reached_(plan.faults.size()),
      longest_pause_(longest_pause(plan)) {
  for (std::uint32_t i = 0; i < plan_.faults.size(); ++i) {
    if (const auto* line = std::get_if<NthLine>(&plan_.faults[i].when)) {
      watches_.push_back({{i}, Pattern(line->pattern), "", line->nth});
    } else if (const auto* said = std::get_if<NthNotification>(&plan_.faults[i].when)) {
      watches_.push_back({{i}, std::nullopt, said->assignment, said->nth});
    }
  }
}

void FaultRunner::begin(Phase phase) {
  for (std::uint32_t i = 0; i < plan_.faults.size(); ++i) {
    const auto* when = std::get_if<PhaseMoment>(&plan_.faults[i].when);
    if (when != nullptr && when->phase == phase) {
      asio::co_spawn(io_, run({i}, when->after), kRethrow);
    }
    const auto* share = std::get_if<ShareOfLoad>(&plan_.faults[i].when);
    if (share != nullptr && phase == Phase::load) asio::co_spawn(io_, run({i}, *share), kRethrow);
  }
}

asio::awaitable<void> FaultRunner::run(FaultId fault, Nanoseconds delay) {
  asio::steady_timer timer(io_, delay);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!over_) act(fault);
}

// As long as more is measured the moment moves on, never past what it will be in the end: it is
// looked at again when it has come.
asio::awaitable<void> FaultRunner::run(FaultId fault, ShareOfLoad share) {
  constexpr std::int64_t kWhole = 1'000'000;
  const auto begin = now();
  asio::steady_timer timer(io_);
  for (;;) {
    const auto response = board_.longest_response(now());
    const auto window = load_window(response, plan_.scenario.budget.load);
    const auto moment = begin + window / kWhole * share.millionths;
    if (moment <= now()) {
      if (over_) co_return;
      events_.record(LoadMeasured{fault, response.count(), window.count()});
      co_return act(fault);
    }
    timer.expires_at(moment);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (over_) co_return;
  }
}

void FaultRunner::counted(FaultId fault, bool struck) {
  if (!struck) {
    if (!over_) act(fault);
    return;
  }
  reached_.at(fault.value) = true;
  const auto& stops = plan_.scenario.target.stop.signals;
  const auto& signals = std::get<SendSignals>(plan_.faults[fault.value].act);
  // The worker's strike began the stop if it was the first of a stop signal.
  if (!stop_begun_ && std::ranges::count(stops, signals.steps.front().signal) > 0) note_stop();
  note_pause(signals.steps.front().signal);
  asio::co_spawn(io_, send(fault, 1), kRethrow);
}

void FaultRunner::on_traced(FaultId fault, bool is_done) {
  if (is_done) {
    reached_.at(fault.value) = true;
    return;
  }
  if (over_) return;
  const auto* signals = std::get_if<SendSignals>(&plan_.faults[fault.value].act);
  if (signals == nullptr || signals->steps.front().after > Nanoseconds(0)) return act(fault);
  reached_.at(fault.value) = true;
  strike_now(fault, 0);
  asio::co_spawn(io_, send(fault, 1), kRethrow);
}

void FaultRunner::traced_count(FaultId fault, std::optional<std::uint64_t> count) {
  counts_[fault.value] = count;
}

std::map<std::uint32_t, std::uint64_t> FaultRunner::traced_counts() const {
  std::map<std::uint32_t, std::uint64_t> counts;
  for (const auto& [fault, count] : counts_) {
    if (count) counts[fault] = *count;
  }
  return counts;
}

void FaultRunner::not_traced(const std::string& reason) { trace_problem_ = reason; }

void FaultRunner::on_line(const std::string& line) {
  for (auto& watch : watches_) {
    if (watch.line && watch.line->found_in(line)) came(watch);
  }
}

void FaultRunner::on_notification(std::string_view text) {
  const auto lines = "\n" + std::string(text) + "\n";
  for (auto& watch : watches_) {
    if (!watch.line && lines.find("\n" + watch.assignment + "\n") != std::string::npos) came(watch);
  }
}

void FaultRunner::came(Watch& watch) {
  if (!over_ && watch.left > 0 && --watch.left == 0) act(watch.fault);
}

void FaultRunner::act(FaultId fault) {
  reached_.at(fault.value) = true;
  const auto& act = plan_.faults[fault.value].act;
  const auto begin_act = [&](const auto& what) {
    if constexpr (std::is_same_v<decltype(what), const SendSignals&>) {
      asio::co_spawn(io_, send(fault, 0), kRethrow);
    } else {
      events_.record(FaultInvoked{fault, 0, text_of(what), 0, false});
      events_.record(FaultFinished{fault, 0, hands_.carry_out(fault, act)});
    }
  };
  std::visit(begin_act, act);
}

asio::awaitable<void> FaultRunner::send(FaultId fault, std::size_t first_step) {
  const auto& steps = std::get<SendSignals>(plan_.faults[fault.value].act).steps;
  for (auto step = first_step; step < steps.size(); ++step) {
    if (steps[step].after > Nanoseconds(0) || step > 0) {
      asio::steady_timer timer(io_, steps[step].after);
      co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    if (over_) co_return;
    strike_now(fault, static_cast<std::uint32_t>(step));
  }
}

void FaultRunner::strike_now(FaultId fault, std::uint32_t step) {
  const auto& signals = std::get<SendSignals>(plan_.faults[fault.value].act);
  const int signal = signals.steps.at(step).signal;
  const bool may_stop = std::ranges::count(plan_.scenario.target.stop.signals, signal) > 0;
  if (strike(
          {.fault = fault, .step = step, .signal = signal, .to = signals.to, .may_stop = may_stop},
          board_, events_,
          {.send = [&](int number) { return hands_.send_signal(number, signals.to); },
           .before_stop = hands_.before_stop,
           .before_signal = hands_.before_signal})) {
    note_stop();
  }
  note_pause(signal);
}

void FaultRunner::note_pause(int signal) {
  if (signal == SIGSTOP && !pause_began_) pause_began_ = now();
  if (signal != SIGCONT || !pause_began_) return;
  if (stop_begun_) paused_ += now() - std::max(*pause_began_, stop_time_);
  pause_began_.reset();
}

Nanoseconds FaultRunner::paused_since_stop() const {
  const bool goes_on = stop_begun_ && pause_began_;
  const auto now_paused = goes_on ? now() - std::max(*pause_began_, stop_time_) : Nanoseconds(0);
  return std::min(paused_ + now_paused, longest_pause_);
}

void FaultRunner::note_stop() {
  stop_begun_ = true;
  stop_time_ = now();
  changes_.notify();
}

void FaultRunner::end(const std::string& reason) {
  if (!std::exchange(over_, true)) end_reason_ = reason;
}

void FaultRunner::record_unreached() {
  for (std::uint32_t i = 0; i < reached_.size(); ++i) {
    if (reached_[i]) continue;
    std::string why = end_reason_;
    if (const auto* when = std::get_if<NthEvent>(&plan_.faults[i].when)) {
      why += "; " + std::to_string(board_.counted(when->event)) + " of " +
             std::to_string(when->nth) + " '" + std::string(name(when->event)) +
             "' events were counted";
    } else if (const auto* call = std::get_if<NthSyscall>(&plan_.faults[i].when)) {
      why += "; " + (trace_problem_.empty() ? why_unreached(*call, counts_[i].value_or(0))
                                            : "the target was not traced: " + trace_problem_);
    } else if (const auto* visit = std::get_if<NthVisit>(&plan_.faults[i].when)) {
      why += "; " + (trace_problem_.empty() ? why_unreached(*visit, counts_[i])
                                            : "the target was not traced: " + trace_problem_);
    }
    events_.record(FaultNotReached{{i}, why});
  }
}

}  // namespace lastcall

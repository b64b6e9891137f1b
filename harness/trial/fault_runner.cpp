#include "trial/fault_runner.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

namespace lastcall {

namespace asio = boost::asio;

void FaultRunner::begin(Phase phase, int pidfd) {
  for (std::uint32_t i = 0; i < plan_.faults.size(); ++i) {
    const auto* when = std::get_if<PhaseMoment>(&plan_.faults[i].when);
    if (when != nullptr && when->phase == phase) {
      asio::co_spawn(io_, run({i}, when->after, pidfd), asio::detached);
    }
  }
}

asio::awaitable<void> FaultRunner::run(FaultId fault, Nanoseconds delay, int pidfd) {
  asio::steady_timer timer(io_, delay);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (over_) co_return;
  strike_now(fault, 0, pidfd);
  co_await second_signal(fault, pidfd);
}

void FaultRunner::fired(FaultId fault, int pidfd) {
  reached_.at(fault.value) = true;
  const auto& stops = plan_.scenario.target.stop.signals;
  // The worker's strike began the stop if it was the first of a stop signal.
  if (!stop_begun_ && std::ranges::count(stops, plan_.faults[fault.value].signals.front()) > 0) note_stop();
  asio::co_spawn(io_, second_signal(fault, pidfd), asio::detached);
}

asio::awaitable<void> FaultRunner::second_signal(FaultId fault, int pidfd) {
  if (plan_.faults[fault.value].signals.size() < 2) co_return;
  asio::steady_timer timer(io_, plan_.faults[fault.value].gap);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!over_) strike_now(fault, 1, pidfd);
}

void FaultRunner::strike_now(FaultId fault, std::uint32_t step, int pidfd) {
  const int signal = plan_.faults[fault.value].signals.at(step);
  const bool may_stop = std::ranges::count(plan_.scenario.target.stop.signals, signal) > 0;
  reached_.at(fault.value) = true;
  if (strike({.fault = fault, .step = step, .signal = signal, .may_stop = may_stop}, pidfd, board_, segment_)) {
    note_stop();
  }
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
      why += "; " + std::to_string(board_.counted(when->event)) + " of " + std::to_string(when->nth) + " '" +
             std::string(name(when->event)) + "' events were counted";
    }
    segment_.record(FaultNotReached{{i}, why});
  }
}

}  // namespace lastcall

#include "trial/deadlock_watch.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>
#include <variant>

namespace lastcall {

namespace asio = boost::asio;

namespace {

bool only_one_signal_comes(const Plan& plan) {
  std::size_t signals = 0;
  for (const auto& fault : plan.faults) {
    if (const auto* sent = std::get_if<SendSignals>(&fault.act)) signals += sent->steps.size();
  }
  return signals == 1;
}

}  // namespace

DeadlockWatch::DeadlockWatch(asio::io_context& io, const Plan& plan, Changes& changes, Looks looks)
    : io_(io), plan_(plan), changes_(changes), looks_(std::move(looks)) {}

asio::awaitable<void> DeadlockWatch::run() {
  if (!only_one_signal_comes(plan_)) co_return;
  asio::steady_timer timer(io_);
  std::string before;
  for (int looks_left = 3; looks_left > 0;) {
    timer.expires_after(looks_.pause);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (looks_.over()) co_return;
    auto waits = looks_.waits();
    const bool same = !waits.empty() && waits == before;
    before = std::move(waits);
    if (!same) continue;
    --looks_left;
    before.clear();
    if (!looks_.is_deadlock()) continue;
    found_ = true;
    changes_.notify();
    co_return;
  }
}

}  // namespace lastcall

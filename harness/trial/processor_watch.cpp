#include "trial/processor_watch.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "target/process_tree.hpp"
#include "target/resources.hpp"

namespace lastcall {

namespace asio = boost::asio;

std::vector<pid_t> pids_of_target(bool traced) {
  std::vector<pid_t> pids;
  if (traced) pids.push_back(::getpid());
  for (const auto& process : descendants()) pids.push_back(process.pid);
  return pids;
}

ProcessorWatch::ProcessorWatch(asio::io_context& io, EventSink& events, Watched watched)
    : io_(io), events_(events), watched_(std::move(watched)) {}

void ProcessorWatch::note_work() {
  // Less would only make many events; it is told with the next.
  constexpr auto kLeast = std::chrono::microseconds(200);
  const auto at = now();
  const auto used = processor_time_of_tree();
  if (looked_) {
    // Of several processors at once as if it were one: what is left of the time is idle.
    const auto busy = std::min(used - used_, at - *looked_);
    if (busy < kLeast) return;
    events_.record(ProcessorUsed{busy.count()});
  }
  looked_ = at;
  used_ = used;
}

asio::awaitable<void> ProcessorWatch::run() {
  constexpr Nanoseconds kTick = std::chrono::milliseconds(10);
  ProcessorWaits waits;
  (void)waits.look(pids_of_target(watched_.is_traced()));
  const auto begin = now();
  Nanoseconds told{};
  Nanoseconds pause = kTick;
  asio::steady_timer timer(io_);
  auto before = processor_pressure();
  auto stolen_before = stolen_processor_time();
  while (!watched_.has_ended()) {
    timer.expires_after(pause);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    const auto after = processor_pressure();
    if (watched_.closed()) co_return;
    const auto looked = now();
    if (!watched_.has_ended()) note_work();
    pause = std::max(kTick, 9 * (now() - looked));
    // Threads that wait at the same time are one wait, which is no longer than the stop.
    const auto tell = [&](const char* source, Nanoseconds lag) {
      lag = std::min(lag, looked - begin - told);
      if (lag > Nanoseconds(0)) events_.record(Lag{source, lag.count()});
      told += lag;
    };
    const auto stolen = stolen_processor_time();
    if (stolen && stolen_before) tell("machine", *stolen - *stolen_before);
    stolen_before = stolen;
    const auto pressure = before && after ? *after - *before : kTick;
    before = after;
    if (pressure == Nanoseconds(0)) continue;
    const auto waited = waits.look(pids_of_target(watched_.is_traced()));
    tell(waited ? "target" : "machine", waited.value_or(pressure));
    pause = std::max(kTick, 9 * (now() - looked));
  }
}

}  // namespace lastcall

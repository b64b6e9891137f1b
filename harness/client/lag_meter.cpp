#include "client/lag_meter.hpp"

#include <utility>

namespace lastcall {

void LagMeter::start() {
  if (!std::exchange(running_, true)) wait();
}

void LagMeter::stop() {
  if (!std::exchange(running_, false)) return;
  measure();
  timer_.cancel();
}

void LagMeter::wait() {
  due_ = now() + kEvery;
  timer_.expires_at(due_);
  timer_.async_wait([this](auto stopped) {
    if (stopped || !running_) return;  // it may already have been queued when it was stopped
    measure();
    wait();
  });
}

void LagMeter::measure() {
  const Nanoseconds late = now() - due_;
  if (late > kWorthSaying) events_.record(Lag{source_, late.count()});
}

}  // namespace lastcall

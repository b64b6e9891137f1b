#include "shutdown/connection_tracker.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>

#include "complain.hpp"

namespace graceful::shutdown {
namespace detail {

using Told = Subscriber<>;
using ToldList = std::vector<std::shared_ptr<Told>>;

struct TrackerState {
  std::mutex mutex;
  std::condition_variable changed;  // the last guard is gone, or hastened
  bool stopping = false;
  bool hastened = false;
  std::size_t forcing = 0;  // threads that call force callbacks
  std::uint64_t last_id = 0;
  std::size_t under_way = 0;
  std::unordered_map<std::uint64_t, GuardOptions> active;
  ToldList on_idle;
  ToldList on_hastened;

  [[nodiscard]] bool idle() const { return stopping && active.empty() && forcing == 0; }
  // Whom to tell, once the mutex is free: a callback may call the tracker.
  [[nodiscard]] ToldList told_if_idle() {
    ToldList told;
    if (idle()) {
      told.swap(on_idle);
      changed.notify_all();
    }
    return told;
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& [id, options] : active) {
      if (found.size() == ConnectionTracker::kNamesLimit) break;
      if (!options.name.empty()) found.push_back(options.name);
    }
    return found;
  }
  Subscription when(bool now, ToldList& list, std::unique_lock<std::mutex> lock,
                    std::function<void()> call) {
    auto told = std::make_shared<Told>(std::move(call));
    if (!now) {
      // Those of subscriptions that are gone: a wait that was given up leaves nothing behind.
      std::erase_if(list, [](const auto& each) { return each.use_count() == 1; });
      list.push_back(told);
    }
    lock.unlock();
    if (now) told->notify();
    return Subscription(std::move(told));
  }
};

}  // namespace detail

namespace {

void tell(const detail::ToldList& told) {
  for (const auto& each : told) each->notify();
}

using Forces = std::vector<std::function<void()>>;

void call_all(detail::TrackerState& state, Forces forces) {
  for (const auto& force : forces) {
    try {
      force();
    } catch (const std::exception& thrown) {
      complain(std::string("forcing a connection threw: ") + thrown.what());
    } catch (...) {
      complain("forcing a connection threw");
    }
  }
  forces.clear();  // what the callbacks hold is gone before anybody hears that forcing is over
  detail::ToldList told;
  {
    const std::lock_guard lock(state.mutex);
    --state.forcing;
    told = state.told_if_idle();
  }
  tell(told);
}

}  // namespace

ConnectionGuard& ConnectionGuard::operator=(ConnectionGuard&& other) noexcept {
  if (this != &other) {
    release();
    state_ = std::move(other.state_);
    id_ = std::exchange(other.id_, 0);
  }
  return *this;
}

void ConnectionGuard::release() {
  const auto state = std::move(state_);
  if (!state) return;
  state_ = nullptr;
  detail::ToldList told;
  GuardOptions ended;  // its callback is destroyed outside the lock
  {
    const std::lock_guard lock(state->mutex);
    const auto found = state->active.find(id_);
    ended = std::move(found->second);
    state->active.erase(found);
    told = state->told_if_idle();
  }
  tell(told);
}

ConnectionTracker::ConnectionTracker() : state_(std::make_shared<detail::TrackerState>()) {}

std::optional<ConnectionGuard> ConnectionTracker::acquire(GuardOptions options) {
  const std::lock_guard lock(state_->mutex);
  if (state_->stopping) return std::nullopt;
  const auto id = ++state_->last_id;
  state_->active.emplace(id, std::move(options));
  return ConnectionGuard(state_, id);
}

void ConnectionTracker::begin_stop() {
  detail::ToldList told;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->stopping) return;
    state_->stopping = true;
    state_->under_way = state_->active.size();
    told = state_->told_if_idle();
  }
  tell(told);
}

bool ConnectionTracker::stopping() const {
  const std::lock_guard lock(state_->mutex);
  return state_->stopping;
}

std::size_t ConnectionTracker::active() const {
  const std::lock_guard lock(state_->mutex);
  return state_->active.size();
}

bool ConnectionTracker::forcing() const {
  const std::lock_guard lock(state_->mutex);
  return state_->forcing > 0;
}

std::size_t ConnectionTracker::under_way() const {
  const std::lock_guard lock(state_->mutex);
  return state_->under_way;
}

std::vector<std::string> ConnectionTracker::names() const {
  const std::lock_guard lock(state_->mutex);
  return state_->names();
}

DrainOutcome ConnectionTracker::drain(Clock::time_point deadline,
                                      std::chrono::milliseconds force_delay) {
  const auto began = Clock::now();
  begin_stop();
  DrainOutcome outcome;
  const auto wait_until = [this](Clock::time_point until, const auto& condition) {
    std::unique_lock lock(state_->mutex);
    // Some standard libraries overflow when they convert the far end of a clock.
    if (until == Clock::time_point::max()) {
      state_->changed.wait(lock, condition);
    } else {
      state_->changed.wait_until(lock, until, condition);
    }
  };
  wait_until(deadline, [this] { return state_->idle() || state_->hastened; });
  outcome.under_way = under_way();
  auto forced = force_remaining();
  outcome.forced = forced.count;
  outcome.forced_names = std::move(forced.names);
  outcome.finished = outcome.under_way - outcome.forced;
  if (outcome.forced > 0) {
    wait_until(Clock::now() + force_delay, [this] { return state_->idle(); });
  }
  outcome.left = active();
  outcome.still_forcing = forcing();
  outcome.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
  return outcome;
}

void ConnectionTracker::hasten() {
  detail::ToldList told;
  {
    const std::lock_guard lock(state_->mutex);
    state_->hastened = true;
    told.swap(state_->on_hastened);
    state_->changed.notify_all();
  }
  tell(told);
}

bool ConnectionTracker::hastened() const {
  const std::lock_guard lock(state_->mutex);
  return state_->hastened;
}

Subscription ConnectionTracker::when_idle(std::function<void()> call) {
  std::unique_lock lock(state_->mutex);
  const bool now = state_->idle();
  return state_->when(now, state_->on_idle, std::move(lock), std::move(call));
}

Subscription ConnectionTracker::when_hastened(std::function<void()> call) {
  std::unique_lock lock(state_->mutex);
  const bool now = state_->hastened;
  return state_->when(now, state_->on_hastened, std::move(lock), std::move(call));
}

ConnectionTracker::Forced ConnectionTracker::force_remaining() {
  Forced forced;
  Forces forces;
  {
    const std::lock_guard lock(state_->mutex);
    forced.count = state_->active.size();
    forced.names = state_->names();
    for (auto& [id, options] : state_->active) {
      if (auto force = std::exchange(options.force, nullptr)) forces.push_back(std::move(force));
    }
    if (!forces.empty()) ++state_->forcing;
  }
  if (forces.empty()) return forced;
  try {
    std::thread([state = state_, forces]() mutable {
      call_all(*state, std::move(forces));
    }).detach();
  } catch (const std::system_error&) {
    call_all(*state_,
             forces);  // without a thread they are forced here; the total limit still holds
  }
  return forced;
}

}  // namespace graceful::shutdown

#include "shutdown/coordinator.hpp"

#include <unistd.h>

#include <cstdio>
#include <exception>

#include "complain.hpp"
#include "stop.hpp"

namespace graceful::shutdown {
namespace {

Error refused(const std::string& name, const std::string& why) {
  return {"plan the stop's", name, 0, why};
}

Result<void> check(const std::vector<detail::NamedWork>& works, const Limits& limits) {
  for (const auto& [name, work, limit] : works) {
    if (!work) return refused(name, "it does nothing: the callable is empty");
    if (limit.count() < 0) return refused(name, "its limit is negative");
    if (limit > limits.total) return refused(name, "its limit is longer than the total");
  }
  return {};
}

Result<void> fill(ResourceManager& manager, detail::Plan& plan, const Limits& limits) {
  for (auto& [resource, options] : plan.resources) {
    if (!resource) return refused("resources", "one is null");
    if (options.limit > limits.total) {
      return refused(resource->name(), "its limit is longer than the total");
    }
    if (auto added = manager.add(std::move(resource), std::move(options)); !added) return added;
  }
  for (const auto& name : plan.needed) {
    if (auto held = manager.hold_for_persisting(name); !held) return held;
  }
  if (const auto order = manager.order(); !order) return order.error();
  return {};
}

}  // namespace

ShutdownCoordinator::Builder::Builder() : plan_(std::make_unique<detail::Plan>()) {}
ShutdownCoordinator::Builder::~Builder() = default;

using Builder = ShutdownCoordinator::Builder;

Builder& Builder::limits(LimitSettings limits) {
  plan_->limits = limits;
  return *this;
}
Builder& Builder::timeout_secs(unsigned seconds) {
  plan_->limits.total = std::chrono::seconds(seconds);
  return *this;
}
Builder& Builder::signals(SignalSettings signals) {
  plan_->signals = std::move(signals);
  return *this;
}
Builder& Builder::connections(std::shared_ptr<ConnectionTracker> connections) {
  plan_->connections = std::move(connections);
  return *this;
}
Builder& Builder::stop_accepting(std::string name, Work work) {
  plan_->stop_accepting.push_back({std::move(name), std::move(work), {}});
  return *this;
}
Builder& Builder::drain(std::string name, Work work, std::chrono::milliseconds limit) {
  plan_->drains.push_back({std::move(name), std::move(work), limit});
  return *this;
}
Builder& Builder::resource(std::unique_ptr<Resource> resource, ResourceOptions options) {
  plan_->resources.emplace_back(std::move(resource), std::move(options));
  return *this;
}
Builder& Builder::persist(std::string name, Work work, PersistOptions options) {
  plan_->persists.push_back({std::move(name), std::move(work), options.limit});
  plan_->needed.insert(plan_->needed.end(), options.needs.begin(), options.needs.end());
  return *this;
}
Builder& Builder::end_loop(Work work) {
  plan_->end_loop = std::move(work);
  return *this;
}
Builder& Builder::notifier(ServiceNotifier notifier) {
  plan_->notifier = std::move(notifier);
  return *this;
}
Builder& Builder::watchdog(WatchdogSettings watchdog) {
  plan_->watchdog = std::move(watchdog);
  return *this;
}
Builder& Builder::observe(std::function<void(const PhaseEvent&)> observer) {
  plan_->observer = std::move(observer);
  return *this;
}
Builder& Builder::force_quit(std::function<void(const ForcedQuit&)> quit) {
  plan_->force_quit = std::move(quit);
  return *this;
}

Result<std::unique_ptr<ShutdownCoordinator>> Builder::build() {
  if (!plan_) return refused("coordinator", "this builder has built one");
  const auto plan = std::move(plan_);
  const auto total = total_from_environment();
  if (!total) return total.error();
  if (*total) plan->limits.total = **total;
  const auto limits = settle(plan->limits);
  if (!limits) return limits.error();
  if (!plan->connections) return refused("connections", "there is no tracker");
  for (const auto* works : {&plan->stop_accepting, &plan->drains, &plan->persists}) {
    if (auto checked = check(*works, *limits); !checked) return checked.error();
  }
  if (plan->watchdog && !plan->watchdog->notifier.has_socket()) {
    plan->watchdog->notifier = plan->notifier;
  }
  auto stop = std::make_unique<detail::Stop>(std::move(*plan), *limits);
  if (auto filled = fill(stop->resources, stop->plan, *limits); !filled) return filled.error();
  if (auto started = stop->start(); !started) return started.error();
  return std::unique_ptr<ShutdownCoordinator>(new ShutdownCoordinator(std::move(stop)));
}

ShutdownCoordinator::ShutdownCoordinator(std::unique_ptr<detail::Stop> stop)
    : stop_(std::move(stop)) {}
ShutdownCoordinator::~ShutdownCoordinator() = default;

ShutdownReport ShutdownCoordinator::run(const std::function<void()>& loop) {
  std::string error;
  {
    const std::lock_guard lock(stop_->mutex);
    stop_->loop_running = !stop_->loop_over;
  }
  if (stop_->loop_running) {
    try {
      loop();
    } catch (const std::exception& thrown) {
      error = thrown.what();
    } catch (...) {
      error = "an exception of unknown type";
    }
    const std::lock_guard lock(stop_->mutex);
    stop_->loop_running = false;
    stop_->report.loop_error = error;
    stop_->changed.notify_all();
  }
  request_stop("the server's loop returned");
  auto report = wait();
  stop_->join();  // leave() may end the process before the destructor does
  return report;
}

ShutdownReport ShutdownCoordinator::wait() {
  std::unique_lock lock(stop_->mutex);
  stop_->changed.wait(lock, [this] { return stop_->finished; });
  return stop_->report;
}

void ShutdownCoordinator::request_stop(std::string why) {
  stop_->signals->request(Custom{std::move(why)});
}

void ShutdownCoordinator::hasten() { stop_->plan.connections->hasten(); }
bool ShutdownCoordinator::stopping() const { return stop_->stopping; }

void ShutdownCoordinator::ready(std::string_view status) {
  const std::lock_guard lock(stop_->telling);
  if (!stop_->stopping) stop_->tell(stop_->plan.notifier.ready(status));
}

ConnectionTracker& ShutdownCoordinator::connections() const { return *stop_->plan.connections; }
SignalHandler& ShutdownCoordinator::signals() const { return *stop_->signals; }
const Limits& ShutdownCoordinator::limits() const { return stop_->limits; }
Watchdog* ShutdownCoordinator::watchdog() const { return stop_->watchdog.get(); }

int leave(const ShutdownReport& report) {
  if (report.abandoned.empty()) return report.exit_code;
  std::string names;
  for (const auto& name : report.abandoned) names += " " + name;
  complain("ending with threads that do not:" + names);
  std::fflush(nullptr);
  ::_exit(report.exit_code);
}

}  // namespace graceful::shutdown

#include "stop.hpp"

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <system_error>
#include <utility>

#include "bounded.hpp"
#include "complain.hpp"

namespace graceful::shutdown::detail {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

void end_process(const ForcedQuit& quit) {
  complain(quit.text());
  ::_exit(1);
}

}  // namespace

Stop::Stop(Plan plan_, const Limits& limits_)
    : plan(std::move(plan_)), limits(limits_), resources(limits_.cleanup) {
  if (!plan.force_quit) plan.force_quit = end_process;
}

Stop::~Stop() {
  if (!runner.joinable()) return;  // it never started, or is over
  signals->request(Custom{"the coordinator is destroyed"});
  join();
  if (watchdog) watchdog->stop();
}

void Stop::join() {
  if (!runner.joinable()) return;
  runner.join();
  keeper.join();
}

Result<void> Stop::start() {
  auto settings = plan.signals;
  settings.on_repeat = [this](RepeatPolicy policy, const Signal& signal) {
    on_repeat(policy, signal);
  };
  if (settings.on_reload) settings.on_reload = [this] { reload(); };
  auto handler = SignalHandler::start(std::move(settings));
  if (!handler) return handler.error();
  signals = std::move(*handler);
  if (plan.watchdog) {
    auto started = Watchdog::start(*plan.watchdog);
    if (!started) return started.error();
    watchdog = std::move(*started);
  }
  try {
    // Now, not at the stop: by then there may be no thread to be had.
    keeper = std::thread([this] { keep_limit(); });
    try {
      runner = std::thread([this] { run(); });
    } catch (...) {
      {
        const std::lock_guard lock(mutex);
        finished = true;
        changed.notify_all();
      }
      keeper.join();
      throw;
    }
  } catch (const std::system_error& failed) {
    return Error("start", "a thread for the stop", failed.code().value());
  }
  return {};
}

void Stop::run() {
  const auto reason = signals->wait();
  began = reason.at;
  {
    const std::lock_guard lock(mutex);
    report.reason = reason;
    underway = true;
    changed.notify_all();
  }
  phase(Phase::preparing, [this](PhaseReport& kept) { prepare(kept); });
  phase(Phase::draining, [this](PhaseReport& kept) { drain(kept); });
  phase(Phase::cleaning, [this](PhaseReport& kept) { clean(kept); });
  phase(Phase::persisting, [this](PhaseReport& kept) { persist(kept); });
  phase(Phase::exiting, [this](PhaseReport& kept) { exit(kept); });

  const std::lock_guard lock(mutex);
  const bool kept = std::all_of(report.phases.begin(), report.phases.end(),
                                [](const PhaseReport& each) { return each.broken.empty(); });
  report.duration = duration_cast<milliseconds>(Clock::now() - began);
  report.exit_code = kept && !report.forced_quit ? 0 : 1;
  finished = true;
  changed.notify_all();
}

void Stop::keep_limit() {
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return underway || finished; });
    if (changed.wait_until(lock, total_end(), [this] { return finished; })) return;
  }
  quit_by_force("the total limit of " + std::to_string(limits.total.count()) + " ms has passed");
}

void Stop::quit_by_force(std::string cause) {
  ForcedQuit quit;
  quit.cause = std::move(cause);
  {
    const std::lock_guard lock(mutex);
    report.forced_quit = true;
    quit.phase = current;
    quit.unfinished = running_steps;
    if (loop_running) quit.unfinished.emplace_back("the server's loop");
    if (reloading) quit.unfinished.emplace_back("a reload");
    for (const auto& each : report.phases) {
      quit.forced.insert(quit.forced.end(), each.broken.begin(), each.broken.end());
    }
  }
  if (const auto active = plan.connections->active(); active > 0) {
    quit.unfinished.push_back("connections (" + std::to_string(active) + ")");
    const auto names = plan.connections->names();
    quit.unfinished.insert(quit.unfinished.end(), names.begin(), names.end());
  }
  plan.force_quit(quit);
  const std::lock_guard lock(mutex);
  was_quit = true;
  changed.notify_all();
}

void Stop::on_repeat(RepeatPolicy policy, const Signal& signal) {
  switch (policy) {
    case RepeatPolicy::ignore:
      break;
    case RepeatPolicy::hasten:
      plan.connections->hasten();
      break;
    case RepeatPolicy::force:
      quit_by_force("a second " + name_of(signal) + " came");
      break;
  }
}

void Stop::reload() {
  {
    const std::lock_guard lock(mutex);
    reloading = true;
  }
  const auto announce = [this](const auto& send) {
    const std::lock_guard lock(telling);
    if (!stopping) tell(send());
  };
  announce([this] { return plan.notifier.reloading(); });
  std::string failed;
  try {
    plan.signals.on_reload();
  } catch (const std::exception& thrown) {
    failed = thrown.what();
  } catch (...) {
    failed = "an exception of unknown type";
  }
  if (!failed.empty()) complain("on_reload threw: " + failed);
  announce([this] { return plan.notifier.ready(); });
  const std::lock_guard lock(mutex);
  reloading = false;
  changed.notify_all();
}

void Stop::phase(Phase which, const std::function<void(PhaseReport&)>& body) {
  const auto start = Clock::now();
  PhaseReport kept{which, {}, {}};
  {
    const std::lock_guard lock(mutex);
    current = which;
  }
  observe({which, PhaseEvent::Kind::began, {}, {}, report.reason});
  if (which != Phase::preparing) tell(plan.notifier.status("stopping: " + name_of(which)));
  body(kept);
  kept.duration = duration_cast<milliseconds>(Clock::now() - start);
  {
    const std::lock_guard lock(mutex);
    report.phases.push_back(kept);
  }
  observe({which, PhaseEvent::Kind::ended, kept.duration, kept.broken, report.reason});
}

void Stop::prepare(PhaseReport& kept) {
  {
    const std::lock_guard lock(telling);
    stopping = true;
    tell(plan.notifier.stopping());
  }
  // The service manager waits as long as we may take, whatever it is configured to.
  tell(plan.notifier.extend_timeout(limits.total));
  for (const auto& work : plan.stop_accepting) {
    const auto done = step(work, limits.prepare, before_persisting());
    judge(done, kept);
    report.stop_accepting.push_back(done);
  }
  // Only now: what the listeners had accepted before they closed still gets its guard.
  plan.connections->begin_stop();
}

void Stop::drain(PhaseReport& kept) {
  if (watchdog) watchdog->draining_begins();
  const auto for_queues = plan.drains.empty() ? milliseconds(0) : limits.statistics;
  const auto latest = before_persisting() - for_queues - limits.force_delay;
  const auto outcome =
      plan.connections->drain(std::min(Clock::now() + limits.drain, latest), limits.force_delay);
  {
    const std::lock_guard lock(mutex);
    report.connections = outcome;
    report.hastened = plan.connections->hastened();
    if (outcome.still_forcing) report.abandoned.emplace_back("forcing connections");
  }
  if (outcome.forced > 0) {
    auto text = std::to_string(outcome.forced) + " of " + std::to_string(outcome.under_way) +
                " connections were forced";
    for (const auto& name : outcome.forced_names) text += " " + name;
    if (outcome.left > 0) text += ", " + std::to_string(outcome.left) + " did not even then end";
    kept.broken.push_back(text);
  }
  for (const auto& work : plan.drains) {
    const auto done = step(work, limits.statistics, before_persisting());
    judge(done, kept);
    report.drained.push_back(done);
  }
}

void Stop::clean(PhaseReport& kept) {
  close_resources(ResourceManager::Which::in_cleaning, before_persisting(), kept);
}

void Stop::persist(PhaseReport& kept) {
  for (const auto& work : plan.persists) {
    const auto done = step(work, limits.persist, persisting_end());
    judge(done, kept);
    report.persisted.push_back(done);
  }
  // Half of the last force_delay may go into closing what persisting had needed; the other half is
  // for the threads.
  close_resources(ResourceManager::Which::after_persisting, total_end() - limits.force_delay / 2,
                  kept);
}

void Stop::exit(PhaseReport& kept) {
  // Before the loop ends: the executors that the watchdog asks go with it.
  if (watchdog) watchdog->stop();
  if (plan.end_loop) judge(step({"end_loop", plan.end_loop, {}}, limits.total, total_end()), kept);
  std::unique_lock lock(mutex);
  // Main is in the loop, so the report could go nowhere before it returns. A reload that is still
  // running when the process should have been ended is left behind.
  changed.wait(lock, [this] { return !loop_running && (!reloading || was_quit); });
  loop_over = true;
  if (reloading) {
    kept.broken.emplace_back("a reload did not end");
    report.abandoned.emplace_back("a reload");
  }
  if (!report.loop_error.empty()) {
    kept.broken.push_back("the server's loop threw: " + report.loop_error);
  }
}

void Stop::close_resources(ResourceManager::Which which, Clock::time_point latest,
                           PhaseReport& kept) {
  ResourceManager::Watching watching;
  watching.begins = [this](const std::string& name) {
    const std::lock_guard lock(mutex);
    running_steps.push_back(name);
  };
  watching.ended = [&](const StepReport& done) {
    {
      const std::lock_guard lock(mutex);
      if (done.outcome != StepOutcome::timed_out) running_steps.pop_back();
    }
    judge(done, kept);
    report.resources.push_back(done);
  };
  // The order was found when the coordinator was built.
  const auto closed = resources.cleanup(which, latest, watching);
  if (!closed) kept.broken.push_back(closed.error().message());
}

StepReport Stop::step(const NamedWork& work, milliseconds usual, Clock::time_point latest) {
  {
    const std::lock_guard lock(mutex);
    running_steps.push_back(work.name);
  }
  const auto limit = work.limit.count() > 0 ? work.limit : usual;
  auto done = run_bounded(work.name, work.work, std::min(latest, Clock::now() + limit));
  const std::lock_guard lock(mutex);
  // One that timed out stays on the list: it is unfinished to the end.
  if (done.outcome != StepOutcome::timed_out) running_steps.pop_back();
  return done;
}

void Stop::judge(const StepReport& done, PhaseReport& kept) {
  if (done.done()) return;
  kept.broken.push_back(done.text());
  const std::lock_guard lock(mutex);
  if (done.outcome == StepOutcome::timed_out) report.abandoned.push_back(done.name);
}

void Stop::observe(const PhaseEvent& event) {
  if (!plan.observer) return;
  try {
    plan.observer(event);
  } catch (const std::exception& thrown) {
    complain(std::string("an observer threw: ") + thrown.what());
  } catch (...) {
    complain("an observer threw");
  }
}

void Stop::tell(const Result<ServiceNotifier::Delivery>& delivery) {
  if (delivery) return;
  const std::lock_guard lock(mutex);
  // Ready, reload and every phase tell once: that bounds it, except for reloads.
  constexpr std::size_t kWarningsLimit = 20;
  if (report.warnings.size() < kWarningsLimit) {
    report.warnings.push_back(delivery.error().message());
  }
}

}  // namespace graceful::shutdown::detail

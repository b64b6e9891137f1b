// Runs a stop from the reason to the exit code, in five phases:
//
//   Preparing   stopping() turns true, STOPPING=1 is sent, the callbacks of stop_accepting() run,
//   and
//               from then on the tracker gives no guard
//   Draining    what is under way finishes; at the drain limit it is forced. Then the queues drain
//   Cleaning    resources are closed, except those that persisting needs
//   Persisting  the persisting steps run; then the resources they needed are closed
//   Exiting     the server's loop is ended and waited for; the exit code is known
//
// Each phase runs whatever the one before did. The exit code is 0 only if every promise was kept.
// Every piece of it has a limit (shutdown/limits.hpp), and past the total the process is ended.
//
// Owned by main, to be destroyed before what its callbacks refer to. Every function may be called
// from any thread, but wait(), run() and the destructor not from a callback or the server's loop.
// Callbacks run on threads of the coordinator, never two of them at once, except reload and what
// was abandoned.
//
// A reason that is there before build(), or comes within it, begins the stop at once: not before
// build() has found nothing to refuse, but perhaps before the caller has the coordinator in hand.
// So a callback uses what it was given, the reason in PhaseEvent and the tracker of connections(),
// not the pointer that build() returns; and end_loop may be called before the loop was entered.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shutdown/connection_tracker.hpp"
#include "shutdown/limits.hpp"
#include "shutdown/report.hpp"
#include "shutdown/resource_manager.hpp"
#include "shutdown/result.hpp"
#include "shutdown/service_notifier.hpp"
#include "shutdown/signal_handler.hpp"
#include "shutdown/state_manager.hpp"
#include "shutdown/step.hpp"
#include "shutdown/watchdog.hpp"

namespace graceful::shutdown {

struct PersistOptions {
  // Names of resources this needs: they, and all they depend on, are closed after Persisting.
  std::vector<std::string> needs = {};
  std::chrono::milliseconds limit{0};  // zero: Limits::persist
};

namespace detail {
struct Plan;
struct Stop;
}  // namespace detail

class ShutdownCoordinator {
 public:
  class Builder;
  ShutdownCoordinator(const ShutdownCoordinator&) = delete;
  ShutdownCoordinator& operator=(const ShutdownCoordinator&) = delete;
  // Requests a stop if there was none, and runs it to its end.
  ~ShutdownCoordinator();

  // Runs the server's loop on this thread. The stop runs to its end also if the loop returns first,
  // or throws, which breaks a promise. The loop is not entered if the stop is over already.
  ShutdownReport run(const std::function<void()>& loop);
  // Blocks until a stop was requested and is over.
  ShutdownReport wait();

  void request_stop(std::string why);
  void hasten();  // stop waiting for connections, force them now
  [[nodiscard]] bool stopping() const;
  // READY=1, for when the listener is open. Not sent once the stop has begun.
  void ready(std::string_view status = {});

  [[nodiscard]] ConnectionTracker& connections() const;
  [[nodiscard]] SignalHandler& signals() const;
  [[nodiscard]] const Limits& limits() const;
  [[nodiscard]] Watchdog* watchdog() const;  // null if nobody asked for beats

 private:
  explicit ShutdownCoordinator(std::unique_ptr<detail::Stop> stop);
  std::unique_ptr<detail::Stop> stop_;
};

// What is wrong in any call is kept and said by build().
class ShutdownCoordinator::Builder {
 public:
  Builder();
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;
  ~Builder();

  Builder& limits(LimitSettings limits);
  Builder& timeout_secs(unsigned seconds);  // the total; $APP_SHUTDOWN_TIMEOUT_SECS goes before it
  // `on_repeat` is the coordinator's own. A reload is announced and ended at the service manager.
  Builder& signals(SignalSettings signals);
  // Default: one of its own.
  Builder& connections(std::shared_ptr<ConnectionTracker> connections);
  // Preparing, in order of registration: close a listener, turn away what a queue still holds.
  Builder& stop_accepting(std::string name, Work work);
  // Draining, after the connections: a queue that they filled. Zero: Limits::statistics.
  Builder& drain(std::string name, Work work, std::chrono::milliseconds limit = {});
  // No limit in the options: Limits::cleanup.
  Builder& resource(std::unique_ptr<Resource> resource, ResourceOptions options = {});
  Builder& persist(std::string name, Work work, PersistOptions options = {});
  // The last save of a StateManager, after its periodic ones have ended. It outlives the
  // coordinator.
  template <class T>
  Builder& checkpoint(StateManager<T>& states, std::function<T()> snapshot,
                      PersistOptions options = {}) {
    return persist(
        "checkpoint",
        [&states, snapshot = std::move(snapshot)] {
          states.stop_saving();
          return states.save_snapshot(snapshot);
        },
        std::move(options));
  }
  // Exiting: makes the loop given to run() return, e.g. io_context::stop().
  Builder& end_loop(Work work);
  Builder& notifier(ServiceNotifier notifier);
  Builder& watchdog(
      WatchdogSettings watchdog);  // takes the notifier from notifier() if it has none
  // Told of each phase when it begins and when it ends, one at a time.
  Builder& observe(std::function<void(const PhaseEvent&)> observer);
  // What happens past the total and under RepeatPolicy::force. Default: ForcedQuit::text() to
  // stderr and _exit(1). If it returns, the stop goes on, with exit code 1, and a reload that hangs
  // is not waited for any more.
  Builder& force_quit(std::function<void(const ForcedQuit&)> quit);

  // Starts listening for signals. Refuses limits, dependencies, names and watchdog settings that
  // cannot be kept. A builder builds once.
  Result<std::unique_ptr<ShutdownCoordinator>> build();

 private:
  std::unique_ptr<detail::Plan> plan_;
};

// For main's `return`: the exit code of a stop after which every thread has ended. If a step had to
// be abandoned its thread still runs, and leaving main would destroy what it uses: then this writes
// out the streams of stdio and ends the process with that code here.
int leave(const ShutdownReport& report);

}  // namespace graceful::shutdown

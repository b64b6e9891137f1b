// The inside of a ShutdownCoordinator: what was planned, and one stop as it runs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "shutdown/coordinator.hpp"

namespace graceful::shutdown::detail {

struct NamedWork {
  std::string name;
  Work work;
  std::chrono::milliseconds limit{0};  // zero: that of its phase
};

struct Plan {
  LimitSettings limits;
  SignalSettings signals;
  std::shared_ptr<ConnectionTracker> connections = std::make_shared<ConnectionTracker>();
  std::vector<NamedWork> stop_accepting;
  std::vector<NamedWork> drains;
  std::vector<std::pair<std::unique_ptr<Resource>, ResourceOptions>> resources;
  std::vector<NamedWork> persists;
  std::vector<std::string> needed;  // by the persisting steps
  Work end_loop;
  ServiceNotifier notifier;
  std::optional<WatchdogSettings> watchdog;
  std::function<void(const PhaseEvent&)> observer;
  std::function<void(const ForcedQuit&)> force_quit;
};

struct Stop {
  using Clock = std::chrono::steady_clock;

  Stop(Plan plan_, const Limits& limits_);
  ~Stop();

  Result<void> start();
  void run();         // on `runner`: waits for the reason, runs the phases
  void keep_limit();  // on `keeper`: ends the process past the total
  void join();        // both
  void reload();
  void on_repeat(RepeatPolicy policy, const Signal& signal);
  void quit_by_force(std::string cause);

  void phase(Phase which, const std::function<void(PhaseReport&)>& body);
  void prepare(PhaseReport& report);
  void drain(PhaseReport& report);
  void clean(PhaseReport& report);
  void persist(PhaseReport& report);
  void exit(PhaseReport& report);
  void close_resources(ResourceManager::Which which, Clock::time_point latest, PhaseReport& report);
  StepReport step(const NamedWork& work, std::chrono::milliseconds usual, Clock::time_point latest);
  void judge(const StepReport& step, PhaseReport& report);
  void observe(const PhaseEvent& event);
  void tell(const Result<ServiceNotifier::Delivery>& delivery);

  // The latest moments, counted back from the total's end; see shutdown/limits.hpp.
  [[nodiscard]] Clock::time_point total_end() const { return began + limits.total; }
  [[nodiscard]] Clock::time_point persisting_end() const {
    return total_end() - limits.force_delay;
  }
  [[nodiscard]] Clock::time_point before_persisting() const {
    return persisting_end() - limits.persist;
  }

  Plan plan;
  const Limits limits;
  ResourceManager resources;
  std::atomic<bool> stopping{false};
  Clock::time_point began;  // written before `underway`

  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  bool underway = false;
  bool loop_running = false;
  bool loop_over = false;  // it is not entered any more
  bool reloading = false;
  bool was_quit = false;  // force_quit was called and has returned
  bool finished = false;
  Phase current = Phase::preparing;
  std::vector<std::string> running_steps;
  ShutdownReport report;

  std::mutex telling;  // READY=1 is not sent after STOPPING=1
  std::unique_ptr<SignalHandler> signals;
  std::unique_ptr<Watchdog> watchdog;
  std::thread runner;
  std::thread keeper;
};

}  // namespace graceful::shutdown::detail

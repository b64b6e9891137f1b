// Conducts a trial through its phases: starts the target, waits until it is ready, lets the clients
// load it, strikes with the faults, waits for its end or ends it, looks at what is left, and starts
// it again. In the trial process, on its one thread; it writes the trial's own segment.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/lag_meter.hpp"
#include "client/trigger_board.hpp"
#include "history/segment.hpp"
#include "plan/plan.hpp"
#include "target/shared_memory.hpp"
#include "tracer/ends/signal_trace.hpp"
#include "trial/child_ends.hpp"
#include "trial/client_link.hpp"
#include "trial/deadlock_watch.hpp"
#include "trial/durability_queries.hpp"
#include "trial/fault_runner.hpp"
#include "trial/processor_watch.hpp"
#include "trial/progress.hpp"
#include "trial/service_watch.hpp"
#include "trial/sidecars.hpp"
#include "trial/target_process.hpp"
#include "trial/target_tracing.hpp"
#include "trial/trial.hpp"
#include "trial/trial_context.hpp"
#include "trial/workspace.hpp"

namespace lastcall {

class Conduct {
 public:
  // What outlives it. `lifeline` and `kills` are as conduct_trial() has them.
  struct Setting {
    const TrialOrder& order;
    const Plan& plan;
    Workspace& workspace;
    int lifeline = -1;
    const SignalTrace* kills = nullptr;
  };
  Conduct(const Setting& setting, SegmentWriter segment, TriggerBoard board, Companions companions);

  // Once. The environment's trouble, or nothing.
  std::string run();
  // For how long the target or what belongs to it ran.
  [[nodiscard]] Nanoseconds foreign_time() const { return foreign_time_; }
  [[nodiscard]] const FaultRunner& faults() const { return faults_; }

 private:
  boost::asio::awaitable<Result<void>> conduct();
  // Why the target does not run, or nothing.
  boost::asio::awaitable<std::string> start(NotifySocket notify);
  std::string not_started(const Error& error);
  Result<std::size_t> assign_clients();
  boost::asio::awaitable<bool> become_ready();
  boost::asio::awaitable<void> load();
  void look_alongside();
  boost::asio::awaitable<void> drain();
  boost::asio::awaitable<void> force_end(std::string reason);
  boost::asio::awaitable<void> after();
  boost::asio::awaitable<void> look_back();
  Result<void> look_for_room();
  boost::asio::awaitable<void> watch_room();
  Result<void> close();

  FaultActions actions();
  int send(int signal, Recipient to);
  void follow_up(const SendSignals& sent);
  void note_resources_at_stop();
  void note_killer();
  void note_shared_memory();
  [[nodiscard]] std::optional<Error> broken_by() const;
  void watch_lifeline();
  [[nodiscard]] bool begins_drain(int signal) const;
  [[nodiscard]] bool ended_by_fault() const;
  [[nodiscard]] bool is_closed() const { return progress_.is(Progress::Stage::closed); }
  [[nodiscard]] std::vector<std::string> worker_segments() const;

  const TrialOrder& order_;
  const Plan& plan_;
  Workspace& workspace_;
  const SignalTrace* kills_;
  boost::asio::io_context io_{1};
  SegmentWriter segment_;
  TriggerBoard board_;
  Progress progress_;
  Changes changes_;
  ChildEnds ends_;
  bool given_up_ = false;
  OwnTrouble trouble_;
  TrialContext context_;
  FaultRunner faults_;
  TargetTracing tracing_;  // outlives the target
  TargetProcess target_;
  ServiceWatch service_;
  DeadlockWatch deadlock_;
  ProcessorWatch processors_;
  std::optional<EarlyQuestions> early_questions_;
  ClientLink link_;
  SidecarLink sidecars_;
  boost::asio::posix::stream_descriptor lifeline_;
  std::optional<TargetProcess> restarted_;
  std::optional<SharedMemory> shared_memory_;  // from the target's start on
  LagMeter lag_;
  Nanoseconds foreign_time_{};
  std::set<int> sent_signals_;  // by faults, to the target itself
};

}  // namespace lastcall

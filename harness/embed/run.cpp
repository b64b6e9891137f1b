#include <csignal>
#include <stdexcept>
#include <thread>

#include "embed/judged.hpp"
#include "embed/run_state.hpp"
#include "embed/threads_of_process.hpp"
#include "scenario/properties/acked_durable.hpp"

namespace lastcall::embed {
namespace {

// A caller that is still inside the subject so long after its end, with nobody left to answer it,
// will never come back. Long for a machine that is busy.
constexpr auto kCallersReturn = std::chrono::seconds(3);
// What is asked after the end reads a store or a list.
constexpr auto kAskedWithin = std::chrono::seconds(3);
// A thread that was joined is gone after this time.
constexpr auto kThreadGoes = std::chrono::milliseconds(200);
// The runner's own wait is the measure of its lag: it looks so often, and what it is late by more
// than kLeastLag is recorded.
constexpr auto kTick = std::chrono::milliseconds(5);
constexpr auto kLeastLag = std::chrono::milliseconds(20);

// States that were given up, with threads in them that may come back to them: kept for as long as
// the process lives.
void keep_for_ever(std::shared_ptr<RunState> state) {
  static std::mutex mutex;
  static auto& kept = *new std::vector<std::shared_ptr<RunState>>;  // outlives every thread
  const std::scoped_lock lock(mutex);
  kept.push_back(std::move(state));
}

// The thread that calls run(): it never calls the subject, so nothing can hold it.
class Runner {
 public:
  Runner(const Schedule& schedule, const Factory& factory, const Promises& promises)
      : state_(std::make_shared<RunState>(schedule, factory, promises)) {
    // With the first thread of a program the thread sanitizer starts one of its own, which stays.
    std::thread([] {}).join();
    if (const auto threads = threads_of_process()) {
      for (const auto& [id, name] : *threads) before_.insert(id);
      can_list_threads_ = true;
    }
  }

  Report operator()() {
    spawn([](RunState& state) { state.steward(); });
    std::string problem;
    const auto is_started = [&] {
      problem = state_->start_problem;
      return state_->ready || !problem.empty();
    };
    const bool is_hung = !wait_until(now() + state_->promises.start_limit, is_started);
    if (is_hung) problem = "start() did not return";
    if (!problem.empty()) {
      record(TargetNotStarted{problem});
      return finish(is_hung);
    }
    record(TargetReady{});
    for (std::size_t t = 0; t < state_->schedule.threads.size(); ++t) {
      spawn([t](RunState& state) { state.worker(t); });
    }
    spawn([](RunState& state) { state.stopper(); });
    state_->set(state_->go);
    wait_until(TimePoint::max(), [this] { return state_->stop_at.has_value(); });
    const auto deadline = *state_->stop_at + state_->promises.deadline;
    if (!wait_until(deadline, [this] { return state_->ended; })) return give_up();
    return ask_what_is_left();
  }

 private:
  void record(EventBody body) { state_->trial.record(std::move(body)); }

  template <class Act>
  void spawn(Act act) {
    threads_.emplace_back([state = state_, act] {
      state->own_thread();
      act(*state);
    });
  }

  // Waits for what other threads set; false if it did not come in time. A lag is only of use to a
  // failure by time, so they are kept until it is known whether there is one.
  template <class Predicate>
  bool wait_until(TimePoint until, Predicate predicate) {
    std::unique_lock lock(state_->mutex);
    while (!predicate()) {
      const auto begin = now();
      if (begin >= until) return false;
      const auto wake = until - begin < kTick ? until : begin + kTick;
      state_->changed.wait_until(lock, wake);
      const auto late = now() - wake;
      if (late >= kLeastLag) lags_.push_back({now(), Lag{"trial", late.count()}});
    }
    return true;
  }

  // Past the deadline. To the checkers it is a target that had to be killed: nothing it does from
  // now on counts, and nothing that it left behind does.
  Report give_up() {
    {
      const std::scoped_lock lock(state_->mutex);
      state_->given_up = true;
      state_->changed.notify_all();
      record(DeadlinePassed{});
      record(TargetForced{SIGKILL, "it was past the deadline: it is abandoned"});
      record(TargetEnded{EndKind::signalled, SIGKILL, false});
    }
    return finish(true);
  }

  Report ask_what_is_left() {
    const auto callers = now() + state_->time_of_schedule() + kCallersReturn;
    const bool all_back = wait_until(callers, [this] { return state_->busy == 0; });
    if (!all_back) {
      for (auto& caller : state_->callers) {
        const auto where = caller.inside();
        if (where) record(ProcessLeft{where->first, "a caller still in " + where->second});
      }
    }
    state_->set(state_->may_ask);
    const bool asked = wait_until(now() + kAskedWithin, [this] { return state_->asked; });
    if (!asked) {
      record(NotObserved{std::string(property::AckedDurable::kName),
                         "the subject hung as it was asked what it had left"});
    }
    for (const auto& client : state_->clients->all()) {
      if (!client->up || client->over.exchange(true)) continue;
      client->record.record(ConnectionEnded{client->id(), ConnectionEndReason::server_closed,
                                            "the subject has ended"});
      if (!state_->facts.says_goodbye) continue;
      const auto& [number, attempt] = client->connection;
      record(FileLeft{std::to_string(number) + "/" + std::to_string(attempt), "connection"});
    }
    return finish(!all_back || !asked);
  }

  Report finish(bool abandoned) {
    if (abandoned) {
      state_->give_up();
      for (auto& thread : threads_) thread.detach();
      keep_for_ever(state_);
    } else {
      for (auto& thread : threads_) thread.join();
    }
    search_threads();
    auto history = merged();
    const auto facts = state_->known_facts();
    auto report = judged(state_->schedule, plan_of(state_->promises, facts, history), history);
    report.abandoned = abandoned;
    return report;
  }

  // Threads of the subject that outlive its destructor; while it lives nothing can be said.
  void search_threads() {
    if (!can_list_threads_ || !state_->is_destroyed()) return;
    auto known = state_->own_threads();
    known.insert(before_.begin(), before_.end());
    const std::set<std::string> allowed(state_->promises.may_leave_threads.begin(),
                                        state_->promises.may_leave_threads.end());
    const auto left = find({.known = known, .allowed = allowed, .patience = kThreadGoes});
    if (!left) return;
    for (const auto& [id, name] : *left) record(ProcessLeft{id, "thread '" + name + "'"});
    record(ProcessesSearched{});
  }

  History merged() {
    std::vector<std::pair<std::string, Segment>> sources;
    for (std::size_t t = 0; t < state_->callers.size(); ++t) {
      sources.emplace_back("thread " + std::to_string(t + 1), state_->callers[t].record.take());
    }
    for (const auto& client : state_->clients->all()) {
      sources.emplace_back("connection " + std::to_string(client->connection.number),
                           client->record.take());
    }
    sources.emplace_back("trial", state_->steward_record.take());
    sources.emplace_back("trial", state_->trial.take());
    if (state_->is_late() || state_->promises.second_stop != SecondStop::ignored) {
      sources.emplace_back("trial", Segment{.events = lags_, .complete = true, .problem = {}});
    }
    return History::merge(std::move(sources));
  }

  std::shared_ptr<RunState> state_;
  std::set<pid_t> before_;
  bool can_list_threads_ = false;
  std::vector<std::thread> threads_;
  std::vector<Event> lags_;
};

}  // namespace

inline namespace v1 {

Report run(const Schedule& schedule, const Factory& factory, const Promises& promises) {
  if (const auto why_not = problem(schedule); !why_not.empty()) {
    throw std::invalid_argument("not a schedule: " + why_not);
  }
  return Runner(schedule, factory, promises)();
}

}  // namespace v1
}  // namespace lastcall::embed

// What the threads of one run share, and what each of them does. Held by all of them, so that a
// thread which comes back late finds everything still there.
//
// steward    makes the subject, starts it, waits for its end, asks what it left, destroys it
// worker     runs the steps of one thread of the schedule
// stopper    asks for the stop if no worker has
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "embed/caller.hpp"
#include "embed/clients.hpp"
#include "embed/judged.hpp"

namespace lastcall::embed {

class RunState {
 public:
  RunState(const Schedule& schedule, const Factory& factory, const Promises& promises);

  void steward();
  void worker(std::size_t thread);
  void stopper();

  // Each thread of the run says so of itself.
  void own_thread();
  [[nodiscard]] std::set<pid_t> own_threads();

  // How long the schedule takes if the subject takes no time for itself.
  [[nodiscard]] Nanoseconds time_of_schedule() const;
  [[nodiscard]] bool is_destroyed();
  [[nodiscard]] bool is_late();
  [[nodiscard]] Facts known_facts();
  void set(bool& flag);
  void give_up();

  const Schedule schedule;
  const Promises promises;
  const std::shared_ptr<Clients> clients = std::make_shared<Clients>();
  Recorder trial;  // of the thread that called run()
  Recorder steward_record;
  std::deque<Caller> callers;  // one a thread of the schedule, and the stopper

  // Under the mutex, with a notification when they change.
  std::mutex mutex;
  std::condition_variable changed;
  bool ready = false;
  std::string start_problem;
  bool go = false;
  std::optional<TimePoint> stop_at;  // the first request was made
  bool ended = false;
  std::size_t busy = 0;  // callers that are not through
  bool may_ask = false;
  bool asked = false;
  std::atomic<bool> given_up = false;  // also read without the mutex
  Facts facts;

 private:
  struct Meeting {
    std::size_t parties = 0;
    std::atomic<std::size_t> arrived = 0;
  };
  void step(Caller& caller, const Step& step);
  void open(Caller& caller, std::uint32_t number);
  void send(Caller& caller, const Step& step);
  void close(Caller& caller, std::uint32_t number);
  void stop(Caller& caller, StopReason reason);
  void hang(Caller& caller);
  void meet(std::uint32_t number);
  void begin();
  void end(int code, bool crashed);
  void ask_what_is_left();
  void ask_what_survived();
  void through();

  // Calls the subject; nothing if it threw, which is recorded as the crash it would be.
  template <class Call>
  auto guarded(Recorder& record, const std::string& call, Call&& act)
      -> std::optional<decltype(act())>;

  const Factory factory_;
  std::unique_ptr<Subject> subject_;
  std::map<std::uint32_t, Meeting> meetings_;
  std::mutex stops_mutex_;
  std::uint32_t stops_ = 0;
  std::set<pid_t> own_threads_;
  std::atomic<bool> destroyed_ = false;
  std::optional<TimePoint> ended_at_;
};

}  // namespace lastcall::embed

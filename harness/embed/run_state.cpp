#include "embed/run_state.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <exception>
#include <stdexcept>
#include <thread>

namespace lastcall::embed {
namespace {

// Who waits at a meeting is not woken but looks all the time, so that all leave at once.
constexpr auto kLongestMeeting = std::chrono::milliseconds(100);
// wait_ended() is asked in slices, so that a steward whose run is over comes back soon.
constexpr auto kSlice = std::chrono::milliseconds(50);
constexpr auto kItDidNotWait = std::chrono::milliseconds(1);
// Beyond the time that the schedule itself takes, a worker that is held up before anybody stops the
// subject gets so long until the runner does.
constexpr auto kUntilStopped = std::chrono::seconds(1);
// RFC 6455, section 7.4.1: "normal closure".
constexpr std::uint16_t kNormalClosure = 1000;

struct Nothing {};

std::string name_of(const Connection& connection) {
  return std::to_string(connection.number) + "/" + std::to_string(connection.attempt);
}

int number_of(StopReason reason) { return reason == StopReason::interrupt ? SIGINT : SIGTERM; }

// As the C++ runtime says it of a program that does not catch (libstdc++, vterminate.cc).
std::string crash_line(const std::string& call, std::string_view what) {
  return "terminate called after an exception left " + call + ": " + std::string(what);
}

}  // namespace

RunState::RunState(const Schedule& schedule_, const Factory& factory, const Promises& promises_)
    : schedule(schedule_),
      promises(promises_),
      callers(schedule_.threads.size() + 1),
      busy(schedule_.threads.size() + 1),
      factory_(factory) {
  for (const auto& thread : schedule.threads) {
    for (const auto& one : thread) {
      if (one.operation == Operation::meet) ++meetings_[one.number].parties;
    }
  }
}

void RunState::set(bool& flag) {
  const std::scoped_lock lock(mutex);
  flag = true;
  changed.notify_all();
}

void RunState::give_up() {
  const std::scoped_lock lock(mutex);
  given_up = true;
  changed.notify_all();
}

void RunState::own_thread() {
  const std::scoped_lock lock(mutex);
  own_threads_.insert(::gettid());
}

std::set<pid_t> RunState::own_threads() {
  const std::scoped_lock lock(mutex);
  return own_threads_;
}

bool RunState::is_destroyed() { return destroyed_; }

bool RunState::is_late() {
  const std::scoped_lock lock(mutex);
  return given_up || (ended_at_ && stop_at && *ended_at_ > *stop_at + promises.deadline);
}

Facts RunState::known_facts() {
  const std::scoped_lock lock(mutex);
  return facts;
}

Nanoseconds RunState::time_of_schedule() const {
  Nanoseconds longest{};
  for (const auto& thread : schedule.threads) {
    Nanoseconds sum{};
    for (const auto& one : thread) {
      sum += one.operation == Operation::meet ? Nanoseconds(kLongestMeeting) : one.time;
    }
    longest = std::max(longest, sum);
  }
  return longest;
}

template <class Call>
auto RunState::guarded(Recorder& record, const std::string& call, Call&& act)
    -> std::optional<decltype(act())> {
  std::optional<decltype(act())> result;
  try {
    result.emplace(act());
  } catch (const std::exception& e) {
    record.record(TargetOutput{Stream::err, crash_line(call, e.what()), false});
  } catch (...) {
    record.record(TargetOutput{Stream::err, crash_line(call, "not a std::exception"), false});
  }
  return result;
}

// --- the steward ---

void RunState::steward() {
  try {
    begin();
  } catch (const std::exception& e) {
    const std::scoped_lock lock(mutex);
    start_problem = std::string("start() threw: ") + e.what();
  } catch (...) {
    const std::scoped_lock lock(mutex);
    start_problem = "start() threw something that is no std::exception";
  }
  changed.notify_all();
  if (!start_problem.empty()) {
    subject_.reset();
    return;
  }
  while (!given_up) {
    const auto until = now() + kSlice;
    const auto code =
        guarded(steward_record, "wait_ended()", [&] { return subject_->wait_ended(until); });
    if (!code) return end(SIGABRT, true);
    if (*code) return end(**code, false);
    if (now() < until) std::this_thread::sleep_for(kItDidNotWait);
  }
}

void RunState::begin() {
  subject_ = factory_();
  if (subject_ == nullptr) throw std::runtime_error("the factory made no subject");
  subject_->start(clients);
  const bool says_goodbye = subject_->says_goodbye();
  const std::scoped_lock lock(mutex);
  facts.says_goodbye = says_goodbye;
  ready = true;
}

void RunState::end(int code, bool crashed) {
  {
    std::unique_lock lock(mutex);
    if (given_up) return;
    ended_at_ = steward_record.record(
        TargetEnded{crashed ? EndKind::signalled : EndKind::exited, code, false});
    ended = true;
    changed.notify_all();
    changed.wait(lock, [this] { return may_ask || given_up; });
    if (given_up) return;
  }
  ask_what_is_left();
  bool may_destroy = false;
  {
    const std::scoped_lock lock(mutex);
    may_destroy = busy == 0 && !given_up;
  }
  if (may_destroy) {
    subject_.reset();
    destroyed_ = true;
  }
  set(asked);
}

void RunState::ask_what_is_left() {
  const Connection probe{Clients::kProbe, 0};
  const auto client = clients->begin(Clients::kProbe);
  const auto opened =
      guarded(steward_record, "open() after the end", [&] { return subject_->open(probe); });
  client->over = true;
  if (opened && *opened) {
    steward_record.record(FileLeft{"(open() after the end took a connection on)", "listener"});
  } else {
    steward_record.record(PortProbed{"", 0, 0});
  }
  auto opened_before = clients->all();
  std::erase_if(opened_before, [](const auto& one) { return !one->up; });
  const auto left = guarded(steward_record, "left()", [this] { return subject_->left(); });
  for (const auto& name : left.value_or(std::vector<std::string>())) {
    steward_record.record(FileLeft{name, "resource"});
  }
  if (left) {
    const auto count = opened_before.size() + left->size();
    steward_record.record(FilesSearched{static_cast<std::uint32_t>(count)});
  }

  ask_what_survived();
}

void RunState::ask_what_survived() {
  const auto tells = [this](bool it_does) {
    const std::scoped_lock lock(mutex);
    facts.tells_survivors = it_does;
  };
  tells(true);  // should it hang, that is what is known
  steward_record.record(RecoveryStarted{});
  const auto survivors =
      guarded(steward_record, "survivors()", [this] { return subject_->survivors(); });
  if (!survivors) {
    steward_record.record(RecoveryFailed{"survivors() threw"});
    return;
  }
  if (!*survivors) return tells(false);
  steward_record.record(RecoveryReady{});
  std::map<std::string, std::uint32_t> found;
  for (const auto& text : **survivors) ++found[text];
  for (auto& caller : callers) {
    for (const auto& message : caller.acknowledged()) {
      const auto& [number, attempt] = message.connection;
      steward_record.record(Asked{connection_id(ClientId{number}, attempt),
                                  RequestId{message.number}, found[message.text()]});
    }
  }
}

// --- the callers ---

void RunState::worker(std::size_t thread) {
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return go; });
  }
  for (const auto& one : schedule.threads[thread]) {
    if (given_up) break;
    step(callers[thread], one);
  }
  through();
}

void RunState::through() {
  const std::scoped_lock lock(mutex);
  --busy;
  changed.notify_all();
}

void RunState::stopper() {
  const auto patience = time_of_schedule() + kUntilStopped;
  bool is_stopped = false;
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return go; });
    // The stopper is the one caller that is left when all workers are through.
    changed.wait_for(lock, patience, [this] { return stop_at || busy == 1; });
    is_stopped = stop_at.has_value();
  }
  if (!is_stopped) stop(callers.back(), StopReason::terminate);
  through();
}

void RunState::step(Caller& caller, const Step& step) {
  switch (step.operation) {
    case Operation::open:
      return open(caller, step.number);
    case Operation::send:
      return send(caller, step);
    case Operation::close:
      return close(caller, step.number);
    case Operation::stop:
      return stop(caller, step.reason);
    case Operation::hang:
      return hang(caller);
    case Operation::pause:
      return std::this_thread::sleep_for(step.time);
    case Operation::meet:
      return meet(step.number);
  }
}

void RunState::open(Caller& caller, std::uint32_t number) {
  const auto client = clients->begin(number);
  if (client == nullptr) return;
  const auto call = "open() of " + name_of(client->connection);
  caller.enter(call);
  caller.record.record(ConnectInvoked{client->id(), 0});
  const auto opened =
      guarded(caller.record, call, [&] { return subject_->open(client->connection); });
  caller.leave();
  if (opened && *opened) {
    client->up = true;
    caller.record.record(LayerUp{client->id(), Layer::tcp});
    caller.record.record(LayerUp{client->id(), Layer::websocket});
  } else {
    client->over = true;
    const auto* why = opened ? "refused" : "open() threw";
    caller.record.record(LayerFailed{client->id(), Layer::tcp, why});
  }
}

void RunState::send(Caller& caller, const Step& step) {
  const auto client = clients->last(step.number);
  if (client == nullptr || !client->up) return;
  ++client->waiting;
  if (client->over) {
    --client->waiting;
    return;
  }
  const Message message{client->connection, client->sent++, step.time};
  const RequestId id{message.number};
  const auto bytes = static_cast<std::uint32_t>(message.text().size());
  const auto call = "send() on " + name_of(client->connection);
  caller.enter(call);
  caller.record.record(RequestSent{client->id(), id, bytes});
  const auto answer = guarded(caller.record, call, [&] { return subject_->send(message); });
  caller.leave();
  auto end = RequestEnd::unknown;
  if (answer == Answer::acknowledged) {
    end = RequestEnd::ok;
    caller.acknowledged(message);
  }
  if (answer == Answer::refused) end = RequestEnd::refused;
  caller.record.record(RequestEnded{client->id(), id, end, 0, 0});
  --client->waiting;
}

void RunState::close(Caller& caller, std::uint32_t number) {
  const auto client = clients->last(number);
  if (client == nullptr || !client->up || client->over.exchange(true)) return;
  // Who goes away while it waits for an answer has itself to blame.
  if (client->waiting > 0) caller.record.record(Misbehaved{client->id(), "abort-message"});
  caller.record.record(CloseFrame{client->id(), Direction::sent, kNormalClosure, ""});
  const auto call = "close() of " + name_of(client->connection);
  caller.enter(call);
  guarded(caller.record, call, [&] { return subject_->close(client->connection), Nothing(); });
  caller.leave();
  caller.record.record(ConnectionEnded{client->id(), ConnectionEndReason::finished, ""});
}

void RunState::stop(Caller& caller, StopReason reason) {
  std::uint32_t nth = 0;
  FaultInvoked invoked;
  {
    const std::scoped_lock lock(stops_mutex_);
    nth = stops_++;
    const bool is_first = nth == 0;
    invoked = FaultInvoked{.fault = FaultId{is_first ? 0U : 1U},
                           .step = nth,
                           .what = is_first ? "request_stop()" : "request_second_stop()",
                           .signal = number_of(reason),
                           .stop = is_first};
    const auto at = caller.record.record(invoked);
    if (is_first) {
      const std::scoped_lock lock_state(mutex);
      stop_at = at;
      changed.notify_all();
    }
  }
  caller.enter(invoked.what);
  const auto done = guarded(caller.record, invoked.what, [&] {
    nth == 0 ? subject_->request_stop(reason) : subject_->request_second_stop(reason);
    return Nothing();
  });
  caller.leave();
  caller.record.record(FaultFinished{invoked.fault, invoked.step, done ? 0 : ECANCELED});
}

void RunState::hang(Caller& caller) {
  caller.enter("hang_resource()");
  const auto hangs =
      guarded(caller.record, "hang_resource()", [this] { return subject_->hang_resource(); });
  caller.leave();
  if (!hangs || !*hangs) return;
  const std::scoped_lock lock(mutex);
  facts.resource_hangs = true;
}

void RunState::meet(std::uint32_t number) {
  auto& meeting = meetings_.at(number);
  ++meeting.arrived;
  const auto until = now() + kLongestMeeting;
  while (meeting.arrived < meeting.parties && now() < until) std::this_thread::yield();
}

}  // namespace lastcall::embed

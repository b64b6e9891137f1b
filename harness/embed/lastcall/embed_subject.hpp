// What is judged: a shutdown implementation behind this interface. Write one adapter; the runner
// calls it from several threads, as clients and signals would, and records every call.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lastcall/embed_schedule.hpp"

namespace lastcall::embed {
inline namespace v1 {

// One connection of a run: the schedule's number, and which opening of it, from 0. The runner's own
// try after the end has the number above Schedule::kMaxNumber.
struct Connection {
  std::uint32_t number = 0;
  std::uint32_t attempt = 0;
  friend auto operator<=>(const Connection&, const Connection&) = default;
};

struct Message {
  Connection connection;
  std::uint32_t number = 0;       // on its connection, from 0
  std::chrono::nanoseconds work;  // how long its answer should take; 0: no matter
  // "2/0/5": says which of a run's messages it is, and is what survivors() lists.
  [[nodiscard]] std::string text() const;
};

enum class Answer : std::uint8_t {
  acknowledged,  // the work is done, and safe
  refused,       // it was not taken on, and the client knows
  lost,          // no answer: the connection is gone
};

// The subject's side of what happens to clients; the runner's. Thread-safe, may be called from
// within a call of Subject, never blocks for long, and is valid as long as it is held. What comes
// after the runner has given up on a subject is dropped. Naming a connection that was never opened
// throws std::invalid_argument.
class Observer {
 public:
  virtual ~Observer() = default;
  // Now the subject has taken this message on: it owes an answer, whatever comes. Subjects that
  // never say so are not asked whether they finish what is in flight.
  virtual void taken_on(const Message& message) = 0;
  // The client was told in order that its connection ends, and it is over: neither side uses it
  // any more. A client that waits for an answer still gets it.
  virtual void goodbye(const Connection& connection) = 0;
  // The connection is gone without a goodbye.
  virtual void cut(const Connection& connection) = 0;
};

// Calls come in this order: start; then open, send, close, hang_resource, request_stop and
// request_second_stop from many threads at once, also on the same connection, and wait_ended from
// one; after wait_ended has returned an exit code, and the threads are through: open once more,
// left, survivors; then the destructor. Only the destructor is never called beside another call.
// A subject that hangs is given up: it is not destroyed, and its threads stay until the process
// ends (of those that had ended the thread sanitizer then says that nobody joined them).
//
// A call that throws is a crash of the subject, judged by no-panic, not a way to refuse.
class Subject {
 public:
  virtual ~Subject() = default;

  // Ready when it returns. If it throws, nothing is judged: all verdicts are unknown.
  virtual void start(std::shared_ptr<Observer> observer) = 0;
  // Whether the connection was taken on. After the stop, and after the end, it must not be.
  virtual bool open(const Connection& connection) = 0;
  // Blocks until the answer is there.
  virtual Answer send(const Message& message) = 0;
  // The client closes its connection; perhaps while another thread sends on it.
  virtual void close(const Connection& connection) = 0;
  // Returns once the subject has got the request: from then on it takes on nothing new.
  virtual void request_stop(StopReason reason) = 0;
  // Perhaps while the first is still being made.
  virtual void request_second_stop(StopReason reason) { request_stop(reason); }
  // Blocks until the subject has ended: when a program would return this exit code from main.
  // Nothing if that was not before `until`; it is then called again.
  virtual std::optional<int> wait_ended(std::chrono::steady_clock::time_point until) = 0;

  // What is still there after the end and should not be: "database", "timer". Connections that the
  // observer was told nothing about, and threads, the runner finds by itself.
  virtual std::vector<std::string> left() { return {}; }
  // What a subject that starts again after the end would still know: the text() of messages, one
  // entry for each time it is there. Nothing: it promises nothing of the kind.
  virtual std::optional<std::vector<std::string>> survivors() { return std::nullopt; }
  // From now on one resource hangs when it is cleaned up. False: there is none, and the step is
  // skipped.
  virtual bool hang_resource() { return false; }
  // Whether it tells clients of the end through the observer. If not, close-handshake is off.
  [[nodiscard]] virtual bool says_goodbye() const { return true; }
};

// A fresh subject for each run of a schedule. Called from a thread of the runner.
using Factory = std::function<std::unique_ptr<Subject>()>;

}  // namespace v1
}  // namespace lastcall::embed

// A server's shutdown in process, right unless told otherwise: connections are counted, a stop
// refuses new ones, waits for what is in flight, says goodbye, cleans up and ends. A defect that
// needs a certain moment waits for it, so that it shows in every run of its schedule.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lastcall/embed.hpp"

namespace lastcall::embed::testing {

enum class Defect : std::uint8_t {
  none,
  checks_then_counts,     // a connection slips in between the two, and the drain has seen zero
  accepts_after_stop,     // the flag is set too late
  accepts_after_end,      // the listener outlives it
  drops_in_flight,        // answers that are under way are lost
  says_no_goodbye,        // connections are forgotten
  cuts,                   // connections are reset
  never_ends,             // the stop is registered and never awaited
  ignores_hung_resource,  // a hanging clean-up has no limit of its own
  exits_wrong,
  ends_by_itself,  // before it is told to
  dies_of_second,  // a second stop re-enters the first
  sleeps_on,       // a second stop hastens nothing
  forgets_last,    // what was acknowledged last is not there after a restart
  remembers_twice,
  cannot_restart,
  throws_on_send,
  keeps_a_thread,
  keeps_the_database,
  swallows_callers,  // send() never comes back
};

class SmallServer : public Subject {
 public:
  explicit SmallServer(Defect defect = Defect::none) : defect_(defect) {}
  ~SmallServer() override {
    if (coordinator_.joinable()) coordinator_.join();
  }

  void start(std::shared_ptr<Observer> observer) override {
    observer_ = std::move(observer);
    coordinator_ = std::thread([this] { coordinate(); });
  }

  bool open(const Connection& connection) override {
    std::unique_lock lock(mutex_);
    if (defect_ == Defect::accepts_after_end && ended_) return true;
    if (ended_ || (stopping_ && defect_ != Defect::accepts_after_stop)) return false;
    if (defect_ == Defect::checks_then_counts) {
      in_window_ = true;
      changed_.notify_all();
      await(lock, [this] { return ended_; });
    }
    connections_.insert({connection, true});
    late_ = late_ || stopping_;
    changed_.notify_all();
    return true;
  }

  Answer send(const Message& message) override {
    std::unique_lock lock(mutex_);
    if (defect_ == Defect::throws_on_send) throw std::logic_error("send on closed channel");
    if (stopping_) return Answer::refused;
    if (!connections_.contains(message.connection)) return Answer::lost;
    ++in_flight_;
    observer_->taken_on(message);
    changed_.notify_all();
    if (defect_ == Defect::swallows_callers) changed_.wait(lock, [] { return false; });
    changed_.wait_for(lock, message.work,
                      [this] { return stopping_ && defect_ == Defect::drops_in_flight; });
    --in_flight_;
    changed_.notify_all();
    if (stopping_ && defect_ == Defect::drops_in_flight) return Answer::lost;
    stored_.push_back(message.text());
    return Answer::acknowledged;
  }

  void close(const Connection& connection) override {
    const std::scoped_lock lock(mutex_);
    connections_.erase(connection);
    changed_.notify_all();
  }

  void request_stop(StopReason) override {
    std::unique_lock lock(mutex_);
    if (defect_ == Defect::checks_then_counts) await(lock, [this] { return in_window_; });
    stopping_ = true;
    changed_.notify_all();
  }

  void request_second_stop(StopReason) override {
    const std::scoped_lock lock(mutex_);
    again_ = true;
    changed_.notify_all();
  }

  std::optional<int> wait_ended(std::chrono::steady_clock::time_point until) override {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_until(lock, until, [this] { return ended_; })) return std::nullopt;
    if (defect_ == Defect::dies_of_second && again_) throw std::runtime_error("re-entered");
    return exit_code_;
  }

  std::vector<std::string> left() override {
    if (defect_ == Defect::keeps_the_database) return {"database"};
    return {};
  }

  std::optional<std::vector<std::string>> survivors() override {
    if (defect_ == Defect::cannot_restart) throw std::runtime_error("the store is locked");
    const std::scoped_lock lock(mutex_);
    auto found = stored_;
    if (defect_ == Defect::forgets_last && !found.empty()) found.pop_back();
    if (defect_ == Defect::remembers_twice && !found.empty()) found.push_back(found.front());
    return found;
  }

  bool hang_resource() override {
    const std::scoped_lock lock(mutex_);
    hangs_ = true;
    return true;
  }

 private:
  // Long enough for any machine, not forever: a schedule without the moment goes on without it.
  static constexpr auto kPatience = std::chrono::milliseconds(250);
  static constexpr auto kDrain = std::chrono::milliseconds(500);
  static constexpr auto kCleanUp = std::chrono::milliseconds(10);

  template <class Predicate>
  void await(std::unique_lock<std::mutex>& lock, Predicate predicate) {
    changed_.wait_for(lock, kPatience, predicate);
  }

  void coordinate() {
    std::unique_lock lock(mutex_);
    if (defect_ == Defect::ends_by_itself) return end(0);
    changed_.wait(lock, [this] { return stopping_; });
    if (defect_ == Defect::never_ends) changed_.wait(lock, [] { return false; });
    if (defect_ == Defect::accepts_after_stop) await(lock, [this] { return late_; });
    const bool is_lingering = defect_ == Defect::dies_of_second || defect_ == Defect::sleeps_on;
    if (is_lingering) await(lock, [this] { return again_; });
    if (defect_ == Defect::sleeps_on) changed_.wait_for(lock, kPatience, [] { return false; });
    const bool drained = changed_.wait_for(lock, kDrain, [this] { return in_flight_ == 0; });
    for (const auto& [connection, open] : connections_) {
      if (defect_ == Defect::cuts) observer_->cut(connection);
      if (defect_ != Defect::cuts && defect_ != Defect::says_no_goodbye) {
        observer_->goodbye(connection);
      }
    }
    connections_.clear();
    if (hangs_) {
      if (defect_ == Defect::ignores_hung_resource) changed_.wait(lock, [] { return false; });
      changed_.wait_for(lock, kCleanUp, [] { return false; });
    }
    if (defect_ == Defect::keeps_a_thread) keep_a_thread();
    end(defect_ == Defect::exits_wrong ? 3 : hangs_ || !drained ? 1 : 0);
  }

  void end(int code) {
    exit_code_ = code;
    ended_ = true;
    changed_.notify_all();
  }

  // It ends when the next one has been started, so that a test leaves one behind at most.
  static void keep_a_thread() {
    struct Kept {
      std::mutex mutex;
      std::condition_variable changed;
      int latest = 0;
    };
    static auto& kept = *new Kept;
    const std::scoped_lock lock(kept.mutex);
    const int mine = ++kept.latest;
    kept.changed.notify_all();
    std::thread([mine] {
      std::unique_lock until_next(kept.mutex);
      kept.changed.wait(until_next, [mine] { return kept.latest != mine; });
    }).detach();
  }

  const Defect defect_;
  std::shared_ptr<Observer> observer_;
  std::thread coordinator_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Connection, bool> connections_;
  std::vector<std::string> stored_;
  int in_flight_ = 0;
  bool stopping_ = false;
  bool again_ = false;
  bool late_ = false;
  bool in_window_ = false;
  bool hangs_ = false;
  bool ended_ = false;
  int exit_code_ = 0;
};

inline Factory server(Defect defect = Defect::none) {
  return [defect] { return std::make_unique<SmallServer>(defect); };
}

}  // namespace lastcall::embed::testing

// A small server around the tracker, made a subject, and judged. CHECKS_FIRST=1 plants the mistake.
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lastcall/embed_gtest.hpp"
#include "lastcall/embed_rapidcheck.hpp"
#include "tracker.hpp"

namespace {

namespace embed = lastcall::embed;
using namespace std::chrono_literals;

class Server : public embed::Subject {
 public:
  ~Server() override {
    if (stop_.joinable()) stop_.join();
  }

  void start(std::shared_ptr<embed::Observer> observer) override {
    observer_ = std::move(observer);
    stop_ = std::thread([this] { stop(); });
  }

  bool open(const embed::Connection& connection) override {
    if (!tracker_.acquire()) return false;
    const std::scoped_lock lock(mutex_);
    connections_.insert(connection);
    changed_.notify_all();
    return true;
  }

  embed::Answer send(const embed::Message& message) override {
    std::unique_lock lock(mutex_);
    if (tracker_.is_stopping() || !connections_.contains(message.connection)) {
      return embed::Answer::refused;
    }
    ++in_flight_;
    observer_->taken_on(message);
    changed_.wait_for(lock, message.work, [] { return false; });
    stored_.push_back(message.text());
    --in_flight_;
    changed_.notify_all();
    return embed::Answer::acknowledged;
  }

  void close(const embed::Connection& connection) override {
    const std::scoped_lock lock(mutex_);
    if (connections_.erase(connection) > 0) tracker_.release();
    changed_.notify_all();
  }

  void request_stop(embed::StopReason) override { tracker_.stop(); }

  std::optional<int> wait_ended(std::chrono::steady_clock::time_point until) override {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_until(lock, until, [this] { return ended_; })) return std::nullopt;
    return 0;
  }

  std::optional<std::vector<std::string>> survivors() override {
    const std::scoped_lock lock(mutex_);
    return stored_;
  }

 private:
  // Everybody who was let in is waited for, finishes, and is told.
  void stop() {
    tracker_.wait_for_stop();
    std::unique_lock lock(mutex_);
    while (tracker_.count() > 0) {
      for (const auto& connection : connections_) {
        if (in_flight_ > 0) break;
        observer_->goodbye(connection);
        tracker_.release();
      }
      if (in_flight_ == 0) connections_.clear();
      changed_.wait(lock, [this] {
        return tracker_.count() == 0 || (in_flight_ == 0 && !connections_.empty());
      });
    }
    ended_ = true;
    changed_.notify_all();
  }

  Tracker tracker_{std::getenv("CHECKS_FIRST") != nullptr};
  std::shared_ptr<embed::Observer> observer_;
  std::thread stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<embed::Connection> connections_;
  std::vector<std::string> stored_;
  int in_flight_ = 0;
  bool ended_ = false;
};

std::unique_ptr<embed::Subject> make_server() { return std::make_unique<Server>(); }

TEST(Drain, FinishesWhatItHasTakenOn) {
  EXPECT_ALL_PROPERTIES_HOLD("open:0 meet:0 send:0:20ms | meet:0 pause:5ms stop stop:int open:1",
                             make_server, {.deadline = 5s});
}

TEST(Drain, HoldsUnderAnySchedule) {
  const embed::Search search{.trials = 200, .require = {"released", "close-handshake"}};
  EXPECT_EXPLORATION_HOLDS(embed::explore(make_server, search, {.deadline = 5s}));
}

}  // namespace

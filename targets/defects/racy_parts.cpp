#include "defects/racy_parts.hpp"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace defects {
namespace {

constexpr std::chrono::milliseconds kPause{3};

class Channel {
 public:
  [[nodiscard]] bool is_closed() const {
    const std::scoped_lock lock(mutex_);
    return closed_;
  }
  void send() {
    const std::scoped_lock lock(mutex_);
    if (closed_) throw std::logic_error("send on closed channel");
    ++sent_;
  }
  void send_if_open() {
    const std::scoped_lock lock(mutex_);
    if (!closed_) ++sent_;
  }
  void close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }

 private:
  mutable std::mutex mutex_;
  bool closed_ = false;
  std::uint64_t sent_ = 0;
};

using Channels = std::vector<std::shared_ptr<Channel>>;

class Pings final : public reference_server::Alongside {
 public:
  explicit Pings(bool fixed)
      : fixed_(fixed), thread_([this](const std::stop_token& stop) { keep_pinging(stop); }) {}

  void connected() override {
    const std::scoped_lock lock(mutex_);
    channels_.push_back(std::make_shared<Channel>());
  }
  void goodbye() override {
    for (const auto& channel : channels()) channel->close();
  }
  void drained() override {}

 private:
  [[nodiscard]] Channels channels() const {
    const std::scoped_lock lock(mutex_);
    return channels_;
  }
  void ping(Channel& channel) const {
    if (fixed_) return channel.send_if_open();
    if (!channel.is_closed()) channel.send();
  }
  void keep_pinging(const std::stop_token& stop) const {
    ::pthread_setname_np(::pthread_self(), "ping");
    while (!stop.stop_requested()) {
      for (const auto& channel : channels()) ping(*channel);
      std::this_thread::sleep_for(kPause);
    }
  }

  bool fixed_;
  mutable std::mutex mutex_;
  Channels channels_;
  std::jthread thread_;  // the last: it uses the others
};

class Journal {
 public:
  void write() {
    if (closed_) throw std::logic_error("the journal was used after it was closed");
    ++entries_;
  }
  void close() { closed_ = true; }

 private:
  std::atomic<bool> closed_{false};
  std::atomic<std::uint64_t> entries_{0};
};

class Jobs final : public reference_server::Alongside {
 public:
  explicit Jobs(bool fixed)
      : fixed_(fixed), thread_([this](const std::stop_token& stop) { keep_working(stop); }) {}

  void connected() override {}
  void goodbye() override {}
  void drained() override {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    while (under_way_ > 0) std::this_thread::yield();
    journal_.close();
  }

 private:
  bool acquire() {
    if (stopping_) return false;
    ++under_way_;
    return true;
  }
  bool acquire_in_one_step() {
    const std::scoped_lock lock(mutex_);
    return acquire();
  }
  void release() { --under_way_; }
  void keep_working(const std::stop_token& stop) {
    ::pthread_setname_np(::pthread_self(), "jobs");
    while (!stop.stop_requested()) {
      if (fixed_ ? acquire_in_one_step() : acquire()) {
        journal_.write();
        release();
      }
      std::this_thread::sleep_for(kPause);
    }
  }

  bool fixed_;
  std::mutex mutex_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> under_way_{0};
  Journal journal_;
  std::jthread thread_;  // the last: it uses the others
};

}  // namespace

std::shared_ptr<reference_server::Alongside> racing_pings(bool fixed) {
  return std::make_shared<Pings>(fixed);
}

std::shared_ptr<reference_server::Alongside> racing_jobs(bool fixed) {
  return std::make_shared<Jobs>(fixed);
}

}  // namespace defects

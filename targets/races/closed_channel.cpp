// The race: the ping thread asks whether the send queue is open and then pushes into it. Between
// the two the stop closes the queue, and a push into a closed queue aborts.
//
// The mend (FIXED): one call does both under the queue's mutex.
#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenPings = 1ms;

class SendQueue {
 public:
  [[gnu::noinline]] bool is_closed() {
    const std::scoped_lock lock(mutex_);
    return closed_;
  }

  // A program that pushes into a closed queue is wrong.
  [[gnu::noinline]] void push(std::string message) {
    if (push_if_open(std::move(message))) return;
    std::fputs("push into a closed queue\n", stderr);
    std::abort();
  }

  [[gnu::noinline]] bool push_if_open(std::string message) {
    const std::scoped_lock lock(mutex_);
    if (closed_) return false;
    messages_.push_back(std::move(message));
    changed_.notify_one();
    return true;
  }

  // Waits for a message; nothing once the queue is closed and empty.
  [[gnu::noinline]] std::optional<std::string> pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !messages_.empty(); });
    if (messages_.empty()) return std::nullopt;
    auto message = std::move(messages_.front());
    messages_.pop_front();
    return message;
  }

  [[gnu::noinline]] void close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> messages_;
  bool closed_ = false;
};

bool ping(SendQueue& queue) {
#ifdef FIXED
  return queue.push_if_open("ping");
#else
  if (queue.is_closed()) return false;
  queue.push("ping");
  return true;
#endif
}

void keep_pinging(SendQueue& queue) {
  pthread_setname_np(pthread_self(), "ping");
  while (ping(queue)) std::this_thread::sleep_for(kBetweenPings);
}

void send_all(SendQueue& queue) {
  pthread_setname_np(pthread_self(), "sender");
  std::size_t bytes = 0;
  while (const auto message = queue.pop()) bytes += message->size();
  std::printf("%zu bytes sent\n", bytes);
}

}  // namespace

int main() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  SendQueue queue;
  std::thread sender(send_all, std::ref(queue));
  std::thread pinger(keep_pinging, std::ref(queue));
  std::puts("ready");
  std::fflush(stdout);

  int signal = 0;
  sigwait(&stop, &signal);
  queue.close();
  pinger.join();
  sender.join();
  return 0;
}

// Two tests of a cache that another thread clears.
//
// The race, in Cache.IsReadWhileItIsCleared: the reader asks whether the cache is empty and then
// takes its front. Between the two the cache is cleared, and the front of an empty cache throws.
//
// Cache.IsReadInOneStepWhileItIsCleared is the same without the race: one call does both.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <thread>

namespace {

using namespace std::chrono_literals;

constexpr auto kUntilCleared = 500us;

class Cache {
 public:
  [[gnu::noinline]] void add(std::uint32_t entry) {
    const std::scoped_lock lock(mutex_);
    entries_.push_back(entry);
  }
  [[gnu::noinline]] bool is_empty() {
    const std::scoped_lock lock(mutex_);
    return entries_.empty();
  }
  [[gnu::noinline]] std::uint32_t front() {
    const std::scoped_lock lock(mutex_);
    return entries_.at(0);
  }
  [[gnu::noinline]] std::optional<std::uint32_t> front_if_any() {
    const std::scoped_lock lock(mutex_);
    return entries_.empty() ? std::nullopt : std::optional(entries_.front());
  }
  [[gnu::noinline]] void clear() {
    const std::scoped_lock lock(mutex_);
    entries_.clear();
  }

 private:
  std::mutex mutex_;
  std::deque<std::uint32_t> entries_;
};

// What a reader does with an entry.
[[gnu::noinline]] std::uint32_t used(std::uint32_t entry) {
  std::array<std::uint32_t, 16'000> block;
  std::iota(block.begin(), block.end(), entry);
  std::uint32_t sum = 0;
  for (const auto word : block) sum = sum * 31 + word;
  return sum;
}

// Whether a reader that asks `next` for entries, until there are none, gets to the end.
template <typename Next>
bool is_read_to_the_end(Next next) {
  Cache cache;
  cache.add(7);
  bool failed = false;
  std::atomic<std::uint32_t> sum = 0;
  std::thread reader([&] {
    try {
      while (const auto entry = next(cache)) sum += used(*entry);
    } catch (const std::out_of_range&) {
      failed = true;
    }
  });
  std::this_thread::sleep_for(kUntilCleared);
  cache.clear();
  reader.join();
  return !failed;
}

std::optional<std::uint32_t> in_two_steps(Cache& cache) {
  if (cache.is_empty()) return std::nullopt;
  return cache.front();
}

std::optional<std::uint32_t> in_one_step(Cache& cache) { return cache.front_if_any(); }

TEST(Cache, IsReadWhileItIsCleared) { EXPECT_TRUE(is_read_to_the_end(in_two_steps)); }

TEST(Cache, IsReadInOneStepWhileItIsCleared) { EXPECT_TRUE(is_read_to_the_end(in_one_step)); }

}  // namespace

// The memory of a traced process for the duration of one look, while all that could change it are
// stopped: whole pages are read once. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <unordered_map>

#include "tracer/ptrace/ptrace_calls.hpp"

namespace lastcall {

class Memory {
 public:
  static constexpr std::size_t kPage = 4096;
  // 64 MiB: many times what the stacks and tables of a large server need. Beyond it nothing can be
  // read any more.
  static constexpr std::size_t kMaxPages = 16384;

  // `calls` outlives it. `tid`: any thread of the process that is alive.
  Memory(PtraceCalls& calls, pid_t tid) : calls_(calls), tid_(tid) {}

  // Whole or not at all.
  [[nodiscard]] bool read(std::uint64_t address, std::span<std::byte> into);
  template <class T>
  [[nodiscard]] std::optional<T> get(std::uint64_t address) {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (!read(address, std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
    return value;
  }
  // Reads pages that will be needed in one go. What cannot be read is left out.
  void prefetch(std::uint64_t address, std::size_t bytes);

 private:
  using Page = std::array<std::byte, kPage>;
  const Page* page(std::uint64_t number);

  PtraceCalls& calls_;
  pid_t tid_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Page>> pages_;  // null: cannot be read
  std::uint64_t last_number_ = ~0ULL;
  const Page* last_ = nullptr;
};

}  // namespace lastcall

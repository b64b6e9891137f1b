// Bytes of a fuzzer as decisions. Where there are no bytes left every decision is the first, so
// that whatever is made of them ends.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lastcall::fuzz {

class Choices {
 public:
  // The bytes outlive it.
  Choices(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}

  [[nodiscard]] std::size_t left() const { return left_; }
  // From 0 to below the bound, which is at least 1.
  std::uint64_t below(std::uint64_t bound) {
    std::uint64_t number = 0;
    for (std::uint64_t rest = bound - 1; rest > 0; rest >>= 8U) number = number << 8U | byte();
    return number % bound;
  }
  // True once in this many times, and never where there are no bytes left.
  bool once_in(std::uint64_t times) { return below(times) == times - 1; }
  template <class List>
  const auto& of(const List& list) {
    return *(std::begin(list) + static_cast<std::ptrdiff_t>(below(std::size(list))));
  }
  // Mostly near the low end, now and then anywhere, or the high end.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    const auto range = static_cast<std::uint64_t>(high - low);
    switch (below(8)) {
      case 6:
        return high;
      case 7:
        return low +
               static_cast<std::int64_t>(range == UINT64_MAX ? below(range) : below(range + 1));
      default:
        return low + static_cast<std::int64_t>(below(std::min<std::uint64_t>(range, 20) + 1));
    }
  }

 private:
  std::uint8_t byte() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }

  const std::uint8_t* data_;
  std::size_t left_;
};

}  // namespace lastcall::fuzz

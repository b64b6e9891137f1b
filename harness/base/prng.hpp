// The planner's generator: SplitMix64 (Steele, Lea, Flood 2014), integers only, so that a seed
// draws the same plan on every machine and with every standard library. Not thread-safe; not for
// secrets.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/invariant.hpp"

namespace lastcall {

class Prng {
 public:
  explicit constexpr Prng(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() { return mix(state_ += 0x9E3779B97F4A7C15ULL); }

  // Uniform in [low, high], both included; by rejection, so that no value is favoured.
  constexpr std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    LASTCALL_INVARIANT(low <= high);
    const std::uint64_t span = high - low + 1;
    if (span == 0) return next();  // the whole range
    const std::uint64_t limit = UINT64_MAX - (UINT64_MAX % span + 1) % span;
    std::uint64_t draw = next();
    while (draw > limit) draw = next();
    return low + draw % span;
  }

  // A seed for an independent stream. Streams are named (or numbered), so that a new draw in one
  // concern does not shift another.
  [[nodiscard]] static constexpr std::uint64_t split(std::uint64_t seed, std::string_view concern) {
    std::uint64_t hash = 0xCBF29CE484222325ULL;  // FNV-1a
    for (const char c : concern) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
    return mix(seed ^ mix(hash));
  }
  [[nodiscard]] static constexpr std::uint64_t split(std::uint64_t seed, std::uint64_t number) {
    return mix(seed ^ mix(number + 0x9E3779B97F4A7C15ULL));
  }

 private:
  static constexpr std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

}  // namespace lastcall

// Which connections or clients a fault hits that is meant for a percentage of them: drawn from the
// fault's own stream of the plan's seed and each one's number, so that a replay hits the same ones.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/ids.hpp"
#include "base/prng.hpp"

namespace lastcall {

// The stream of one fault.
constexpr std::uint64_t choice_seed(std::uint64_t plan_seed, FaultId fault) {
  return Prng::split(Prng::split(plan_seed, "chosen"), std::uint64_t{fault.value});
}

// Chooses `percent` of those that are there now, rounded up. The order in which they are chosen
// does not depend on what else is there: one more or less changes one choice at most.
inline std::vector<std::uint64_t> chosen(std::vector<std::uint64_t> numbers, std::uint32_t percent,
                                         std::uint64_t seed) {
  const auto count = (numbers.size() * percent + 99) / 100;
  std::ranges::sort(numbers, {}, [&](auto number) { return Prng::split(seed, number); });
  numbers.resize(std::min(numbers.size(), count));
  return numbers;
}

// Chooses each that comes later on its own: nobody knows how many there will be.
constexpr bool is_chosen(std::uint64_t number, std::uint32_t percent, std::uint64_t seed) {
  return Prng(Prng::split(seed, number)).between(0, 99) < percent;
}

}  // namespace lastcall

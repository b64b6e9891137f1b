// A part of a campaign: each of its trials is in exactly one shard, whatever runs where. Pure;
// thread-safe.
#pragma once

#include <cstdint>

namespace lastcall {

struct Shard {
  std::uint32_t number = 1;  // from 1
  std::uint32_t of = 1;

  // Whether it has the trial at this position, from 0, among all of a campaign: those of the first
  // scenario, then those of the second, and so on. So shards differ by no more than one trial, in
  // all and of each scenario.
  [[nodiscard]] bool has(std::uint64_t position) const { return position % of == number - 1; }
  // How many of `trials` from this position on it has.
  [[nodiscard]] std::uint32_t share(std::uint64_t position, std::uint32_t trials) const {
    const auto before = [&](std::uint64_t end) { return (end + of - number) / of; };
    return static_cast<std::uint32_t>(before(position + trials) - before(position));
  }
  friend bool operator==(const Shard&, const Shard&) = default;
};

}  // namespace lastcall

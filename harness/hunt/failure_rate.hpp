// How often a plan fails. A plain value.
#pragma once

#include <cstdint>
#include <string>

namespace lastcall {

struct FailureRate {
  std::uint64_t failed = 0;
  std::uint64_t runs = 0;         // in which every hold was reached, or that failed
  std::uint64_t not_reached = 0;  // runs that neither failed nor reached every hold
  std::string broken{};           // not empty: runs are missing
};

// "49 of 50 (86.3–99.9 % at 95 %)", and how many did not reach their holds.
std::string rate_text(const FailureRate& rate);

}  // namespace lastcall

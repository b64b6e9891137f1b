// Bounds on a probability from counts, Clopper and Pearson (1934): exact, never optimistic.
#pragma once

#include <cstdint>
#include <string>

namespace lastcall {

struct Interval {
  double low = 0;
  double high = 1;
};

// One-sided upper bound at `confidence`: P(failure) <= bound. 1 when there was no trial.
double upper_bound(std::uint64_t failures, std::uint64_t trials, double confidence = 0.95);

// Two-sided interval at `confidence`, for reproduction rates.
Interval two_sided(std::uint64_t hits, std::uint64_t trials, double confidence = 0.95);

// "P(failure) ≤ 0.30 % at 95 %, 1,000 trials"
std::string bound_sentence(std::uint64_t failures, std::uint64_t trials);

}  // namespace lastcall

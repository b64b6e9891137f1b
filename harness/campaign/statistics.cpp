#include "campaign/statistics.hpp"

#include <array>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <cstdio>

#include "base/invariant.hpp"

namespace lastcall {
namespace {

// The p-quantile of the beta distribution, by which Clopper and Pearson's bounds are written.
double beta_quantile(std::uint64_t a, std::uint64_t b, double p) {
  return boost::math::ibeta_inv(static_cast<double>(a), static_cast<double>(b), p);
}

// 1234567 -> "1,234,567"
std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

}  // namespace

double upper_bound(std::uint64_t failures, std::uint64_t trials, double confidence) {
  LASTCALL_INVARIANT(failures <= trials);
  if (failures == trials) return 1;  // no trial included
  return beta_quantile(failures + 1, trials - failures, confidence);
}

Interval two_sided(std::uint64_t hits, std::uint64_t trials, double confidence) {
  LASTCALL_INVARIANT(hits <= trials);
  const double tail = (1 - confidence) / 2;
  Interval interval;
  if (hits > 0) interval.low = beta_quantile(hits, trials - hits + 1, tail);
  if (hits < trials) interval.high = beta_quantile(hits + 1, trials - hits, 1 - tail);
  return interval;
}

std::string bound_sentence(std::uint64_t failures, std::uint64_t trials) {
  if (trials == 0) return "no bound: no trial exercised it";
  // Rounded up: a bound that is shown smaller than it is would be optimistic.
  const double percent = std::ceil(upper_bound(failures, trials) * 10'000) / 100;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", percent);
  return "P(failure) ≤ " + std::string(text.data()) + " % at 95 %, " + grouped(trials) +
         (trials == 1 ? " trial" : " trials");
}

}  // namespace lastcall

#include "gate/sequential.hpp"

#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>

#include "base/invariant.hpp"

namespace lastcall {
namespace {

constexpr double kPrecision = 1e-6;

}  // namespace

double log_evidence_below(std::uint64_t failures, std::uint64_t trials, double p) {
  LASTCALL_INVARIANT(failures <= trials && p > 0 && p < 1);
  const auto k = static_cast<double>(failures);
  const auto passed = static_cast<double>(trials - failures);
  // The integral over [0, p] of q^(k - 1/2) (1 - q)^passed: an incomplete beta function.
  const auto a = k + 0.5;
  const auto b = passed + 1;
  const auto log_beta =
      boost::math::lgamma(a) + boost::math::lgamma(b) - boost::math::lgamma(a + b);
  const auto log_integral = log_beta + std::log(boost::math::ibeta(a, b, p));
  return log_integral - std::log(2 * std::sqrt(p)) - k * std::log(p) - passed * std::log1p(-p);
}

bool is_shown_below(std::uint64_t failures, std::uint64_t trials, double p, double confidence) {
  return log_evidence_below(failures, trials, p) >= -std::log1p(-confidence);
}

bool is_shown_above(std::uint64_t failures, std::uint64_t trials, double p, double confidence) {
  // That failures are more frequent than p says that passes are less frequent than 1 - p.
  return is_shown_below(trials - failures, trials, 1 - p, confidence);
}

double anytime_upper_bound(std::uint64_t failures, std::uint64_t trials, double confidence) {
  // Above the rate that was seen the evidence grows with p once it is more than a few trials'.
  double low = trials == 0 ? 0 : static_cast<double>(failures) / static_cast<double>(trials);
  double high = 1 - kPrecision;
  if (low >= high || !is_shown_below(failures, trials, high, confidence)) return 1;
  while (high - low > kPrecision) {
    const auto middle = (low + high) / 2;
    (is_shown_below(failures, trials, middle, confidence) ? high : low) = middle;
  }
  return high;
}

double anytime_lower_bound(std::uint64_t failures, std::uint64_t trials, double confidence) {
  return 1 - anytime_upper_bound(trials - failures, trials, confidence);
}

}  // namespace lastcall

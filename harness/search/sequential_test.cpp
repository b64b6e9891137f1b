#include "search/sequential_test.hpp"

#include <cmath>

#include "base/invariant.hpp"

namespace lastcall {

SequentialTest::SequentialTest(Rates rates)
    : at_failure_(std::log(rates.high / rates.low)),
      at_success_(std::log((1 - rates.high) / (1 - rates.low))),
      bound_(std::log((1 - rates.error) / rates.error)) {
  LASTCALL_INVARIANT(0 < rates.low && rates.low < rates.high && rates.high < 1);
  LASTCALL_INVARIANT(0 < rates.error && rates.error < 0.5);
}

void SequentialTest::add(bool failed) {
  ratio_ += failed ? at_failure_ : at_success_;
  ++runs_;
  if (failed) ++failures_;
}

std::optional<bool> SequentialTest::decision() const {
  if (ratio_ >= bound_) return true;
  if (ratio_ <= -bound_) return false;
  return std::nullopt;
}

}  // namespace lastcall

// Wald's sequential probability ratio test ("Sequential Tests of Statistical Hypotheses", 1945):
// decides after as few runs as it can whether a plan fails at a high rate or not. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>

namespace lastcall {

class SequentialTest {
 public:
  struct Rates {
    double low = 0.6;     // a plan that fails so rarely is accepted with probability `error`
    double high = 0.9;    // one that fails as often is refused with it
    double error = 0.05;  // between 0 and 0.5, excluded
  };
  explicit SequentialTest(Rates rates);
  void add(bool failed);
  // True: it fails at the high rate; false: it does not; nothing: more runs are needed.
  [[nodiscard]] std::optional<bool> decision() const;
  [[nodiscard]] std::uint64_t runs() const { return runs_; }
  [[nodiscard]] std::uint64_t failures() const { return failures_; }

 private:
  double at_failure_;
  double at_success_;
  double bound_;
  double ratio_ = 0;
  std::uint64_t runs_ = 0;
  std::uint64_t failures_ = 0;
};

}  // namespace lastcall

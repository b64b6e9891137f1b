#include "hunt/failure_rate.hpp"

#include <array>
#include <cstdio>

#include "campaign/statistics.hpp"

namespace lastcall {

std::string rate_text(const FailureRate& rate) {
  const auto interval = two_sided(rate.failed, rate.runs);
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "%llu of %llu (%.1f-%.1f %% at 95 %%)",
                static_cast<unsigned long long>(rate.failed),
                static_cast<unsigned long long>(rate.runs), interval.low * 100,
                interval.high * 100);
  std::string all = text.data();
  if (rate.not_reached > 0)
    all += ", and " + std::to_string(rate.not_reached) + " that did not reach every hold";
  return all;
}

}  // namespace lastcall

// recovers: what a scenario can say about it. checkers/recovers.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct Recovers {
  static constexpr std::string_view kName = "recovers";
  static constexpr std::string_view kHoldsWhen = "the restarted target becomes ready and answers";
  static const Checker kChecker;
};

}  // namespace lastcall::property

// recovers: what a scenario can say about it. checkers/recovers.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct Recovers {
  static constexpr std::string_view kName = "recovers";
  static constexpr std::string_view kHoldsWhen =
      "started again in the same directory, the target becomes ready";
  static constexpr std::string_view kCannotSee = "whether it serves as well as before";
  static const Checker kChecker;
};

}  // namespace lastcall::property

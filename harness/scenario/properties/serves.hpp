// serves: what a scenario can say about it. checkers/serves.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct Serves {
  static constexpr std::string_view kName = "serves";
  static constexpr std::string_view kHoldsWhen =
      "before the stop the target answers on every endpoint as its protocol says";
  static constexpr std::string_view kCannotSee =
      "an endpoint that no client had reached before the stop";
  static const Checker kChecker;
};

}  // namespace lastcall::property

// deadline: what a scenario can say about it. checkers/deadline.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct Deadline {
  static constexpr std::string_view kName = "deadline";
  static constexpr std::string_view kHoldsWhen =
      "the target is gone within the deadline after the stop signal";
  static constexpr std::string_view kCannotSee =
      "untraced, where a target hangs whose runtime does not say it";
  static const Checker kChecker;
};

}  // namespace lastcall::property

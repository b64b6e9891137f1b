// clean-exit: what a scenario can say about it. checkers/clean_exit.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct CleanExit {
  static constexpr std::string_view kName = "clean-exit";
  static constexpr std::string_view kHoldsWhen = "the exit is the one promised for the stop signal";
  static constexpr std::string_view kCannotSee =
      "whether a target that exits as promised has cleaned up";
  static const Checker kChecker;
};

}  // namespace lastcall::property

// watchdog: what a scenario can say about it. checkers/watchdog.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct Watchdog {
  static constexpr std::string_view kName = "watchdog";
  static constexpr std::string_view kHoldsWhen = "a heartbeat comes at least every WATCHDOG_USEC";
  static constexpr std::string_view kCannotSee =
      "a heartbeat that another thread sends for one that is stuck";
  static const Checker kChecker;
};

}  // namespace lastcall::property

// watchdog: what a scenario can say about it. checkers/watchdog.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct Watchdog {
  static constexpr std::string_view kName = "watchdog";
  static constexpr std::string_view kHoldsWhen =
      "heartbeats come as often as the service manager expects them";
  static const Checker kChecker;
};

}  // namespace lastcall::property

// in-flight-finished: what a scenario can say about it. checkers/in_flight_finished.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct InFlightFinished {
  static constexpr std::string_view kName = "in-flight-finished";
  static constexpr std::string_view kHoldsWhen =
      "a request that the target had read before the stop is answered, and an answer to it is "
      "finished";
  static constexpr std::string_view kCannotSee =
      "whether the program had looked at the bytes that it had read";
  static const Checker kChecker;

  std::optional<Nanoseconds> settling;  // sent this much earlier: taken on

  static auto keys() {
    return std::tuple{Setting{
        {.name = "settling",
         .kind = Kind::duration,
         .about = "Used where the kernel does not show what the target had read: a request "
                  "that was sent this long before the stop counts as taken on. Default: ten "
                  "times the median time of an answer, between 50ms and 100ms.",
         .high = kDay},
        &InFlightFinished::settling}};
  }
};

}  // namespace lastcall::property

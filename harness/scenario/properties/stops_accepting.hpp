// stops-accepting: what a scenario can say about it. checkers/stops_accepting.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct StopsAccepting {
  static constexpr std::string_view kName = "stops-accepting";
  static constexpr std::string_view kHoldsWhen = "no new work is taken on after the stop";
  static constexpr std::string_view kCannotSee = "work that was taken on and never answered";
  static const Checker kChecker;

  Nanoseconds within = std::chrono::milliseconds(100);

  static auto keys() {
    return std::tuple{
        Setting{{.name = "within",
                 .kind = Kind::duration,
                 .about = "How long after the stop signal new work may still be taken on.",
                 .fallback = R"("100ms")",
                 .high = kDay},
                &StopsAccepting::within}};
  }
};

}  // namespace lastcall::property

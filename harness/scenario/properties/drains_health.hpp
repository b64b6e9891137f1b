// drains-health: what a scenario can say about it. checkers/drains_health.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct DrainsHealth {
  static constexpr std::string_view kName = "drains-health";
  static constexpr std::string_view kHoldsWhen = "readiness goes away before the listener does";
  static constexpr std::string_view kCannotSee = "a change between two probes, which is unknown";
  static const Checker kChecker;

  std::string url;
  Nanoseconds visible = std::chrono::milliseconds(50);  // readiness is away at least so long

  static auto keys() {
    return std::tuple{
        Setting{{.name = "url",
                 .kind = Kind::url,
                 .about = "The readiness URL, which lastcall asks all the time during the stop. "
                          "Without it nothing is judged.",
                 .choices = {"http", "https"}},
                &DrainsHealth::url},
        Setting{
            {.name = "visible",
             .kind = Kind::duration,
             .about = "How long, at least, it must answer with something other than 2xx before the "
                      "listener goes.",
             .fallback = R"("50ms")",
             .low = kMillisecond,
             .high = kDay},
            &DrainsHealth::visible}};
  }
};

}  // namespace lastcall::property

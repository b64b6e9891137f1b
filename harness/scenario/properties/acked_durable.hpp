// acked-durable: what a scenario can say about it. checkers/acked_durable.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct AckedDurable {
  static constexpr std::string_view kName = "acked-durable";
  static constexpr std::string_view kHoldsWhen =
      "what was acknowledged is there after the restart, once";
  static constexpr std::string_view kCannotSee = "what a power cut would lose";
  static const Checker kChecker;

  bool after_kill = true;  // also when SIGKILL ended it

  static auto keys() {
    return std::tuple{
        Setting{{.name = "after_kill",
                 .kind = Kind::boolean,
                 .about = "Whether the promise also holds when SIGKILL ended the target.",
                 .fallback = "true"},
                &AckedDurable::after_kill}};
  }
};

}  // namespace lastcall::property

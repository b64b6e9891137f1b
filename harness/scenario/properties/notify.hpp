// notify: what a scenario can say about it. checkers/notify.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct Notify {
  static constexpr std::string_view kName = "notify";
  static constexpr std::string_view kHoldsWhen =
      "what the target tells its service manager is true, and in time";
  static constexpr std::string_view kCannotSee = "whether the text of STATUS= is true";
  static const Checker kChecker;

  bool stopping = false;  // STOPPING=1 must come

  static auto keys() {
    return std::tuple{
        Setting{{.name = "stopping",
                 .kind = Kind::boolean,
                 .about = "Whether STOPPING=1 must come. Service managers can do without it.",
                 .fallback = "false"},
                &Notify::stopping}};
  }
};

}  // namespace lastcall::property

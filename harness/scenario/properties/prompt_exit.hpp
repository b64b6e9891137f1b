// prompt-exit: what a scenario can say about it. checkers/prompt_exit.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct PromptExit {
  static constexpr std::string_view kName = "prompt-exit";
  static constexpr std::string_view kHoldsWhen =
      "over a campaign: the target leaves when it is done, and does not poll or wait first";
  static constexpr std::string_view kCannotSee =
      "work that neither clients nor processors see, such as a slow disk";
  static const Checker kChecker;

  std::optional<Nanoseconds> within;

  static auto keys() {
    return std::tuple{Setting{
        {.name = "within",
         .kind = Kind::duration,
         .about =
             "The longest time from the last thing that the stop had to wait for to the end, "
             "without time at work. A quarter of the trials may take longer. Without this key "
             "the time is only shown, and what fails is a wait for a time that holds up the end: "
             "a poll interval, a fixed sleep, a time-out.",
         .high = kDay},
        &PromptExit::within}};
  }
};

}  // namespace lastcall::property

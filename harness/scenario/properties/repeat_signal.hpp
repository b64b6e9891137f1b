// repeat-signal: what a scenario can say about it. checkers/repeat_signal.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

// What a second stop signal may do to the target.
enum class RepeatPolicy : std::uint8_t {
  ignore,  // nothing: the stop goes on as promised
  hasten,  // it is gone `within` after it, with an end that the stop promises
  force,   // it is gone `within` after it, with an end of `ends`; what it promised is off
};

struct RepeatSignal {
  static constexpr std::string_view kName = "repeat-signal";
  static constexpr std::string_view kHoldsWhen =
      "a second signal does what the scenario says (ignore, hasten, force), and never crashes the "
      "target";
  static constexpr std::string_view kCannotSee = "whether the target noticed the second signal";
  static const Checker kChecker;

  RepeatPolicy policy{};
  Nanoseconds within = std::chrono::seconds(1);
  std::vector<ExpectedEnd> ends;  // with `force`

  static auto keys() {
    return std::tuple{
        Setting{
            {.name = "policy",
             .kind = Kind::choice,
             .about =
                 "What a second stop signal does. ignore: nothing. hasten: the stop ends `within`. "
                 "force: the target ends `within`, with `exit`, whatever it had promised.",
             .fallback = R"("ignore")",
             .choices = {"ignore", "hasten", "force"}},
            &RepeatSignal::policy},
        Setting{{.name = "within",
                 .kind = Kind::duration,
                 .about = "hasten, force: the longest time from the second signal to the end.",
                 .fallback = R"("1s")",
                 .high = kDay},
                &RepeatSignal::within},
        Setting{
            {.name = "exit",
             .kind = Kind::end,
             .shape = Shape::one_or_list,
             .about = "force: the end that it leads to. Default: the end promised for the stop.",
             .low = 0,
             .high = 255},
            &RepeatSignal::ends}};
  }
};

}  // namespace lastcall::property

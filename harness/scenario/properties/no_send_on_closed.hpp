// no-send-on-closed: what a scenario can say about it. checkers/no_send_on_closed.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct NoSendOnClosed {
  static constexpr std::string_view kName = "no-send-on-closed";
  static constexpr std::string_view kHoldsWhen =
      "nothing is sent after a Close frame or close_notify; traced: nor on a closed descriptor";
  static constexpr std::string_view kCannotSee =
      "a write to another file that got the same number; io_uring";
  static const Checker kChecker;

  std::vector<Allowance> allow;  // regular expressions
  bool own_answers = false;      // no client gets what another one sent

  static auto keys() {
    return std::tuple{
        Setting{
            {.name = "allow",
             .kind = Kind::pattern,
             .shape = Shape::list,
             .about =
                 "Regular expressions. A send is excused if one of them matches what it was sent "
                 "on, a function of the sender's stack, or \"25 bytes after the Close frame\".",
             .fallback = "[]"},
            &NoSendOnClosed::allow},
        Setting{
            {.name = "own_answers",
             .kind = Kind::boolean,
             .about = "Whether a client may receive only answers to its own messages. The {id} of "
                      "another client's message is a violation then.",
             .fallback = "false"},
            &NoSendOnClosed::own_answers}};
  }
};

}  // namespace lastcall::property

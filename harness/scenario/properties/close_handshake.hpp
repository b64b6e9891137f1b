// close-handshake: what a scenario can say about it. checkers/close_handshake.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct CloseHandshake {
  static constexpr std::string_view kName = "close-handshake";
  static constexpr std::string_view kHoldsWhen =
      "each WebSocket client gets a Close frame with an agreed code, each TLS client close_notify, "
      "and none of them a reset";
  static constexpr std::string_view kCannotSee = "what the server sent and the network lost";
  static const Checker kChecker;

  std::vector<int> codes;  // those agreed on; empty: not given
  bool strict = false;     // any reset

  static auto keys() {
    return std::tuple{
        Setting{
            {.name = "codes",
             .kind = Kind::integer,
             .shape = Shape::list,
             .about = "The WebSocket close codes that the target may use (RFC 6455, section 7.4); "
                      "1005 stands for a Close frame without a code. Codes from 4000 on belong to "
                      "the application: they are counted, and fail only if this list is given.",
             .fallback = "[1000, 1001, 1005, 1012]",
             .low = 1000,
             .high = 4999},
            &CloseHandshake::codes},
        Setting{
            {.name = "strict",
             .kind = Kind::boolean,
             .about = "Whether a reset after the Close frame (over TLS, after close_notify) is a "
                      "failure. Otherwise it is only counted and said.",
             .fallback = "false"},
            &CloseHandshake::strict}};
  }
};

}  // namespace lastcall::property

// How clients behave: the behaviours, what `lastcall list behaviours` says of each, and which of
// them are the habits of a crowd (plan/crowd.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/names.hpp"

namespace lastcall {

// Those from `silent` to `garbage` go wrong at their moment, `misbehaves` after the handshake
// (abort_handshake and garbage: instead of it).
BOOST_DEFINE_FIXED_ENUM_CLASS(Behaviour, std::uint8_t, steady, silent, never_closes, slow_reader,
                              half_open, abort_handshake, abort_message, reset, garbage, idle,
                              quiet, late, leaves)
template <>
inline constexpr bool kHasDashes<Behaviour> = true;
inline constexpr auto kBehaviours = values<Behaviour>();

constexpr std::string_view about(Behaviour behaviour) {
  using enum Behaviour;
  switch (behaviour) {
    case steady:
      return "does what its protocol says";
    case silent:
      return "connects (over TLS: finishes the handshake) and never says anything";
    case never_closes:
      return "steady, but keeps its side open after the server's FIN until the trial's end";
    case slow_reader:
      return "reads read_rate bytes a second through a small receive buffer";
    case half_open:
      return "is gone without FIN or RST, as after a power cut";
    case abort_handshake:
      return "goes away in the middle of the TLS handshake or the HTTP upgrade";
    case abort_message:
      return "goes away in the middle of a message";
    case reset:
      return "ends its connection with RST (SO_LINGER 0)";
    case garbage:
      return "sends random bytes instead of its protocol";
    case idle:
      return "steady, but says nothing more once the stop has begun, and stays connected";
    case quiet:
      return "not http: connects, upgrades, says its opening, and never sends a message";
    case late:
      return "steady, but comes only once the stop has begun, again and again until the target's "
             "end";
    case leaves:
      return "steady for one to three answers, then ends its connection in order (ws, wss: Close "
             "1000; others: close_notify over TLS, FIN), before the stop, and does not come again";
  }
  return {};
}

// Which habits the clients of a group have that says nothing about them. `none`: as `mix` says.
BOOST_DEFINE_FIXED_ENUM_CLASS(Crowd, std::uint8_t, usual, harsh, none)

// `quiet` over WebSocket only.
inline constexpr std::array kUsualHabits{Behaviour::idle, Behaviour::quiet, Behaviour::late,
                                         Behaviour::leaves};
// A harsh crowd has them, too. Good servers may wait for all but the last.
inline constexpr std::array kHarshHabits{Behaviour::silent, Behaviour::slow_reader,
                                         Behaviour::never_closes, Behaviour::reset};

constexpr std::string_view about(Crowd crowd) {
  switch (crowd) {
    case Crowd::usual:
      return "the habits of a group that does not say how its clients behave: most are steady; of "
             "each ten one is idle, one late, one leaves and, over WebSocket, one is quiet";
    case Crowd::harsh:
      return "the same, and of each ten one is silent, one a slow-reader, one never-closes and one "
             "does a reset";
    case Crowd::none:
      break;
  }
  return {};
}

// The same for the key `crowd`.
inline constexpr std::string_view kAboutCrowds =
    "Which habits the clients of a group have if it does not say. usual: most go on asking; of "
    "each "
    "ten clients one says nothing more once the stop has begun (idle), one comes during the drain "
    "(late), one ends its connection in order before the stop (leaves), and over WebSocket one "
    "never sends a message (quiet). harsh: also reset, silent, slow-reader and never-closes; good "
    "servers may wait for the last three. none: all go on asking.";

}  // namespace lastcall

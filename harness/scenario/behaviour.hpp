// How clients behave: what everybody has to know of each behaviour, and which of them are the
// habits of a crowd (plan/crowd.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/names.hpp"

namespace lastcall {

// What each does, and when it says so (Misbehaved, always before the act). "Its moment" is
// `misbehaves` after the handshake.
// - steady: nothing of this.
// - silent: says nothing from the connect (TLS: the TLS handshake) on; reads, and closes when the
//   server does.
// - never-closes: as the server has said its last (Close frame, which is answered; close_notify;
//   FIN) it does not close, until the target is gone. What the server left unanswered is recorded
//   as such first.
// - slow-reader: has a small receive buffer from the start; at its moment it begins to read at
//   `read_rate`, TLS and frames included, until the target is gone.
// - half-open: at its moment the socket is closed without a FIN or RST (TCP_REPAIR, which needs
//   CAP_NET_ADMIN): what the server sends later is answered with RST, as by a machine that was
//   started again. Without the capability it says "half-open (mute)": it reads and writes nothing
//   any more, until the target is gone.
// - abort-handshake: says the first half of what opens the connection (TLS: its ClientHello, ws:
//   half of the upgrade, http: half of a request, tcp: half of the opening's first message) and
//   goes away after `misbehaves`.
// - abort-message: at its moment it sends half of a message and goes away; if it is just writing
//   one, that is cut where it is.
// - reset: at its moment, RST.
// - garbage: up to 4 KiB of random bytes instead of its protocol (TLS: instead of the TLS handshake
//   or after it); then it is silent.
// - idle: asks until the stop begins and it was answered, and then says nothing more; closes when
//   the server does. quiet: comes up, pings if its group does, and never sends a message. late:
//   steady, when the stop has begun. leaves: after `leaves_after` answers it ends the connection in
//   order, unless the stop has begun. None of these goes wrong, so none says so.
// To go away is a FIN (without close_notify; it still reads, so that unread bytes make no RST of
// it, until the server closes or two seconds pass) or a RST. Kinds, sizes and bytes are drawn from
// the client's pace seed and the attempt.
BOOST_DEFINE_FIXED_ENUM_CLASS(Behaviour, std::uint8_t, steady, silent, never_closes, slow_reader,
                              half_open, abort_handshake, abort_message, reset, garbage, idle,
                              quiet, late, leaves)
template <>
inline constexpr bool kHasDashes<Behaviour> = true;

// How long a client asks before the stop, if the target answers.
enum class Asking : std::uint8_t { never, for_a_while, until_the_stop };

// What it does against its protocol. `gentle`: the target still owes it an answer and a goodbye.
// `harsh`: it has only itself to blame for what the target does from then on.
enum class Misdeed : std::uint8_t { none, gentle, harsh };

struct BehaviourTraits {
  std::string_view about;  // `lastcall list behaviours`
  Asking asks = Asking::until_the_stop;
  Misdeed misdeed = Misdeed::none;
  // What reasons say after "connection" of one on which it has gone wrong; empty: what it was doing
  // there, as of any other.
  std::string_view connection = {};
};

constexpr BehaviourTraits traits(Behaviour behaviour) {
  switch (behaviour) {
    case Behaviour::steady:
      return {.about = "does what its protocol says"};
    case Behaviour::silent:
      return {.about = "connects (over TLS: finishes the handshake) and never says anything",
              .asks = Asking::never,
              .misdeed = Misdeed::gentle};
    case Behaviour::never_closes:
      return {
          .about = "steady, but keeps its side open after the server's FIN until the trial's end",
          .misdeed = Misdeed::gentle,
          .connection = "that only the target has closed"};
    case Behaviour::slow_reader:
      return {.about = "reads read_rate bytes a second through a small receive buffer",
              .misdeed = Misdeed::gentle,
              .connection = "with a slow reader"};
    case Behaviour::half_open:
      return {.about = "is gone without FIN or RST, as after a power cut",
              .asks = Asking::for_a_while,
              .misdeed = Misdeed::harsh,
              .connection = "whose client is gone without a word"};
    case Behaviour::abort_handshake:
      return {.about = "goes away in the middle of the TLS handshake or the HTTP upgrade",
              .asks = Asking::never,
              .misdeed = Misdeed::harsh};
    case Behaviour::abort_message:
      return {.about = "goes away in the middle of a message",
              .asks = Asking::for_a_while,
              .misdeed = Misdeed::harsh};
    case Behaviour::reset:
      return {.about = "ends its connection with RST (SO_LINGER 0)",
              .asks = Asking::for_a_while,
              .misdeed = Misdeed::harsh};
    case Behaviour::garbage:
      return {.about = "sends random bytes instead of its protocol",
              .asks = Asking::never,
              .misdeed = Misdeed::harsh,
              .connection = "with garbage instead of its protocol"};
    case Behaviour::idle:
      return {.about =
                  "steady, but says nothing more once the stop has begun, and stays connected"};
    case Behaviour::quiet:
      return {.about = "not http: connects, upgrades, says its opening, and never sends a message",
              .asks = Asking::never};
    case Behaviour::late:
      return {.about =
                  "steady, but comes only once the stop has begun, again and again until the "
                  "target's end",
              .asks = Asking::never};
    case Behaviour::leaves:
      return {.about =
                  "steady for one to three answers, then ends its connection in order (ws, "
                  "wss: Close 1000; others: close_notify over TLS, FIN), before the stop, and "
                  "does not come again",
              .asks = Asking::for_a_while};
  }
  return {};
}

// Which habits the clients of a group have that says nothing about them. `none`: as `mix` says.
BOOST_DEFINE_FIXED_ENUM_CLASS(Crowd, std::uint8_t, usual, harsh, none)

// The habits of a harsh crowd; `quiet` over WebSocket only. Good servers may wait for all but the
// last of those that a usual crowd has not. Plans are drawn over them in this order.
inline constexpr std::array kHabits{
    Behaviour::idle,   Behaviour::late,        Behaviour::leaves,       Behaviour::quiet,
    Behaviour::silent, Behaviour::slow_reader, Behaviour::never_closes, Behaviour::reset};
inline constexpr auto kUsualHabits = std::span<const Behaviour>(kHabits).first(4);

// What the schema and `lastcall list behaviours` say of crowds.
inline constexpr std::string_view kAboutCrowds =
    "Which habits the clients of a group have if it does not say. usual: most go on asking; of "
    "each ten clients one says nothing more once the stop has begun (idle), one comes during the "
    "drain (late), one ends its connection in order before the stop (leaves), and over WebSocket "
    "one never sends a message (quiet). harsh: also reset, silent, slow-reader and never-closes; "
    "good servers may wait for the last three. none: all go on asking.";

}  // namespace lastcall

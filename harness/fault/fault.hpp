// What can be done to a target, and when: descriptions only. The planner draws them, the trial executes them.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"

namespace lastcall {

// The phases of a trial, in order. `start`: spawned, not yet ready. `load`: ready, clients at work. `drain`: from
// the first stop signal to the end of the target. `after`: the target is gone.
enum class Phase : std::uint8_t { start, load, drain, after };

// What a client can be seen to do, for triggers of the form "the Nth …".
enum class ClientEvent : std::uint8_t { connected, handshake, sent, acknowledged };

struct PhaseMoment {
  Phase phase{};
  Nanoseconds after{};  // since the phase began
  friend bool operator==(const PhaseMoment&, const PhaseMoment&) = default;
};

// Fires where the event is seen: the client worker that counts the Nth sends the signal itself.
struct NthEvent {
  ClientEvent event{};
  std::uint64_t nth = 1;  // over all clients, from 1
  friend bool operator==(const NthEvent&, const NthEvent&) = default;
};

using Trigger = std::variant<PhaseMoment, NthEvent>;

// A fault as drawn: one signal, or two with a gap.
struct Fault {
  Trigger when;
  std::vector<int> signals;  // one or two
  Nanoseconds gap{};         // between the first and the second
  friend bool operator==(const Fault&, const Fault&) = default;
};

constexpr std::string_view name(Phase phase) {
  constexpr std::string_view kNames[] = {"start", "load", "drain", "after"};
  return kNames[static_cast<std::size_t>(phase)];
}
constexpr std::string_view name(ClientEvent event) {
  constexpr std::string_view kNames[] = {"connected", "handshake", "sent", "acknowledged"};
  return kNames[static_cast<std::size_t>(event)];
}

}  // namespace lastcall

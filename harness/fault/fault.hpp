// What can be done to a target, its clients and the network between them, and when: descriptions
// only. The planner draws them, the trial executes them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/names.hpp"

namespace lastcall {

// The phases of a trial, in order. `start`: spawned, not yet ready. `load`: ready, clients at work.
// `drain`: from the first stop signal to the end of the target. `after`: the target is gone.
BOOST_DEFINE_FIXED_ENUM_CLASS(Phase, std::uint8_t, start, load, drain, after)
// Those in which a fault can strike.
inline constexpr std::array kPhasesOfFaults{Phase::start, Phase::load, Phase::drain};

// What a client can be seen to do, for triggers of the form "the Nth …".
BOOST_DEFINE_FIXED_ENUM_CLASS(ClientEvent, std::uint8_t, connected, handshake, sent, acknowledged)

struct PhaseMoment {
  Phase phase{};
  Nanoseconds after{};  // since the phase began
  friend bool operator==(const PhaseMoment&, const PhaseMoment&) = default;
};

// A moment of the load phase that is known only while it runs: this share of load_window().
struct ShareOfLoad {
  std::uint32_t millionths = 0;  // below 1,000,000
  friend bool operator==(const ShareOfLoad&, const ShareOfLoad&) = default;
};

// The part of the load phase that such a moment is drawn over: four response times, so that slow
// endpoints are stopped in every state, and at least a second. Never longer than the load phase
// itself, or the moment would not come.
constexpr Nanoseconds load_window(Nanoseconds response, Nanoseconds longest_load) {
  constexpr int kResponses = 4;
  constexpr Nanoseconds kShortest = std::chrono::seconds(1);
  if (response > longest_load / kResponses) return longest_load;
  return std::min(std::max(kResponses * response, kShortest), longest_load);
}

// Fires where the event is seen: the client worker that counts the Nth acts itself.
struct NthEvent {
  ClientEvent event{};
  std::uint64_t nth = 1;  // over all clients, from 1
  friend bool operator==(const NthEvent&, const NthEvent&) = default;
};

// The Nth line of the target's output that the pattern (base/pattern.hpp) matches.
struct NthLine {
  std::string pattern;
  std::uint64_t nth = 1;
  friend bool operator==(const NthLine&, const NthLine&) = default;
};

// The Nth notification (sd_notify(3)) that holds this assignment: "STOPPING=1".
struct NthNotification {
  std::string assignment;
  std::uint64_t nth = 1;
  friend bool operator==(const NthNotification&, const NthNotification&) = default;
};

// What a descriptor is to the target. `listener`: a socket that listens. `connection`: one that was
// accepted. `state`: a file or folder in the state folder; a path there, too. `log`: its standard
// output or error, or a file elsewhere that it only appends to.
BOOST_DEFINE_FIXED_ENUM_CLASS(DescriptorRole, std::uint8_t, listener, connection, state, log)
// `entry`: before the kernel makes it. `exit`: it has been made and is about to return.
BOOST_DEFINE_FIXED_ENUM_CLASS(CallSide, std::uint8_t, entry, exit)

// The Nth call of a system call by the target's processes, of those that match (ptrace(2)). Fires
// while the thread stands there.
struct NthSyscall {
  std::string syscall;                   // a word that syscalls_of() knows: "rename"
  std::string path{};                    // glob of a file it names, as fnmatch(3) without flags
  std::optional<DescriptorRole> role{};  // of a descriptor it is given
  std::optional<Phase> phase{};          // counted from there on; else from the start
  std::uint64_t nth = 1;
  CallSide at = CallSide::entry;
  friend bool operator==(const NthSyscall&, const NthSyscall&) = default;
};

// The Nth time that a thread of the target comes to a place of its code (ptrace(2)). Fires while
// the thread stands there, before the instruction; when the fault is done, it stands for `hold`
// longer.
struct NthVisit {
  // As in the source, with or without parameters and outer scopes: "SendQueue::push" is every
  // function of that name. "SendQueue::push+0x1f": 31 bytes behind its beginning.
  std::string function;
  std::string thread{};          // glob of the thread's name, as fnmatch(3) without flags
  std::optional<Phase> phase{};  // counted from there on; else from the start
  std::uint64_t nth = 1;
  Nanoseconds hold{};
  bool follows = false;  // counted from when a thread stands at the visit of the fault before it
  friend bool operator==(const NthVisit&, const NthVisit&) = default;
};

using Trigger = std::variant<PhaseMoment, NthEvent, NthLine, NthNotification, NthSyscall,
                             ShareOfLoad, NthVisit>;

// Who gets a signal. `group`: the process group of the target's first process. `child`: the first
// live child of that process, as /proc lists them. `tree`: every live process of the target, as a
// service manager's KillMode=control-group does (systemd.kill(5)).
BOOST_DEFINE_FIXED_ENUM_CLASS(Recipient, std::uint8_t, process, group, child, tree)

struct SignalStep {
  int signal = 0;
  Nanoseconds after{};  // since the step before; since the trigger for the first
  friend bool operator==(const SignalStep&, const SignalStep&) = default;
};
// One signal, two with a gap, a storm, SIGSTOP and SIGCONT, or SIGKILL.
struct SendSignals {
  std::vector<SignalStep> steps;  // at least one
  Recipient to = Recipient::process;
  friend bool operator==(const SendSignals&, const SendSignals&) = default;
};

// Events call every other act as its text_of() says: "limit memory".

// So many of the connected clients go away at once, with a reset.
struct AbortClients {
  std::uint32_t percent = 100;
  friend bool operator==(const AbortClients&, const AbortClients&) = default;
};
inline std::string text_of(const AbortClients&) { return "abort-clients"; }

// What the proxy between clients and target does. `delay`: passes every byte on this much later.
// `stall`: passes nothing on for so long. `cut`: drops the connection without a word to either
// side, as a firewall does. `half_close`: sends FIN one way, passes the other way on. `reset`: RST
// to both sides. `truncate`: ends the connection in order after `at_byte` bytes.
BOOST_DEFINE_FIXED_ENUM_CLASS(NetworkAction, std::uint8_t, delay, stall, cut, half_close, reset,
                              truncate)
template <>
inline constexpr bool kHasDashes<NetworkAction> = true;
BOOST_DEFINE_FIXED_ENUM_CLASS(Toward, std::uint8_t, target, clients, both)

struct DisturbNetwork {
  NetworkAction action{};
  Toward toward = Toward::both;
  Nanoseconds duration{};       // delay, stall
  std::uint64_t at_byte = 0;    // truncate: of the connection, counted one way
  std::uint32_t percent = 100;  // of the connections through the proxy
  friend bool operator==(const DisturbNetwork&, const DisturbNetwork&) = default;
};
inline std::string text_of(const DisturbNetwork& network) {
  return "network " + std::string(name(network.action));
}

// `descriptors`: how many a process of the target may have open. `memory`: bytes. `disk`: bytes, of
// {dir}. `cpu`: percent of one processor.
BOOST_DEFINE_FIXED_ENUM_CLASS(Resource, std::uint8_t, descriptors, memory, disk, cpu)
struct SetLimit {
  Resource resource{};
  std::uint64_t value = 0;
  friend bool operator==(const SetLimit&, const SetLimit&) = default;
};
inline std::string text_of(const SetLimit& limit) {
  return "limit " + std::string(name(limit.resource));
}

// What becomes of the system call that an NthSyscall at its entry names, and of the next that
// match. `error`: it is not made and fails. `short_write`: half of what was to be written is; a
// call that writes less than two bytes does not match. `delay`: it is made later.
BOOST_DEFINE_FIXED_ENUM_CLASS(CallAction, std::uint8_t, error, short_write, delay)
template <>
inline constexpr bool kHasDashes<CallAction> = true;
struct DisturbSyscall {
  CallAction action{};
  int error = 0;            // errno
  Nanoseconds duration{};   // delay
  std::uint64_t count = 1;  // of calls in a row
  friend bool operator==(const DisturbSyscall&, const DisturbSyscall&) = default;
};
inline std::string text_of(const DisturbSyscall& disturb) {
  return "syscall " + std::string(name(disturb.action));
}

// Nothing but that the thread of an NthVisit stands there.
struct HoldThread {
  friend bool operator==(const HoldThread&, const HoldThread&) = default;
};
inline std::string text_of(const HoldThread&) { return "hold"; }

using Act =
    std::variant<SendSignals, AbortClients, DisturbNetwork, SetLimit, DisturbSyscall, HoldThread>;

// A fault as drawn.
struct Fault {
  Trigger when;
  Act act;
  friend bool operator==(const Fault&, const Fault&) = default;
};

}  // namespace lastcall

#include <array>
#include <csignal>

#include "fault/syscalls.hpp"
#include "scenario/build.hpp"

namespace lastcall {
namespace {

using Words = std::vector<std::string_view>;

// Which keys a fault takes beside `what` and `when`.
struct FaultKeys {
  std::string_view what;
  Words needed;
  Words allowed;
};
const std::array<FaultKeys, 10>& fault_keys() {
  static const std::array<FaultKeys, 10> keys{{
      {"stop", {}, {"to"}},
      {"signal", {"signal"}, {"to"}},
      {"double-signal", {"signal", "second"}, {"gap", "to"}},
      {"storm", {"signal"}, {"gap", "count", "to"}},
      {"pause", {"for"}, {"to"}},
      {"kill", {}, {"to"}},
      {"abort-clients", {}, {"percent"}},
      {"network", {"action"}, {"toward", "for", "at_byte", "percent"}},
      {"syscall", {}, {"error", "short_write", "delay", "count"}},
      {"limit", {}, {"descriptors", "memory", "disk", "cpu"}},
  }};
  return keys;
}

bool contains(const Words& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

void check_limit(const Section& section, Errors& errors) {
  unsigned given = 0;
  for (const auto key : fault_keys().back().allowed) given += section.has(key) ? 1U : 0U;
  if (given != 1) {
    errors.add(section.place(),
               "a fault 'limit' needs exactly one of 'descriptors', 'memory', 'disk', 'cpu'");
  }
}

void check_syscall(const Section& section, Errors& errors) {
  unsigned given = 0;
  for (const auto* key : {"error", "short_write", "delay"}) given += section.has(key) ? 1U : 0U;
  if (given != 1) {
    errors.add(section.place(),
               "a fault 'syscall' needs exactly one of 'error', 'short_write', 'delay'");
  }
  const auto when = section.sub("when");
  if (section.has("when") && !when.has("syscall"))
    errors.add(when.place(), "a fault 'syscall' needs a 'when' with 'syscall'");
}

void check_network(const Section& section, Errors& errors) {
  const auto action = section["action"].text;
  const auto only_with = [&](std::string_view key, const Words& actions) {
    const bool wanted = contains(actions, action);
    if (wanted && !section.has(key)) {
      errors.add(section.place(), "the action '" + action + "' needs " + in_single_quotes(key));
    } else if (!wanted && section.has(key)) {
      errors.add(section.place(key),
                 in_single_quotes(key) + " does not go with the action '" + action + "'");
    }
  };
  only_with("for", {"delay", "stall"});
  only_with("at_byte", {"truncate"});
}

void check_fault(const Section& section, std::string_view what, Errors& errors) {
  const auto keys = std::ranges::find(fault_keys(), what, &FaultKeys::what);
  for (const auto key : keys->needed) {
    if (section.has(key)) continue;
    errors.add(section.place(),
               "a fault '" + std::string(what) + "' needs '" + std::string(key) + "'");
  }
  for (const auto& other : fault_keys()) {
    for (const auto* list : {&other.needed, &other.allowed}) {
      for (const auto key : *list) {
        if (!section.has(key) || contains(keys->needed, key) || contains(keys->allowed, key))
          continue;
        errors.add_once(
            section.place(key),
            "'" + std::string(key) + "' does not go with a fault '" + std::string(what) + "'");
      }
    }
  }
  if (what == "limit") check_limit(section, errors);
  if (what == "syscall") check_syscall(section, errors);
  if (what == "network" && section.has("action") && section.sound("action"))
    check_network(section, errors);
}

SignalChoice build_signals(const Section& section, std::string_view what, const Stop& stop) {
  SignalChoice signals;
  signals.to = what == "stop" ? stop.to : Recipient::process;
  if (section.has("to")) {
    signals.to = choice_of<Recipient>(section["to"]);
  }
  signals.first = what == "stop"    ? stop.signals
                  : what == "kill"  ? std::vector{SIGKILL}
                  : what == "pause" ? std::vector{SIGSTOP}
                                    : signals_of(section["signal"]);
  if (what == "double-signal" || what == "storm") {
    const bool storm = what == "storm";
    signals.next = storm ? signals.first : signals_of(section["second"]);
    signals.gap = duration_range_of(section["gap"]);
    signals.count = {1, 1};
    if (storm) {
      const auto count = count_range_of(section["count"]);
      signals.count = {count.low - 1, count.high - 1};
    }
  } else if (what == "pause") {
    signals.next = {SIGCONT};
    signals.gap = duration_range_of(section["for"]);
    signals.count = {1, 1};
  }
  return signals;
}

NetworkChoice build_network(const Section& section) {
  NetworkChoice network;
  network.action = choice_of<NetworkAction>(section["action"]);
  network.toward = choice_of<Toward>(section["toward"]);
  if (section.has("for")) network.duration = duration_range_of(section["for"]);
  if (section.has("at_byte")) network.at_byte = count_range_of(section["at_byte"]);
  network.percent = static_cast<std::uint32_t>(section["percent"].integer);
  return network;
}

SetLimit build_limit(const Section& section) {
  for (const auto resource : values<Resource>()) {
    if (section.has(name(resource))) return {resource, size_of(section[name(resource)])};
  }
  return {};
}

SyscallChoice build_disturbance(const Section& section) {
  SyscallChoice choice;
  if (section.has("error")) {
    choice.disturb = {.action = CallAction::error,
                      .error = error_number(section["error"].text).value_or(0)};
  } else if (section.has("short_write")) {
    choice.disturb.action = CallAction::short_write;
  } else {
    choice.disturb.action = CallAction::delay;
    choice.duration = duration_range_of(section["delay"]);
  }
  if (section.has("count")) choice.count = count_range_of(section["count"]);
  return choice;
}

WhenSyscall build_syscall(const Section& when, Range<std::uint64_t> nth) {
  WhenSyscall built{.call = {.syscall = when["syscall"].text, .path = when["path"].text},
                    .nth = nth};
  if (when.has("role")) built.call.role = choice_of<DescriptorRole>(when["role"]);
  if (when.has("phase")) built.call.phase = choice_of<Phase>(when["phase"]);
  if (when.has("at")) built.call.at = choice_of<CallSide>(when["at"]);
  return built;
}

// What the keys of a moment say together.
void check_when(const Section& when, Errors& errors) {
  if (when.has("phase") && when.has("nth") && !when.has("syscall")) {
    errors.add(when.place("nth"),
               "'nth' goes with 'event', 'log', 'notification' or 'syscall' only");
  }
  if (!when.has("at") || !when.sound("at")) return;
  const auto at = when["at"].text;
  if (at == kMeasured) {
    const bool is_of_load = when.has("phase") && when["phase"].text == name(Phase::load);
    if (!is_of_load || when.has("syscall"))
      errors.add(when.place("at"), "at = \"measured\" goes with phase = \"load\" only");
    return;
  }
  const bool is_side = from_name<CallSide>(at).has_value();
  if (!when.has("phase") && !when.has("syscall")) {
    errors.add(when.place("at"), "'at' goes with 'phase' or 'syscall' only");
  } else if (is_side != when.has("syscall")) {
    errors.add(when.place("at"), is_side ? "beside 'phase' alone, 'at' is a duration"
                                         : "beside 'syscall', 'at' is \"entry\" or \"exit\"");
  }
}

// What the call is, the fault that is done at it, and the target's settings say together.
void check_call(const Section& section, const FaultChoice& fault, Errors& errors) {
  const auto* when = std::get_if<WhenSyscall>(&fault.when);
  const auto place = section.sub("when");
  if (when == nullptr || !place.sound("syscall")) return;
  const auto* choice = std::get_if<SyscallChoice>(&fault.act);
  const auto problem = syscall_problem(when->call, choice == nullptr ? nullptr : &choice->disturb);
  if (!problem.empty()) errors.add(place.place("syscall"), problem);
}

FaultChoice build_fault(const Section& section, const Stop& stop, Errors& errors) {
  const std::string what = section["what"].text;
  if (section.has("what") && section.sound("what")) check_fault(section, what, errors);
  FaultChoice fault;
  if (what == "abort-clients") {
    fault.act = AbortClients{static_cast<std::uint32_t>(section["percent"].integer)};
  } else if (what == "network") {
    fault.act = build_network(section);
  } else if (what == "limit") {
    fault.act = build_limit(section);
  } else if (what == "syscall") {
    fault.act = build_disturbance(section);
  } else {
    fault.act = build_signals(section, what, stop);
  }
  const auto when = section.sub("when");
  const auto nth = count_range_of(when["nth"]);
  check_when(when, errors);
  if (when.has("syscall")) {
    fault.when = build_syscall(when, nth);
    check_call(section, fault, errors);
  } else if (when.has("event")) {
    fault.when = WhenEvent{choice_of<ClientEvent>(when["event"]), nth};
  } else if (when.has("log")) {
    fault.when = WhenLine{when["log"].text, nth};
  } else if (when.has("notification")) {
    fault.when = WhenNotification{when["notification"].text, nth};
  } else if (when["at"].text == kMeasured) {
    fault.when = WhenMeasured{};
  } else {
    fault.when = WhenPhase{choice_of<Phase>(when["phase"]), duration_range_of(when["at"])};
  }
  return fault;
}

bool in_drain(const FaultChoice& fault) {
  if (const auto* call = std::get_if<WhenSyscall>(&fault.when))
    return call->call.phase == Phase::drain;
  const auto* when = std::get_if<WhenPhase>(&fault.when);
  return when != nullptr && when->phase == Phase::drain;
}

// Whatever is drawn from it, its first signal is one of the target's stop signals, or SIGKILL,
// which ends the target without a stop.
bool ends_the_trial(const FaultChoice& fault, const Stop& stop) {
  const auto* signals = std::get_if<SignalChoice>(&fault.act);
  return signals != nullptr && std::ranges::all_of(signals->first, [&](int signal) {
           return signal == SIGKILL ||
                  std::ranges::find(stop.signals, signal) != stop.signals.end();
         });
}

}  // namespace

std::vector<FaultChoice> build_faults(const Section& file, const Stop& stop, Errors& errors) {
  if (!file.has("faults")) {
    return {{.act = SignalChoice{.first = stop.signals, .next = {}, .to = stop.to},
             .when = WhenMeasured{}}};
  }
  std::vector<FaultChoice> faults;
  const auto sections = file.each("faults");
  for (const auto& section : sections) faults.push_back(build_fault(section, stop, errors));
  if (!file.sound("faults") || !file.sub("target").sub("stop").sound("signal")) return faults;
  const auto stops = [&](const FaultChoice& fault) { return ends_the_trial(fault, stop); };
  const auto late = std::ranges::find_if(faults, stops);
  if (late == faults.end()) {
    errors.add(
        sections.front().place(),
        "no fault begins the stop: one must be 'stop' or 'kill', or have only the target's stop "
        "signals as 'signal'");
  } else if (std::ranges::all_of(
                 faults, [&](const auto& fault) { return !stops(fault) || in_drain(fault); })) {
    const auto& section = sections[static_cast<std::size_t>(late - faults.begin())];
    errors.add(
        section.sub("when").place("phase"),
        "no fault begins the stop: the drain phase comes after it, so another fault must begin it");
  }
  return faults;
}

}  // namespace lastcall

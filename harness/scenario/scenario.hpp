// What the user wrote: target, clients, faults, properties, budget. Immutable after parsing; every random choice
// is still a range or a list here, the planner draws from it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "fault/fault.hpp"

namespace lastcall {

// Both ends included.
template <class T>
struct Range {
  T low{};
  T high{};
  friend bool operator==(const Range&, const Range&) = default;
};

struct ReadyUrl {
  std::string url;  // answered with a 2xx status
};
struct ReadyPort {
  std::string port;  // text with placeholders: accepts a TCP connection
};
struct ReadyLog {
  std::string pattern;  // ECMAScript regular expression that a line of output matches
};
struct ReadyNotify {};  // READY=1 on NOTIFY_SOCKET, sd_notify(3)

struct Readiness {
  std::variant<ReadyNotify, ReadyUrl, ReadyPort, ReadyLog> by;
  Nanoseconds timeout{};
};

// A promised end: an exit code or a signal that ends the target.
struct ExpectedEnd {
  bool by_signal = false;
  int value = 0;
  friend bool operator==(const ExpectedEnd&, const ExpectedEnd&) = default;
};

struct Stop {
  std::vector<int> signals;  // one is drawn
  Nanoseconds deadline{};    // from the signal to the end of the target
  std::vector<ExpectedEnd> expected;
};

struct LayoutFile {
  std::string path;     // relative to {dir}
  std::string content;  // text with placeholders
};

struct Target {
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;  // added to a small fixed environment
  std::string directory;                           // working directory, "{dir}" unless stated
  std::vector<LayoutFile> files;
  Readiness ready;
  Stop stop;
};

enum class Protocol : std::uint8_t { ws, wss, http, https };
constexpr bool is_websocket(Protocol p) { return p == Protocol::ws || p == Protocol::wss; }
constexpr bool is_tls(Protocol p) { return p == Protocol::wss || p == Protocol::https; }

struct ClientGroup {
  std::string name;
  Protocol protocol{};  // from the URL's scheme
  std::string url;      // text with placeholders, {id} among them for HTTP
  std::uint32_t count = 1;
  Nanoseconds ramp{};            // the clients' starts are spread over this
  Range<Nanoseconds> pace{};     // pause between an answer and the next message
  std::uint32_t messages = 0;    // a client stops sending after so many; 0: no limit
  std::string message;           // body or WebSocket text, with {id}; empty for GET
  std::string method;            // HTTP only
  std::vector<int> status;       // HTTP answers that count as an acknowledgement
  std::string acknowledgement;   // WebSocket: an answer that contains this text, with {id}
};

// A fault before drawing.
struct WhenPhase {
  Phase phase{};
  Range<Nanoseconds> at{};
};
struct WhenEvent {
  ClientEvent event{};
  Range<std::uint64_t> nth{1, 1};
};
struct FaultChoice {
  enum class Kind : std::uint8_t { stop, signal, double_signal };
  Kind kind{};
  std::vector<int> first;      // one is drawn; for `stop` the target's stop signals
  std::vector<int> second;     // double_signal only
  Range<Nanoseconds> gap{};    // double_signal only
  std::variant<WhenPhase, WhenEvent> when;
};

// Names and defaults of the properties that can be judged live in scenario/property_names.hpp, so that an
// unknown one is an error with its place.
struct PropertySettings {
  bool judged = true;
  std::string why;                      // why it is switched off; never empty then
  std::vector<std::string> allow;       // no-panic: regular expressions; released: glob patterns of files
  std::vector<int> codes;               // close-handshake: agreed WebSocket close codes
  std::optional<Nanoseconds> settling;  // in-flight-finished: sent this much earlier counts as taken on
};

struct Budget {
  std::uint32_t trials = 20;
  Nanoseconds load{};  // the longest load phase; a trigger not reached by then is reported as such
};

struct Scenario {
  std::string about;  // why it exists
  Target target;
  std::vector<ClientGroup> clients;
  std::vector<FaultChoice> faults;
  std::map<std::string, PropertySettings> properties;  // every known property has an entry
  std::vector<std::string> required;  // properties that must have been judged in the campaign
  Budget budget;
};

}  // namespace lastcall

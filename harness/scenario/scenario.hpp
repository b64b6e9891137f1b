// What the user wrote: target, clients, faults, properties, budget. Immutable after parsing; every
// random choice is still a range or a list here, the planner draws from it.
#pragma once

#include <any>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "fault/fault.hpp"
#include "scenario/behaviour.hpp"

namespace lastcall {

// Both ends included.
template <class T>
struct Range {
  T low{};
  T high{};
  friend bool operator==(const Range&, const Range&) = default;
};

// Conditions, at least one. A process is ready once each of them has been seen to hold.
struct Readiness {
  bool notify = false;             // READY=1 on NOTIFY_SOCKET, sd_notify(3)
  std::vector<std::string> urls;   // each was answered with a 2xx status
  std::vector<std::string> ports;  // text with placeholders: each accepted a TCP connection
  std::vector<std::string> logs;   // patterns: a line of output matched each of them
  Nanoseconds timeout{};
};

// A promised end: an exit code or a signal that ends the target.
struct ExpectedEnd {
  bool by_signal = false;
  int value = 0;
  friend bool operator==(const ExpectedEnd&, const ExpectedEnd&) = default;
};

struct Stop {
  std::vector<int> signals;           // one is drawn
  Recipient to = Recipient::process;  // who gets it
  Nanoseconds deadline{};             // from the signal to the end of the target
  std::vector<ExpectedEnd> expected;
  bool end_is_stated = true;  // else a signal that it handled may show in its end, too
};

struct LayoutFile {
  std::string path;     // relative to {dir}
  std::string content;  // text with placeholders
};

// What the target may use from its start on, as SetLimit says it; a fault may change it later.
using Limits = std::map<Resource, std::uint64_t>;

// What lastcall does as the target's service manager, beyond listening on NOTIFY_SOCKET.
struct Service {
  std::optional<Nanoseconds> watchdog;   // WATCHDOG_USEC
  bool watchdog_while_stopping = false;  // systemd stops it then, other supervisors do not
  bool access_all = false;  // NotifyAccess=all: not the main process only, systemd.service(5)
  // What EXTEND_TIMEOUT_USEC can make of a time-out at most, as a multiple of it.
  std::uint32_t max_extension = 10;
};

// A question to the restarted target: by URL or by a command, one for each acknowledged request if
// it holds {id}, else a listing of them all. Before the stop it is tried with a few requests.
struct Ask {
  std::string url;                   // empty: by command
  std::vector<std::string> command;  // text with placeholders
  std::string expect;  // must stand in the answer, once; empty: a 2xx status or exit 0 will do
};

// The target is started again in the same directory after its end.
struct Recovery {
  std::vector<std::string> command;  // as the target's unless stated
  std::optional<Ask> ask;
};

// A setting of the target that the scenario varies: {vary.NAME} is one of the values, drawn.
struct Vary {
  std::string name;
  std::vector<std::string> values;
};

struct Target {
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;  // added to a small fixed environment
  bool inherits_environment = false;               // instead of that one, lastcall's own
  std::string directory;  // working directory, "{dir}" unless stated; may be relative to {dir}
  std::string user;       // empty: whoever runs lastcall
  bool pid1 = false;      // in a PID namespace of its own, as its init (pid_namespaces(7))
  bool trace = true;      // watched by the tracer (ptrace(2))
  std::uint32_t untraced_every = 0;  // 4: the 4th trial, the 8th and so on run untraced; 0: none
  std::string state;                 // folder below {dir} of what it must not lose; empty: not told
  bool shell = false;                // below a shell that waits for it and passes no signal on
  std::vector<LayoutFile> files;
  Readiness ready;
  Stop stop;
  Limits limits;
  Service service;
  std::optional<Recovery> recovery;
  std::vector<Vary> vary;
};

// With all extensions that the target may ask for: how long its start and its stop can take. Only
// one that says READY=1 can extend its start.
inline Nanoseconds longest_start(const Target& target) {
  return target.ready.timeout * (target.ready.notify ? target.service.max_extension : 1);
}
inline Nanoseconds longest_stop(const Target& target) {
  return target.stop.deadline * target.service.max_extension;
}

// As the schemes of URLs.
BOOST_DEFINE_FIXED_ENUM_CLASS(Protocol, std::uint8_t, ws, wss, http, https, tcp, tls)
constexpr bool is_websocket(Protocol p) { return p == Protocol::ws || p == Protocol::wss; }
constexpr bool is_http(Protocol p) { return p == Protocol::http || p == Protocol::https; }
constexpr bool is_raw(Protocol p) { return p == Protocol::tcp || p == Protocol::tls; }
constexpr bool is_tls(Protocol p) {
  return p == Protocol::wss || p == Protocol::https || p == Protocol::tls;
}

// One step of an exchange: exactly one of the two is not empty. Bytes, with placeholders.
struct Step {
  std::string send;
  std::string expect;  // must arrive before the next step
};

// A process next to the target: started before it, ended after it, never judged. Of `process` the
// command, environment, directory, user and readiness are used, and how it is stopped.
struct Sidecar {
  std::string name;  // {sidecar.NAME} is its own folder
  Target process;
};

// Where an answer holds the id that the server chose for the request.
struct IdSource {
  bool is_pattern = false;  // else a JSON pointer (RFC 6901) into the answer
  std::string text;         // a pattern has one group
};

// 127.a.b.c/bits; each client is bound to an address drawn from it.
struct SourceNetwork {
  std::uint32_t address = 0x7F000001;  // host byte order
  unsigned bits = 32;
};

struct ClientGroup {
  std::string name;
  Protocol protocol{};  // from the URL's scheme
  std::string url;      // text with placeholders, {id} among them for HTTP
  std::uint32_t count = 1;
  Crowd crowd = Crowd::none;   // else `mix` is all steady, and the plan says who is not
  bool during_drain = false;   // starts when the stop begins, not when the load does
  Nanoseconds ramp{};          // the clients' starts are spread over this
  Range<Nanoseconds> pace{};   // pause between an answer and the next message
  std::uint32_t messages = 0;  // a client stops sending after this many; 0: no limit
  std::vector<Step> opening;   // WebSocket, tcp, tls: once a connection
  // What is sent, one drawn for each request: HTTP body, WebSocket message, bytes. With {id}.
  std::vector<std::string> message;
  std::string closing;                     // tcp, tls: sent by a client that has done its messages
  std::string method;                      // HTTP only
  std::vector<int> status;                 // HTTP answers that count as an acknowledgement
  std::string acknowledgement;             // not HTTP: an answer that contains this, with {id}
  std::string subprotocol;                 // WebSocket: Sec-WebSocket-Protocol
  bool binary = false;                     // WebSocket: binary messages
  std::uint32_t fragments = 1;             // a message is sent in this many frames or segments
  std::optional<Nanoseconds> ping;         // WebSocket: a Ping frame so often
  std::map<Behaviour, std::uint32_t> mix;  // weights; not empty
  Range<Nanoseconds> misbehaves{};         // when, after the handshake
  std::uint64_t read_rate = 1024;          // of slow readers: bytes a second
  std::optional<Range<Nanoseconds>> reconnect;  // back-off, doubled from low to high
  bool reconnect_after_stop = false;            // until the target's end, not only until the stop
  std::optional<SourceNetwork> source;
  bool proxy = false;       // connects through lastcall's TCP proxy
  bool verify = true;       // TLS: the server's certificate is checked against `authority`
  std::string authority;    // PEM file; empty: the campaign's own certificate, {tls.cert}
  std::string certificate;  // TLS: the client's own, PEM file; empty: none
  std::string key;
  // HTTP: of each request, with {id}; WebSocket: of the upgrade. Text with placeholders by name.
  std::map<std::string, std::string> headers;
  std::optional<IdSource> id_from;  // {id} of a question is what the answer says
};

// A fault before drawing.
struct WhenPhase {
  Phase phase{};
  Range<Nanoseconds> at{};
};
struct WhenMeasured {};  // somewhere in load_window()
struct WhenEvent {
  ClientEvent event{};
  Range<std::uint64_t> nth{1, 1};
};
struct WhenLine {
  std::string pattern;
  Range<std::uint64_t> nth{1, 1};
};
struct WhenNotification {
  std::string assignment;
  Range<std::uint64_t> nth{1, 1};
};
struct WhenSyscall {
  NthSyscall call;  // but for its nth
  Range<std::uint64_t> nth{1, 1};
};
struct WhenVisit {
  NthVisit visit;  // but for its nth and hold
  Range<std::uint64_t> nth{1, 1};
  Range<Nanoseconds> hold{};
};
// Signals before drawing: `first`, then `count` times one of `next` after a gap.
struct SignalChoice {
  std::vector<int> first;  // one is drawn
  std::vector<int> next;   // one is drawn each time
  Range<std::uint64_t> count{0, 0};
  Range<Nanoseconds> gap{};
  Recipient to = Recipient::process;
};
// Any other act; those of its fields that have these names are drawn.
struct ActChoice {
  Act act;
  Range<Nanoseconds> duration{};
  Range<std::uint64_t> at_byte{};
  Range<std::uint64_t> count{1, 1};
};
struct FaultChoice {
  std::variant<SignalChoice, ActChoice> act;
  std::variant<WhenPhase, WhenEvent, WhenLine, WhenNotification, WhenSyscall, WhenVisit,
               WhenMeasured>
      when;
};

// What is no violation, one entry of `allow`: `"*.pid"` or `{ file = "*.pid", why = "…" }`.
struct Allowance {
  std::string pattern;
  std::string of = {};   // the key that it stands under, which says what it is compared with
  std::string why = {};  // in the user's words; may be empty
  friend bool operator==(const Allowance&, const Allowance&) = default;
};

// What a scenario says about one property. scenario/properties/ has a file for each, with the
// struct of what it alone can be told.
struct PropertySettings {
  bool judged = true;
  std::string why;          // why it is switched off; never empty then
  bool configured = false;  // the scenario has a table of it
  std::any own;             // that struct, for settings(); empty: its defaults
};

// A checker of the user's own: the history as JSON lines on its standard input, a verdict as JSON
// on its standard output.
struct CustomChecker {
  std::vector<std::string> command;  // text with placeholders
  Nanoseconds timeout{};
};

struct Budget {
  std::uint32_t trials = 20;
  Nanoseconds load{};  // the longest load phase; a trigger not reached by then is reported as such
  // The longest trial: one that takes longer is killed. Nothing: by its plan
  // (trial/longest_trial.hpp).
  std::optional<Nanoseconds> trial_timeout = std::nullopt;
};

struct Scenario {
  std::string about;  // why it exists
  Target target;
  std::vector<Sidecar> sidecars;     // in the order in which they start
  std::vector<ClientGroup> clients;  // none: nobody asks the target for anything
  std::vector<FaultChoice> faults;
  // By name. A parsed scenario has an entry for every known property.
  std::map<std::string, PropertySettings, std::less<>> properties;
  std::map<std::string, CustomChecker> custom;
  std::vector<std::string> required;  // properties that must have been judged in the campaign
  Budget budget;
};

// What it says about the property of this name; the defaults if it says nothing.
inline const PropertySettings& settings(const Scenario& scenario, std::string_view property) {
  static const PropertySettings kDefaults{};
  const auto found = scenario.properties.find(property);
  return found == scenario.properties.end() ? kDefaults : found->second;
}
template <class Property>
bool is_judged(const Scenario& scenario) {
  return settings(scenario, Property::kName).judged;
}
// What it tells that property alone: settings<property::Released>(scenario).strict.
template <class Property>
const Property& settings(const Scenario& scenario) {
  static const Property kDefaults{};
  const auto* own = std::any_cast<Property>(&settings(scenario, Property::kName).own);
  return own == nullptr ? kDefaults : *own;
}
template <class Property>
Property& settings(Scenario& scenario) {
  auto& own = scenario.properties[std::string(Property::kName)].own;
  return own.has_value() ? std::any_cast<Property&>(own) : own.emplace<Property>();
}

}  // namespace lastcall

#include "discover/discover.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <set>

#include "base/durations.hpp"
#include "base/signal_names.hpp"
#include "base/text.hpp"
#include "discover/instance.hpp"
#include "discover/scenario_text.hpp"
#include "target/port_lease.hpp"

namespace lastcall {
namespace {

constexpr std::size_t kMostPorts = 8;

struct Leases {
  std::vector<PortLease> held;
  Placeholders values;

  static Result<Leases> of(const Command& command) {
    Leases leases;
    for (const auto& name : ports_in(command)) {
      auto lease = PortLease::acquire();
      if (!lease) return lease.error();
      leases.values[name] = std::to_string(lease->port());
      leases.held.push_back(std::move(*lease));
    }
    return leases;
  }
};

std::string last_line_of(const std::string& output) {
  const auto end = output.find_last_not_of(" \r\n\t");
  if (end == std::string::npos) return {};
  const auto begin = output.rfind('\n', end);
  return output.substr(begin == std::string::npos ? 0 : begin + 1,
                       end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

std::string said(const Instance& instance) {
  const auto line = last_line_of(instance.output());
  return line.empty() ? ", without a word" : "; its last line: " + line;
}

Error not_come_up(const Instance& instance, const ComeUp& seen, const std::string& program) {
  if (seen.was_interrupted) return {"look at", program, EINTR, ""};
  if (seen.in_background)
    return {"try", program, 0,
            "its first process has ended and others go on: give it the option that keeps it in "
            "the foreground"};
  return {"try", program, 0, "it ended by itself: " + seen.ended->text() + said(instance)};
}

std::string preferred(const std::vector<Listener>& listeners, std::uint16_t port) {
  for (const auto& one : listeners) {
    if (one.port == port && one.address.starts_with("127.")) return one.address;
  }
  return {};
}

std::set<std::uint16_t> numbers(const std::vector<Listener>& listeners) {
  std::set<std::uint16_t> ports;
  for (const auto& one : listeners) ports.insert(one.port);
  return ports;
}

// With PORT in its environment as {port}, if that is the port on which it listens.
std::optional<Command> with_own_port(const Command& command, const std::set<std::uint16_t>& ports) {
  const auto stated = command.environment.find("PORT");
  const char* inherited = std::getenv("PORT");
  const std::string value = stated != command.environment.end() ? stated->second
                            : inherited == nullptr              ? ""
                                                                : inherited;
  const auto number = parse_number<std::uint16_t>(value);
  const auto named = ports_in(command);
  if (!number || !ports.contains(*number) || std::ranges::count(named, "port") > 0)
    return std::nullopt;
  auto changed = command;
  changed.environment["PORT"] = "{port}";
  return changed;
}

class Discoverer {
 public:
  explicit Discoverer(const DiscoverOptions& options) : options_(options) {
    found_.command = options.command;
    found_.directory = options.directory;
  }

  Result<Discovered> run() {
    if (auto looked = look(); !looked) return looked.error();
    if (const auto own = with_own_port(found_.command, ports_); own && comes_up_with(*own)) {
      note("PORT stands in its environment: each trial has a port of its own");
      return finished();
    }
    if (auto again = starts_again(); !again) return again.error();
    return finished();
  }

 private:
  Result<Instance> start(const Command& command, const Leases& leases) {
    return Instance::start({.command = command,
                            .directory = options_.directory,
                            .ports = leases.values,
                            .tools = options_.tools});
  }

  Result<void> look() {
    auto leases = Leases::of(found_.command);
    if (!leases) return leases.error();
    auto instance = start(found_.command, *leases);
    if (!instance) return instance.error();
    const auto seen = instance->come_up(options_.start_limit, options_.interrupted);
    if (seen.ended || seen.was_interrupted)
      return not_come_up(*instance, seen, found_.command.words.front());
    found_.program = instance->program();
    found_.ready_after = seen.first_listener;
    found_.first_line = first_line(instance->output());
    for (const auto& [name, number] : leases->values) {
      if (const auto port = parse_number<std::uint16_t>(number))
        found_.symbolic[*port] = "{" + name + "}";
    }
    ports_ = numbers(seen.listeners);
    for (const auto port : ports_) {
      if (found_.ports.size() == kMostPorts) break;
      auto one = probe(port, preferred(seen.listeners, port));
      if (!one.address.empty()) found_.ports.push_back(std::move(one));
    }
    if (ports_.empty() && found_.first_line.empty())
      return Error{"try", found_.command.words.front(), 0,
                   "it listens at no port and prints nothing, so nobody can see when it is ready: "
                   "write a scenario (lastcall init shows one) with ready = { notify = true }"};
    const auto signal = signal_number(stop_signal(found_, Hints{})).value_or(SIGTERM);
    stopped_ = instance->stop(signal, options_.stop_limit).has_value();
    return {};
  }

  // Whether it listens where this command says; then it is the one that trials run.
  bool comes_up_with(const Command& command) {
    auto leases = Leases::of(command);
    if (!leases) return false;
    auto instance = start(command, *leases);
    if (!instance) return false;
    const auto seen = instance->come_up(options_.start_limit, options_.interrupted);
    const auto port = parse_number<std::uint16_t>(leases->values["port"]).value_or(0);
    if (seen.ended || !numbers(seen.listeners).contains(port)) return false;
    const auto before = parse_number<std::uint16_t>(found_.command.environment.contains("PORT")
                                                        ? found_.command.environment.at("PORT")
                                                        : std::getenv("PORT"))
                            .value_or(0);
    found_.symbolic[before] = "{port}";
    found_.command = command;
    return true;
  }

  Result<void> starts_again() {
    auto leases = Leases::of(found_.command);
    if (!leases) return leases.error();
    auto instance = start(found_.command, *leases);
    if (!instance) return instance.error();
    const auto seen = instance->come_up(options_.start_limit, options_.interrupted);
    const bool all = numbers(seen.listeners).size() >= ports_.size();
    if (seen.was_interrupted) return not_come_up(*instance, seen, "it");
    if (!seen.ended && all) return {};
    const bool is_fixed = found_.symbolic.size() < ports_.size();
    return Error{"start", found_.command.words.front() + " a second time", 0,
                 (seen.ended ? "it ended with " + seen.ended->text() + said(*instance)
                             : "it does not listen where it did before" + said(*instance)) +
                     (is_fixed ? "; a port without SO_REUSEADDR stays taken for a minute after a "
                                 "stop (TIME_WAIT): say {port} where the command has the number"
                               : "")};
  }

  // What clients do not do at a port.
  void note_http2() {
    for (const auto& port : found_.ports) {
      const auto where = "port " + std::to_string(port.port) + ": ";
      if (port.speech == Speech::http && port.http2) {
        note(where + "clients speak HTTP/1.1; its HTTP/2 is not tried");
      } else if (is_http2_only(port)) {
        note(where +
             (port.opening.empty() ? "clients only connect, because lastcall does not offer h2 in "
                                     "the TLS handshake"
                                   : "clients ask once over HTTP/2 and stay connected") +
             "; whether requests under way are finished is not judged");
      }
    }
  }

  Discovered finished() {
    note_http2();
    if (!stopped_) {
      note("it did not end within " + human_duration(options_.stop_limit) + " of the first " +
           stop_signal(found_, Hints{}));
    }
    return {std::move(found_), std::move(notes_)};
  }
  void note(std::string text) { notes_.push_back(std::move(text)); }

  const DiscoverOptions& options_;
  Discovery found_;
  std::set<std::uint16_t> ports_;
  std::vector<std::string> notes_;
  bool stopped_ = true;
};

}  // namespace

std::string port_sentence(const FoundPort& port) {
  const bool is_v6 = port.address.find(':') != std::string::npos;
  auto text = (is_v6 ? "[" + port.address + "]" : port.address) + ":" + std::to_string(port.port) +
              " speaks ";
  if (port.wants_certificate)
    return text + "TLS, and refuses a client without a certificate: write a scenario with cert";
  if (port.tls) {
    const std::string_view with = !port.http2           ? "TLS: "
                                  : is_http2_only(port) ? "TLS (h2): "
                                                        : "TLS (h2 and http/1.1): ";
    text += with;
  }
  text += spoken_name(port.speech);
  if (!port.grpc_health.empty()) text += ", its health service answers status " + port.grpc_health;
  if (!port.server.empty()) text += " (" + port.server + ")";
  const auto* best = port.best();
  for (const auto& answer : port.answers) {
    const bool is_said = answer.status / 100 == 2 || &answer == best;
    if (is_said) text += ", " + answer.path + " answers " + std::to_string(answer.status);
    if (&answer == best) text += " in " + human_duration(answer.took);
  }
  if (!port.websocket.empty()) text += ", WebSocket at " + port.websocket;
  return text;
}

Result<Discovered> discover(const DiscoverOptions& options) { return Discoverer(options).run(); }

}  // namespace lastcall

#include "discover/scenario_text.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "base/durations.hpp"
#include "base/text.hpp"
#include "discover/known_servers.hpp"
#include "scenario/value_syntax.hpp"

namespace lastcall {
namespace {

constexpr std::size_t kMostTalks = 4;

std::string in_url(const FoundPort& found, const Discovery& discovery) {
  const auto symbol = discovery.symbolic.find(found.port);
  const auto port =
      symbol == discovery.symbolic.end() ? std::to_string(found.port) : symbol->second;
  // A server may have certificates by name (SNI), and none for an address; the probe named it, too.
  const bool is_named = found.tls && found.address == "127.0.0.1";
  const bool is_v6 = found.address.find(':') != std::string::npos;
  return (is_named ? "localhost" : is_v6 ? "[" + found.address + "]" : found.address) + ":" + port;
}

// A literal string of TOML, in which a backslash is itself, as escapes for bytes need it.
std::string literal(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string headers_line(const Hints& hints) {
  std::string text;
  for (const auto& [name, value] : hints.headers)
    text += (text.empty() ? "" : ", ") + toml_text(name) + " = " + toml_text(value);
  return text.empty() ? "" : "headers = { " + text + " }\n";
}

std::string body_line(const Hints& hints) {
  return hints.body ? "message = " + toml_text(*hints.body) + "\n" : "";
}

Talk http_talk(const FoundPort& found, const PathAnswer& answer, const Discovery& discovery,
               const Hints& hints) {
  Talk talk{.kind = TalkKind::http,
            .name = found.tls ? "https" : "http",
            .url = (found.tls ? "https://" : "http://") + in_url(found, discovery) + answer.path,
            .lines = found.tls ? "verify = false\n" : "",
            .asks = true};
  talk.lines += headers_line(hints) + body_line(hints);
  // Any 2xx or 3xx acknowledges; what it answers now is its answer otherwise.
  if (answer.status >= 400 && !hints.body)
    talk.lines += "status = " + std::to_string(answer.status) + "\n";
  return talk;
}

Talk websocket_talk(const FoundPort& found, const Discovery& discovery, const Hints& hints) {
  return {.kind = TalkKind::websocket,
          .name = "websocket",
          .url = (found.tls ? "wss://" : "ws://") + in_url(found, discovery) + found.websocket,
          .lines = (found.tls ? "verify = false\n" : "") + headers_line(hints)};
}

Talk raw_talk(const FoundPort& found, const Discovery& discovery) {
  Talk talk{.kind = TalkKind::raw,
            .name = found.speech == Speech::unknown ? "peer" : std::string(name(found.speech)),
            .url = (found.tls ? "tls://" : "tcp://") + in_url(found, discovery),
            .lines = found.tls ? "verify = false\n" : ""};
  if (is_http2_only(found)) {
    talk.opens = !found.opening.empty();
    talk.lines += found.opening;
    // Those that offer no h2 in the handshake are turned away: they only connect.
    if (!talk.opens && found.tls) {
      talk.url = "tcp://" + in_url(found, discovery);
      talk.lines.clear();
    }
    return talk;
  }
  const auto words = small_talk(found.speech);
  if (!words.opening.empty()) talk.lines += "opening = [" + std::string(words.opening) + "]\n";
  if (words.message.empty()) return talk;
  talk.asks = true;
  talk.lines += "message = " + literal(words.message) + "\nack = " + literal(words.ack) + "\n";
  return talk;
}

// The URL with {port} for a port of lastcall's choice. A path alone is of the first HTTP port.
Result<std::string> hinted_url(const std::string& hint, const Discovery& found) {
  if (hint.starts_with('/')) {
    const auto http = std::ranges::find(found.ports, Speech::http, &FoundPort::speech);
    if (http == found.ports.end())
      return Error{"use", "--url " + hint, 0, "nothing speaks HTTP: say the whole URL"};
    return (http->tls ? "https://" : "http://") + in_url(*http, found) + hint;
  }
  const auto parts = url_parts(hint);
  if (!parts.port) return hint;
  const auto port = parse_number<std::uint16_t>(*parts.port);
  const auto symbol = port ? found.symbolic.find(*port) : found.symbolic.end();
  if (symbol == found.symbolic.end()) return hint;
  return std::string(parts.scheme) + "://" + std::string(parts.host) + ":" + symbol->second +
         std::string(parts.target);
}

Result<Talk> hinted_talk(const std::string& hint, const Discovery& found, const Hints& hints) {
  const auto url = hinted_url(hint, found);
  if (!url) return url.error();
  const auto scheme = std::string(url_parts(*url).scheme);
  Talk talk{.url = *url};
  if (scheme == "https" || scheme == "wss" || scheme == "tls") talk.lines = "verify = false\n";
  if (scheme == "http" || scheme == "https") {
    talk.kind = TalkKind::http;
    talk.asks = true;
  } else if (scheme == "ws" || scheme == "wss") {
    talk.kind = TalkKind::websocket;
    talk.asks = hints.body.has_value();
  } else if (scheme == "tcp" || scheme == "tls") {
    talk.kind = TalkKind::raw;
    talk.asks = hints.body.has_value();
  } else {
    return Error{"use", "--url " + hint, 0,
                 "a URL begins with http, https, ws, wss, tcp or tls, a path with /"};
  }
  talk.name = scheme;
  if (talk.kind != TalkKind::raw) talk.lines += headers_line(hints);
  talk.lines += body_line(hints);
  if (talk.kind != TalkKind::http && talk.asks && hints.body->find("{id}") == std::string::npos)
    return Error{"use", "--body with " + *url, 0,
                 "a message needs {id}, which the answer repeats; else write a scenario with ack "
                 "(lastcall init)"};
  return talk;
}

// A second "http" is "http 2".
void name_apart(std::vector<Talk>& talks) {
  std::map<std::string, int> seen;
  for (auto& talk : talks) {
    if (const int nth = ++seen[talk.name]; nth > 1) talk.name += " " + std::to_string(nth);
  }
}

std::string ready_text(const Discovery& found, const std::vector<Talk>& talks) {
  if (found.notifies) return "notify = true";
  for (const auto& talk : talks) {
    const auto port = std::ranges::find_if(found.ports, [&](const FoundPort& one) {
      return talk.kind == TalkKind::http && one.best() != nullptr &&
             one.best()->status / 100 == 2 &&
             talk.url.ends_with(in_url(one, found) + one.best()->path);
    });
    if (port != found.ports.end()) return "url = " + toml_text(talk.url);
  }
  std::string ports;
  for (const auto& one : found.ports) {
    if (one.address != "127.0.0.1") continue;
    const auto symbol = found.symbolic.find(one.port);
    ports += (ports.empty() ? "" : ", ") +
             toml_text(symbol == found.symbolic.end() ? std::to_string(one.port) : symbol->second);
  }
  if (!ports.empty()) return "port = [" + ports + "]";
  // A worker without ports: its first words.
  return R"(log = ".")";
}

std::string quoted_words(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + toml_text(word);
  return text;
}

}  // namespace

std::string toml_text(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    char escape[8];
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      std::snprintf(escape, sizeof escape, "\\u%04X", byte);
      quoted += escape;
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

Result<std::vector<Talk>> talks_of(const Discovery& found, const Hints& hints) {
  std::vector<Talk> talks;
  if (hints.body) {
    if (auto problem = bytes_problem(*hints.body); !problem.empty())
      return Error{"use", "--body", 0, std::move(problem)};
  }
  for (const auto& hint : hints.urls) {
    auto talk = hinted_talk(hint, found, hints);
    if (!talk) return talk.error();
    talks.push_back(std::move(*talk));
  }
  if (hints.urls.empty()) {
    for (const auto& port : found.ports) {
      if (port.wants_certificate) continue;
      const auto* best = port.speech == Speech::http ? port.best() : nullptr;
      if (best != nullptr) talks.push_back(http_talk(port, *best, found, hints));
      if (!port.websocket.empty()) talks.push_back(websocket_talk(port, found, hints));
      if (port.speech != Speech::http) talks.push_back(raw_talk(port, found));
    }
  }
  if (talks.size() > kMostTalks) talks.resize(kMostTalks);
  name_apart(talks);
  return talks;
}

std::string stop_signal(const Discovery& found, const Hints& hints) {
  if (!hints.signal.empty()) return hints.signal;
  const auto* known = known_server(found.program);
  return known == nullptr || known->signal.empty() ? "SIGTERM" : std::string(known->signal);
}

std::string target_text(const Discovery& found, const std::vector<Talk>& talks) {
  std::string text = "[target]\ncommand = [" + quoted_words(found.command.words) + "]\n";
  text += found.cwd.empty() ? "directory = " + toml_text(found.directory) + "\n"
                            : "cwd = " + toml_text(found.cwd) + "    # from this file\n";
  text += "inherit_environment = true\n";
  std::string variables;
  for (const auto& [name, value] : found.command.environment)
    variables += (variables.empty() ? "" : ", ") + name + " = " + toml_text(value);
  if (!variables.empty()) text += "environment = { " + variables + " }\n";
  text += "ready = { " + ready_text(found, talks) + ", timeout = \"20s\" }\n";
  return text;
}

Discovery seen_from(Discovery found, const std::string& folder) {
  found.cwd = std::filesystem::path(found.directory).lexically_relative(folder).string();
  auto& program = found.command.words.front();
  if (program.starts_with(found.directory + "/"))
    program = "." + program.substr(found.directory.size());
  return found;
}

std::string promises_of(const std::vector<Talk>& talks, const Discovery& found) {
  const bool is_raw =
      std::ranges::all_of(talks, [](const Talk& talk) { return talk.kind == TalkKind::raw; });
  const auto off = [](const std::string& property, const std::string& why) {
    return property + " = { judge = false, why = \"" + why + "\" }\n";
  };
  const auto* known = known_server(found.program);
  std::string text;
  if (is_raw) {
    const bool is_http2 = std::ranges::any_of(found.ports, is_http2_only);
    const std::string why = is_http2
                                ? "lastcall has no client for the requests of HTTP/2"
                                : "lastcall does not know what this protocol promises at a stop";
    text += off("in-flight-finished", why) + off("close-handshake", why);
    text += off("stops-accepting", why);
  } else if (known != nullptr && known->answers_on) {
    text += off("stops-accepting", "its manual says that open connections are still served");
  } else {
    text += "stops-accepting = { within = \"1s\" }\n";
  }
  return text;
}

std::string commented_scenario(const Discovery& found, const Hints& hints,
                               const std::vector<Talk>& talks) {
  const auto signal = stop_signal(found, hints);
  const auto* known = known_server(found.program);
  std::string text = "# Written by `lastcall init`. Run it: lastcall run THIS-FILE --trials 20\n";
  text += "# Every key: scenarios/reference.md, or `lastcall explain KEY`.\n";
  const auto program = found.program.empty() ? found.command.words.front() : found.program;
  text += "about = " + toml_text(program + " stops in order on " + signal) + "\n\n";
  text += target_text(found, talks);
  if (known != nullptr && hints.signal.empty() && !known->why.empty())
    text += "# " + std::string(known->why) + "\n";
  text += "stop = { signal = " + toml_text(signal) +
          ", deadline = " + toml_text(format_duration(hints.deadline));
  if (known != nullptr && !known->exit.empty()) text += ", exit = " + std::string(known->exit);
  text += " }    # exit = 0 promises that code\n";
  if (found.symbolic.empty() && !found.ports.empty())
    text += "# The port is fixed. With {port} in its place, trials can run at once (--jobs 2).\n";
  for (const auto& talk : talks) {
    text += "\n[[clients]]\nname = " + toml_text(talk.name) + "\nurl = " + toml_text(talk.url) +
            "\n" + talk.lines;
    if (talk.asks) {
      text += "count = 10    # of each ten one is idle, one late, one leaves before the stop\n";
    } else if (talk.opens) {
      text += "behaviour = \"quiet\"    # asks once, in its opening, and is idle then\n";
    } else if (talk.kind == TalkKind::websocket) {
      text += "behaviour = \"quiet\"    # or message = \"…\" and ack = \"…\", if it answers\n";
    } else {
      text += "behaviour = \"silent\"    # say a message, and the ack that answers it\n";
    }
  }
  text += "\n[[faults]]\nwhat = \"stop\"\nwhen = { phase = \"load\", at = ";
  text += talks.empty() ? "\"100ms..1s\"" : "\"measured\"";
  text += " }\n\n[properties]\n";
  text += "# require = [\"in-flight-finished\"]    exit code 3 if it was never judged\n";
  text += promises_of(talks, found);
  text += "\n[budget]\ntrials = 20\n";
  return text;
}

}  // namespace lastcall

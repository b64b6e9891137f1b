// The only file that sees toml++, whose header takes seconds to compile.
#include "reference_server/configuration.hpp"

#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <variant>

#include "reference_server/nearest_name.hpp"

extern char** environ;

namespace reference_server {
namespace {

using Milliseconds = Configuration::Milliseconds;
using Member = std::variant<bool Configuration::*, std::int64_t Configuration::*,
                            std::string Configuration::*, Milliseconds Configuration::*>;

enum class Takes { live, at_restart };

struct Setting {
  std::string table;
  std::string key;
  Member member;
  Takes takes;
  std::string about;
  std::int64_t low = 0;
  std::int64_t high = 0;             // of a number
  std::vector<std::string> choices;  // of a text; empty: any

  [[nodiscard]] std::string name() const { return table + "." + key; }
};

constexpr std::int64_t kDay = 86'400'000;  // in milliseconds

// A table, one setting a line.
// clang-format off
// NOLINTNEXTLINE(readability-function-size): a table
std::vector<Setting> make_settings() {
  using C = Configuration;
  constexpr auto live = Takes::live;
  constexpr auto restart = Takes::at_restart;
  return {
      {"server", "address", &C::address, restart, "the IPv4 address to listen on", 0, 0, {}},
      {"server", "port", &C::port, restart, "WebSocket and HTTP, plain; 0: any free one", 0, 65535, {}},
      {"server", "state", &C::state, restart, "the folder for what must survive", 0, 0, {}},
      {"server", "max_connections", &C::max_connections, live, "more wait to be accepted", 1, 1'000'000, {}},
      {"server", "max_message_bytes", &C::max_message_bytes, live, "of a message or a body", 64, 64 << 20, {}},
      {"server", "idle_timeout_ms", &C::idle_timeout, live, "HTTP: silence that ends a connection", 1, kDay, {}},
      {"server", "ping_interval_ms", &C::ping_interval, live, "WebSocket: two without an answer end it", 1, kDay, {}},
      {"server", "close_timeout_ms", &C::close_timeout, live, "how long a stop waits for one peer", 1, kDay, {}},
      {"server", "work_ms", &C::work, live, "simulated work before each WebSocket message", 0, 60'000, {}},
      {"server", "test_throw_on", &C::test_throw_on, restart, "tests only: a message that makes its handler throw", 0, 0, {}},
      {"tls", "enabled", &C::tls_enabled, restart, "with a certificate; TLS_MODE=disabled also turns it off", 0, 0, {}},
      {"tls", "port", &C::tls_port, restart, "WebSocket and HTTP over TLS; 0: any free one", 0, 65535, {}},
      {"tls", "certificate", &C::certificate, restart, "certificate chain, a PEM file", 0, 0, {}},
      {"tls", "key", &C::key, restart, "private key, a PEM file", 0, 0, {}},
      {"log", "level", &C::log_level, live, "how much is logged", 0, 0, {"trace", "debug", "info", "warning", "error"}},
      {"log", "async", &C::log_async, restart, "lines are written by a thread of their own", 0, 0, {}},
      {"log", "queue", &C::log_queue, restart, "lines that wait for that thread at most", 1, 1 << 20, {}},
      {"log", "overrun", &C::log_overrun, restart, "a full queue: wait, or drop the oldest and count it", 0, 0, {"block", "drop-oldest"}},
      {"log", "file", &C::log_file, restart, "appended to; empty: standard output", 0, 0, {}},
      {"event_channels", "capacity", &C::capacity, restart, "of every queue; a full one holds back who fills it", 1, 1 << 20, {}},
      {"event_channels", "batch", &C::batch, restart, "events of one transaction at most", 1, 1 << 20, {}},
      {"shutdown", "timeout_secs", &C::timeout_secs, restart, "the total: past it the process is ended", 1, 86'400, {}},
      {"shutdown", "prepare_ms", &C::prepare, restart, "each step of Preparing; 0: default", 0, kDay, {}},
      {"shutdown", "drain_ms", &C::drain, restart, "the connections; 0: default, 30 s", 0, kDay, {}},
      {"shutdown", "statistics_ms", &C::statistics, restart, "the last events and batches; 0: default, 10 s", 0, kDay, {}},
      {"shutdown", "cleanup_ms", &C::cleanup, restart, "each resource; 0: default, 10 s", 0, kDay, {}},
      {"shutdown", "persist_ms", &C::persist, restart, "the checkpoint; 0: default, 8 s", 0, kDay, {}},
      {"shutdown", "force_delay_ms", &C::force_delay, restart, "what was forced has this to go; 0: default, 3 s", 0, kDay, {}},
      {"shutdown", "lame_duck_ms", &C::lame_duck, restart, "/health says 503 for so long before the listener goes", 0, 60'000, {}},
      {"shutdown", "repeat", &C::repeat, restart, "a second signal during the stop", 0, 0, {"ignore", "hasten", "force"}},
      {"shutdown", "test_hang_resource", &C::test_hang_resource, restart, "tests only: a clean-up that never ends", 0, 0, {}},
      {"shutdown.watchdog", "enabled", &C::watchdog_enabled, restart, "heartbeats, if the service manager wants them", 0, 0, {}},
      {"shutdown.watchdog", "interval_ms", &C::watchdog_interval, restart, "under half its time-out; 0: a third", 0, kDay, {}},
      {"shutdown.watchdog", "while_draining", &C::watchdog_while_draining, restart, "heartbeats during the stop too", 0, 0, {}},
      {"checkpoint", "file", &C::checkpoint_file, restart, "in the state folder", 0, 0, {}},
      {"checkpoint", "interval_ms", &C::checkpoint_interval, restart, "0: only at the stop", 0, kDay, {}},
  };
}

// clang-format on

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = make_settings();
  return all;
}

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string upper(std::string_view text) {
  std::string result;
  for (const char c : text) {
    result += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return result;
}

std::string variable(const Setting& setting) {
  return "APP_" + upper(setting.table) + "_" + upper(setting.key);
}

// Each of these returns what is wrong, or nothing.
std::string assign(Configuration& configuration, const Setting& setting, bool value) {
  const auto* member = std::get_if<bool Configuration::*>(&setting.member);
  if (member == nullptr) return quoted(setting.name()) + " is no truth value";
  configuration.** member = value;
  return "";
}

std::string assign(Configuration& configuration, const Setting& setting, std::int64_t value) {
  const auto* number = std::get_if<std::int64_t Configuration::*>(&setting.member);
  const auto* time = std::get_if<Milliseconds Configuration::*>(&setting.member);
  if (number == nullptr && time == nullptr) return quoted(setting.name()) + " is no number";
  if (value < setting.low || value > setting.high) {
    return quoted(setting.name()) + " is " + std::to_string(value) + ", allowed are " +
           std::to_string(setting.low) + " to " + std::to_string(setting.high);
  }
  if (number != nullptr) configuration.** number = value;
  if (time != nullptr) configuration.** time = Milliseconds(value);
  return "";
}

std::string assign(Configuration& configuration, const Setting& setting, const std::string& value) {
  const auto* member = std::get_if<std::string Configuration::*>(&setting.member);
  if (member == nullptr) return quoted(setting.name()) + " is no text";
  if (!setting.choices.empty() && std::ranges::count(setting.choices, value) == 0) {
    std::string known;
    for (const auto& choice : setting.choices) known += (known.empty() ? "" : ", ") + choice;
    const auto nearest = nearest_name(value, setting.choices);
    return quoted(setting.name()) + " is " + quoted(value) + ", allowed are " + known +
           (nearest.empty() ? "" : "; did you mean " + quoted(nearest) + "?");
  }
  configuration.** member = value;
  return "";
}

// From the environment or the command line, where everything is text.
std::string assign_text(Configuration& configuration, const Setting& setting,
                        const std::string& value) {
  if (std::holds_alternative<std::string Configuration::*>(setting.member)) {
    return assign(configuration, setting, value);
  }
  if (std::holds_alternative<bool Configuration::*>(setting.member)) {
    if (value == "true" || value == "1") return assign(configuration, setting, true);
    if (value == "false" || value == "0") return assign(configuration, setting, false);
    return quoted(value) + " is neither true nor false";
  }
  std::int64_t number = 0;
  const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (ec != std::errc() || end != value.data() + value.size()) {
    return quoted(value) + " is no number";
  }
  return assign(configuration, setting, number);
}

std::vector<std::string> tables() {
  std::vector<std::string> names;
  for (const auto& setting : settings()) {
    if (std::ranges::count(names, setting.table) == 0) names.push_back(setting.table);
  }
  return names;
}

std::vector<std::string> keys(const std::string& table) {
  std::vector<std::string> names;
  for (const auto& setting : settings()) {
    if (setting.table == table) names.push_back(setting.key);
  }
  return names;
}

std::string unknown(const std::string& kind, std::string_view name,
                    const std::vector<std::string>& known) {
  const auto nearest = nearest_name(name, known);
  auto text = "unknown " + kind + " " + quoted(name);
  if (!nearest.empty()) return text + "; did you mean " + quoted(nearest) + "?";
  text += "; there are";
  for (const auto& each : known) text += " " + each;
  return text;
}

class Reader {
 public:
  explicit Reader(const ConfigurationSources& sources) : sources_(sources) {}

  ReadConfiguration read() {
    read_file();
    read_environment();
    for (const auto& [name, value] : sources_.flags) {
      const auto setting = std::ranges::find(settings(), name, &Setting::name);
      if (setting == settings().end()) {
        object("command line", "no setting " + quoted(name));
      } else {
        object("command line", assign_text(result_.configuration, *setting, value));
      }
    }
    if (result_.problems.empty()) check_together();
    return std::move(result_);
  }

 private:
  void object(std::string place, std::string what) {
    if (!what.empty()) result_.problems.push_back({std::move(place), std::move(what)});
  }

  std::string place(const toml::source_region& source) const {
    return sources_.file + ":" + std::to_string(source.begin.line) + ":" +
           std::to_string(source.begin.column);
  }

  void read_file() {
    if (sources_.file.empty()) return;
    std::ifstream file(sources_.file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file.is_open() || file.bad()) {
      object(sources_.file, "cannot be read");
      return;
    }
    try {
      read_table("", toml::parse(text, sources_.file));
    } catch (const toml::parse_error& error) {
      object(place(error.source()), std::string(error.description()));
    }
  }

  void read_table(const std::string& path, const toml::table& table) {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      const auto inner = path.empty() ? name : path + "." + name;
      if (const auto* below = node.as_table(); below != nullptr && is_table(inner)) {
        read_table(inner, *below);
      } else if (path.empty()) {
        object(place(key.source()), unknown("table", name, tables()));
      } else {
        read_value(path, name, key, node);
      }
    }
  }

  static bool is_table(const std::string& name) {
    return std::ranges::any_of(tables(), [&](const std::string& table) { return table == name; });
  }

  void read_value(const std::string& table, const std::string& name, const toml::key& key,
                  const toml::node& node) {
    const auto setting = std::ranges::find(settings(), table + "." + name, &Setting::name);
    if (setting == settings().end()) {
      object(place(key.source()), unknown("key", name, keys(table)) + " in [" + table + "]");
      return;
    }
    auto& into = result_.configuration;
    const auto where = place(node.source());
    if (const auto* truth = node.as_boolean()) {
      object(where, assign(into, *setting, truth->get()));
    } else if (const auto* number = node.as_integer()) {
      object(where, assign(into, *setting, number->get()));
    } else if (const auto* text = node.as_string()) {
      object(where, assign(into, *setting, text->get()));
    } else {
      object(where, quoted(setting->name()) + " is neither text, nor number, nor truth value");
    }
  }

  void read_environment() {
    std::vector<std::string> known;
    for (const auto& setting : settings()) known.push_back(variable(setting));
    for (const auto& [name, value] : sources_.environment) {
      if (name == "TLS_MODE") {
        read_tls_mode(value);
        continue;
      }
      const auto setting = std::ranges::find(settings(), name, variable);
      if (setting == settings().end()) {
        const auto nearest = nearest_name(name, known);
        object(name, "no such setting" +
                         (nearest.empty() ? "" : "; did you mean " + quoted(nearest) + "?"));
      } else {
        object(name, assign_text(result_.configuration, *setting, value));
      }
    }
  }

  void read_tls_mode(const std::string& value) {
    if (value == "disabled") {
      result_.configuration.tls_enabled = false;
    } else if (value == "enabled") {
      result_.configuration.tls_enabled = true;
      tls_is_wanted_ = true;
    } else {
      object("TLS_MODE", quoted(value) + " is neither enabled nor disabled");
    }
  }

  // What no single setting shows.
  void check_together() {
    const auto& c = result_.configuration;
    const auto where = sources_.file.empty() ? "settings" : sources_.file;
    if (c.state.empty()) object(where, "'server.state' is empty");
    if (c.checkpoint_file.empty() || c.checkpoint_file.find('/') != std::string::npos) {
      object(where, "'checkpoint.file' is no name of a file in the state folder");
    }
    if (c.certificate.empty() != c.key.empty()) {
      object(where, "'tls.certificate' and 'tls.key' go together");
    }
    if (tls_is_wanted_ && c.certificate.empty()) {
      object("TLS_MODE", "enabled needs 'tls.certificate' and 'tls.key'");
    }
    if (c.tls() && c.port != 0 && c.port == c.tls_port) {
      object(where, "'server.port' and 'tls.port' are the same");
    }
    for (const auto* file : {&c.certificate, &c.key}) {
      if (c.tls() && !file->empty() && ::access(file->c_str(), R_OK) != 0)
        object(*file, "cannot be read");
    }
    check_limits();
  }

  void check_limits() {
    const auto& c = result_.configuration;
    const auto settled = graceful::shutdown::settle(limit_settings(c));
    if (!settled) {
      object("shutdown", settled.error().message());
    } else if (c.lame_duck >= settled->prepare) {
      object("shutdown", "'shutdown.lame_duck_ms' does not fit into 'shutdown.prepare_ms', " +
                             std::to_string(settled->prepare.count()));
    }
  }

  const ConfigurationSources& sources_;
  ReadConfiguration result_;
  bool tls_is_wanted_ = false;
};

std::string value_text(const Configuration& configuration, const Setting& setting) {
  return std::visit(
      [&](auto member) -> std::string {
        using T = std::decay_t<decltype(configuration.*member)>;
        if constexpr (std::is_same_v<T, bool>) {
          return configuration.*member ? "true" : "false";
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
          return std::to_string(configuration.*member);
        } else if constexpr (std::is_same_v<T, Milliseconds>) {
          return std::to_string((configuration.*member).count());
        } else {
          return '"' + configuration.*member + '"';
        }
      },
      setting.member);
}

}  // namespace

graceful::shutdown::LimitSettings limit_settings(const Configuration& c) {
  const auto given = [](Milliseconds limit) {
    return limit.count() > 0 ? std::optional(limit) : std::nullopt;
  };
  const Milliseconds total = std::chrono::seconds(c.timeout_secs);
  const auto prepare = c.lame_duck + std::min(total / 10, Milliseconds(3000));
  return {.prepare = c.prepare.count() > 0 ? c.prepare : std::min(prepare, total),
          .drain = given(c.drain),
          .statistics = given(c.statistics),
          .cleanup = given(c.cleanup),
          .persist = given(c.persist),
          .force_delay = given(c.force_delay),
          .total = total};
}

ReadConfiguration read_configuration(const ConfigurationSources& sources) {
  return Reader(sources).read();
}

std::map<std::string, std::string> environment_of_this_process() {
  // Only names that begin like a table of ours: others may use APP_ too.
  std::map<std::string, std::string> found;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view entry(*each);
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    const auto name = entry.substr(0, equals);
    const bool ours = std::ranges::any_of(
        tables(), [&](const auto& table) { return name.starts_with("APP_" + upper(table) + "_"); });
    if (ours || name == "TLS_MODE") found.emplace(name, entry.substr(equals + 1));
  }
  return found;
}

Changes changes(const Configuration& from, const Configuration& to) {
  Changes found;
  for (const auto& setting : settings()) {
    if (value_text(from, setting) == value_text(to, setting)) continue;
    (setting.takes == Takes::live ? found.live : found.at_restart).push_back(setting.name());
  }
  return found;
}

void take_over_live(Configuration& into, const Configuration& from) {
  for (const auto& setting : settings()) {
    if (setting.takes != Takes::live) continue;
    std::visit([&](auto member) { into.*member = from.*member; }, setting.member);
  }
}

std::string settings_text() {
  std::string text;
  std::string table;
  for (const auto& setting : settings()) {
    if (setting.table != table) {
      text += (table.empty() ? "[" : "\n[") + setting.table + "]\n";
      table = setting.table;
    }
    auto line = setting.key + " = " + value_text(Configuration(), setting);
    line.resize(std::max<std::size_t>(line.size(), 34), ' ');
    text += line + "  # " + setting.about;
    for (const auto& choice : setting.choices) {
      text += (&choice == setting.choices.data() ? ": " : ", ") + choice;
    }
    if (setting.takes == Takes::live) text += " (reload)";
    text += "\n";
  }
  return text;
}

}  // namespace reference_server

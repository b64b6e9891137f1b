// What the server can be told: a TOML file, overridden by the environment, overridden by the
// command line. Plain values; reading them changes nothing. README of the tables and keys:
// settings_text().
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "shutdown/limits.hpp"

namespace reference_server {

struct Configuration {
  using Milliseconds = std::chrono::milliseconds;

  // [server]
  std::string address = "127.0.0.1";
  std::int64_t port = 8080;  // 0: any free one, named in the log
  std::string state = "state";
  std::int64_t max_connections = 100'000;
  std::int64_t max_message_bytes = 1 << 20;
  Milliseconds idle_timeout{75'000};   // a peer that says nothing for so long has gone
  Milliseconds ping_interval{30'000};  // two of them without a sign of life: the same
  Milliseconds close_timeout{2'000};   // how long a stop waits for one peer's closing handshake
  Milliseconds work{0};                // simulated, before each WebSocket message is handled
  std::string test_throw_on;  // tests only: a message with this text makes its handler throw

  // [tls]: on if it is enabled and there is a certificate
  bool tls_enabled = true;
  std::int64_t tls_port = 8443;
  std::string certificate;  // PEM files
  std::string key;

  // [log]
  std::string log_level = "info";
  bool log_async = true;
  std::int64_t log_queue = 8192;
  std::string log_overrun = "block";
  std::string log_file;  // empty: standard output

  // [event_channels]
  std::int64_t capacity = 1024;  // of every queue of the pipeline, of a connection and of the store
  std::int64_t batch = 512;      // events of one transaction at most

  // [shutdown]: zero leaves a limit to its default, see shutdown/limits.hpp
  std::int64_t timeout_secs = 60;
  Milliseconds prepare{0};
  Milliseconds drain{0};
  Milliseconds statistics{0};
  Milliseconds cleanup{0};
  Milliseconds persist{0};
  Milliseconds force_delay{0};
  Milliseconds lame_duck{100};  // /health says 503 for so long before the listener goes
  std::string repeat = "ignore";
  bool test_hang_resource = false;  // tests only: a resource whose clean-up never ends

  // [shutdown.watchdog]
  bool watchdog_enabled = true;
  Milliseconds watchdog_interval{0};  // zero: a third of what the service manager allows
  bool watchdog_while_draining = false;

  // [checkpoint]
  std::string checkpoint_file = "checkpoint";  // in the state folder
  Milliseconds checkpoint_interval{5'000};     // zero: only at the stop

  [[nodiscard]] bool tls() const { return tls_enabled && !certificate.empty(); }
};

// The limits of [shutdown]. Preparing gets what the lame duck takes and a tenth of the total, 3 s
// at most, unless it is given.
graceful::shutdown::LimitSettings limit_settings(const Configuration& configuration);

// Where settings come from. The environment is given, so that this stays a function of its input.
struct ConfigurationSources {
  std::string file;                                // path; empty: none
  std::map<std::string, std::string> environment;  // APP_TABLE_KEY, TLS_MODE
  std::map<std::string, std::string> flags;        // "server.port" -> "8080"
};

struct ConfigurationProblem {
  std::string place;  // "server.toml:3:1", "APP_SERVER_PORT", "--port"
  std::string what;
  [[nodiscard]] std::string text() const { return place + ": " + what; }
};

struct ReadConfiguration {
  Configuration configuration;
  std::vector<ConfigurationProblem> problems;  // all of them; the configuration counts only if none
};

ReadConfiguration read_configuration(const ConfigurationSources& sources);

// The variables of this process that are meant for the server.
std::map<std::string, std::string> environment_of_this_process();

// The settings in which two configurations differ, as "server.port", apart for those that a running
// server can take over and those that need a restart.
struct Changes {
  std::vector<std::string> live;
  std::vector<std::string> at_restart;
};
Changes changes(const Configuration& from, const Configuration& to);

// Gives `into` the settings of `from` that a running server can take over.
void take_over_live(Configuration& into, const Configuration& from);

// Every table and key with its default and what it is, as a TOML file.
std::string settings_text();

}  // namespace reference_server

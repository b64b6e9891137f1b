// The command line of the reference server and of its defective twins.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace reference_server {

struct Options {
  std::uint16_t port = 0;  // 0: any free one, named in the log
  bool tls = false;        // a TLS port was asked for
  std::uint16_t tls_port = 0;
  std::string certificate;  // PEM files
  std::string key;
  std::chrono::milliseconds work{0};              // before each WebSocket acknowledgement
  std::chrono::milliseconds close_timeout{2000};  // how long a stop waits for one peer
};

// `options` must outlive the parsing. Wrong combinations are errors of CLI11 like any other.
void add_options(CLI::App& app, Options& options);

}  // namespace reference_server

// What was found out about a command, and what its user says instead of letting lastcall guess: the
// one value that scenarios are written from. Plain data.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "discover/command.hpp"
#include "discover/probe.hpp"

namespace lastcall {

// In the user's words; what is not said is found out.
struct Hints {
  std::vector<std::string> urls{};  // whole URLs, or paths of the first HTTP port
  std::map<std::string, std::string> headers{};
  std::optional<std::string> body{};
  std::string signal{};                             // "SIGINT"
  Nanoseconds deadline = std::chrono::seconds(10);  // as long as `docker stop` waits
};

struct Discovery {
  Command command;
  std::string directory;  // absolute
  std::string cwd{};      // the same, as seen from the scenario's file; empty: not known
  std::string program;    // the file that ran, "nginx"
  std::vector<FoundPort> ports;
  // Ports that are lastcall's choice: number -> "{port}", "{port.tls}".
  std::map<std::uint16_t, std::string> symbolic;
  Nanoseconds ready_after{};  // from the start to the first listener
  std::string first_line;     // of its output
  bool notifies = false;      // it says READY=1, sd_notify(3)
};

}  // namespace lastcall

#include "checkers/stop_signals.hpp"

#include <algorithm>
#include <array>
#include <csignal>

#include "base/signal_names.hpp"
#include "checkers/checker_support.hpp"

namespace lastcall {
namespace {

struct DocumentedStop {
  std::string_view program;  // how the name of its executable begins
  int graceful;
  std::array<int, 2> fast;
};

constexpr std::array kServers{
    // nginx.org/en/docs/control.html
    DocumentedStop{"nginx", SIGQUIT, {SIGTERM, SIGINT}},
    // HAProxy Management Guide, section 4
    DocumentedStop{"haproxy", SIGUSR1, {SIGTERM, SIGINT}},
    // httpd.apache.org/docs/2.4/stopping.html
    DocumentedStop{"apache2", SIGWINCH, {SIGTERM, SIGINT}},
    DocumentedStop{"httpd", SIGWINCH, {SIGTERM, SIGINT}},
    // src/server.c of lighttpd 1.4; a second SIGINT is its fast stop
    DocumentedStop{"lighttpd", SIGINT, {SIGTERM, SIGTERM}},
    // php-fpm(8)
    DocumentedStop{"php-fpm", SIGQUIT, {SIGTERM, SIGINT}},
};

}  // namespace

std::string signal_advice(std::string_view program, int signal) {
  const auto* const server = std::ranges::find_if(kServers, [&](const DocumentedStop& known) {
    return program.starts_with(known.program) && std::ranges::count(known.fast, signal) > 0;
  });
  if (server == kServers.end()) return "";
  return std::string(server->program) + " documents " + signal_name(server->graceful) +
         " for a graceful stop, and " + signal_name(signal) +
         " for a fast one: signal in [target.stop]";
}

std::string signal_advice(const History& history) {
  const auto stop = history.stop();
  if (!stop) return "";
  const auto signal = stop->body->signal;
  const auto look = handler_look(history, signal);
  return look ? signal_advice(look->body->program, signal) : "";
}

bool is_shell(std::string_view program) {
  constexpr std::array<std::string_view, 8> kShells{"sh",  "dash", "bash",  "ash",
                                                    "zsh", "ksh",  "ksh93", "mksh"};
  return std::ranges::find(kShells, program) != kShells.end();
}

}  // namespace lastcall

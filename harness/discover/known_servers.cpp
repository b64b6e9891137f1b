#include "discover/known_servers.hpp"

#include <algorithm>
#include <array>

namespace lastcall {
namespace {

constexpr std::array kServers{
    KnownServer{.program = "nginx",
                .signal = "SIGQUIT",
                .why = "nginx(8): SIGTERM is its fast stop, which cuts answers by design"},
    KnownServer{.program = "openresty",
                .signal = "SIGQUIT",
                .why = "nginx(8): SIGTERM is its fast stop, which cuts answers by design"},
    KnownServer{.program = "lighttpd",
                .signal = "SIGINT",
                .why = "its doc/initscripts.txt: SIGTERM ends connections at once"},
    KnownServer{.program = "haproxy",
                .signal = "SIGUSR1",
                .answers_on = true,
                .why = "haproxy(1): SIGTERM is its hard stop, which closes all connections"},
    KnownServer{
        .program = "apache2",
        .signal = "SIGWINCH",
        .why = "Apache manual, Stopping and Restarting: SIGTERM kills its children at once"},
    KnownServer{
        .program = "httpd",
        .signal = "SIGWINCH",
        .why = "Apache manual, Stopping and Restarting: SIGTERM kills its children at once"},
    KnownServer{.program = "postgres",
                .signal = "SIGINT",
                .why = "PostgreSQL manual, 19.5: on SIGTERM it waits until all clients have left"},
    KnownServer{.program = "php-fpm",
                .signal = "SIGQUIT",
                .why = "php-fpm(8): SIGTERM is its immediate stop"},
    KnownServer{.program = "nats-server",
                .signal = "SIGTERM",
                .exit = "[0, 1]",
                .why = "its pull request 2103: it exits 1 on SIGTERM by design"},
};

}  // namespace

const KnownServer* known_server(std::string_view program) {
  // "php-fpm8.2"
  const auto digits = program.find_last_not_of("0123456789.");
  const auto name = program.substr(0, digits == program.npos ? 0 : digits + 1);
  const auto found = std::ranges::find_if(kServers, [&](const KnownServer& one) {
    return one.program == program || one.program == name;
  });
  return found == kServers.end() ? nullptr : &*found;
}

}  // namespace lastcall

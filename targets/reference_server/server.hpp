// The reference server: WebSocket and HTTP over plain TCP and TLS, on one thread.
#pragma once

#include "reference_server/options.hpp"

namespace reference_server {

// How a stop goes. As it is here it is right; other values are bugs to plant, see targets/defects.
struct StopPolicy {
  enum class Connections { close_in_order, cut };
  Connections connections = Connections::close_in_order;
  bool ends = true;
  int exit_code = 0;
};

// Serves until SIGTERM or SIGINT and stops; later signals change nothing. Returns the exit code:
// that of the policy, or 1 if a peer had to be forced. Throws boost::system::system_error if it
// cannot start.
int run_server(const Options& options, const StopPolicy& policy = {});

}  // namespace reference_server

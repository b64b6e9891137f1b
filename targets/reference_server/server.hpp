// The reference server: WebSocket and HTTP over plain TCP and TLS on one thread, the database on
// another, and a stop in the order of shutdown/coordinator.hpp:
//
//   signal → STOPPING=1 → /health 503 → listeners closed → Close 1001 to all, requests finish
//          → pipeline and store drained, last batch written → checkpoint written and synced
//          → database closed, log written out → exit
#pragma once

#include <functional>
#include <memory>

#include "reference_server/configuration.hpp"

namespace reference_server {

// A part that runs alongside the server on threads of its own. The server has none; they are
// planted, see targets/defects.
class Alongside {
 public:
  virtual ~Alongside() = default;
  virtual void connected() = 0;  // somebody has; on the network thread
  virtual void goodbye() = 0;    // the connections are about to be ended; likewise
  // What is under way must finish; on a thread of the coordinator, which waits for it.
  virtual void drained() = 0;
};

// How a stop goes. As it is here it is right; other values are bugs to plant, see targets/defects.
struct StopPolicy {
  enum class Connections { close_in_order, cut };
  Connections connections = Connections::close_in_order;
  bool ends = true;
  int exit_code = 0;                                        // of a stop that kept every promise
  std::function<std::shared_ptr<Alongside>()> alongside{};  // may be empty
};

// Serves until SIGTERM or SIGINT and stops; later signals do what shutdown.repeat says. SIGHUP
// reads `sources` again. Returns the exit code: 0, or that of the policy, or 1 if the stop broke a
// promise. Throws std::exception if it cannot start.
int run_server(const ConfigurationSources& sources, const Configuration& configuration,
               const StopPolicy& policy = {});

}  // namespace reference_server

// What the server counts about itself. Every number may be changed and read by any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace reference_server {

struct Metrics {
  using Counter = std::atomic<std::uint64_t>;
  Counter connections{0};       // accepted, plain and TLS
  Counter connections_open{0};  // a gauge
  Counter accept_pauses{0};     // at the limit of connections or descriptors
  Counter peers_forced{0};      // did not finish their closing handshake in time during the stop
  Counter peers_lost{0};        // answered no ping
  Counter requests{0};
  Counter messages{0};          // over WebSocket
  Counter handler_failures{0};  // exceptions in a connection's handler
  Counter events_stored{0};     // new ones
  Counter events_known{0};      // sent again with the same id
  Counter events_failed{0};     // the database could not take them; their clients were told
  Counter batches{0};           // transactions
  Counter reloads{0};
  Counter checkpoints{0};
  Counter checkpoints_failed{0};
};

// A gauge that somebody else keeps.
struct Gauge {
  const char* name;
  const char* help;
  std::uint64_t value;
};

// Prometheus' text format, version 0.0.4. `level` is the log level in effect.
std::string metrics_text(const Metrics& metrics, const std::string& level,
                         std::initializer_list<Gauge> gauges);

}  // namespace reference_server

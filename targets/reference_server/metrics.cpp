#include "reference_server/metrics.hpp"

#include "reference_server/identity.hpp"

namespace reference_server {
namespace {

void add(std::string& text, const std::string& name, const char* help, const char* type,
         std::uint64_t value, const std::string& labels = "") {
  const auto full = "reference_server_" + name;
  text += "# HELP " + full + " " + help + "\n# TYPE " + full + " " + type + "\n" + full + labels +
          " " + std::to_string(value) + "\n";
}

}  // namespace

std::string metrics_text(const Metrics& m, const std::string& level,
                         std::initializer_list<Gauge> gauges) {
  std::string text;
  const auto counter = [&](const char* name, const char* help, const Metrics::Counter& value) {
    add(text, name, help, "counter", value);
  };
  counter("connections_total", "Connections accepted.", m.connections);
  add(text, "connections", "Connections open now.", "gauge", m.connections_open);
  counter("accept_pauses_total", "Waits at the limit of connections.", m.accept_pauses);
  counter("peers_forced_total", "Peers that did not finish closing.", m.peers_forced);
  counter("peers_lost_total", "Peers that answered no ping.", m.peers_lost);
  counter("requests_total", "HTTP requests answered.", m.requests);
  counter("messages_total", "WebSocket messages read.", m.messages);
  counter("handler_failures_total", "Exceptions in handlers.", m.handler_failures);
  counter("events_stored_total", "New events committed.", m.events_stored);
  counter("events_known_total", "Events that were there already.", m.events_known);
  counter("events_failed_total", "Events that the database did not take.", m.events_failed);
  counter("batches_total", "Transactions committed.", m.batches);
  counter("reloads_total", "Configurations taken over.", m.reloads);
  counter("checkpoints_total", "Checkpoints written.", m.checkpoints);
  counter("checkpoints_failed_total", "Checkpoints that failed.", m.checkpoints_failed);
  for (const auto& gauge : gauges) add(text, gauge.name, gauge.help, "gauge", gauge.value);
  add(text, "log_level", "The level in effect.", "gauge", 1, "{level=\"" + level + "\"}");
  add(text, "build_info", "Which build this is.", "gauge", 1,
      "{version=\"" + identity().version + "\",build_id=\"" + identity().build_id + "\"}");
  return text;
}

}  // namespace reference_server

#include "reference_server/options.hpp"

#include <CLI/CLI.hpp>

namespace reference_server {
namespace {

void add_milliseconds(CLI::App& app, const std::string& name, std::chrono::milliseconds& value,
                      const std::string& about) {
  app.add_option_function<std::uint32_t>(
      name, [&value](std::uint32_t ms) { value = std::chrono::milliseconds(ms); }, about);
}

}  // namespace

void add_options(CLI::App& app, Options& options) {
  app.add_option("--port", options.port, "WebSocket and HTTP, plain")->required();
  auto* tls = app.add_option_function<std::uint16_t>(
      "--tls-port",
      [&options](std::uint16_t port) {
        options.tls = true;
        options.tls_port = port;
      },
      "WebSocket and HTTP over TLS");
  auto* certificate = app.add_option("--cert", options.certificate, "certificate chain, PEM");
  auto* key = app.add_option("--key", options.key, "private key, PEM");
  tls->needs(certificate)->needs(key);
  add_milliseconds(app, "--work-ms", options.work, "simulated work before each acknowledgement");
  add_milliseconds(app, "--close-timeout-ms", options.close_timeout,
                   "how long a stop waits for one peer (2000)");
}

}  // namespace reference_server

// The reference server: what a server that stops correctly looks like from outside.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "reference_server/options.hpp"
#include "reference_server/server.hpp"

int main(int argc, char** argv) {
  CLI::App app("A WebSocket and HTTP server that stops as it should");
  reference_server::Options options;
  reference_server::add_options(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    return reference_server::run_server(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "reference_server: %s\n", error.what());
    return 2;
  }
}

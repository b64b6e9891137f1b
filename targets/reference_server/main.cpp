// The reference server: what a server that stops correctly looks like from outside.
#include "reference_server/program.hpp"

int main(int argc, char** argv) {
  return reference_server::run_program(
      argc, argv,
      {"reference_server", "A WebSocket and HTTP server that stops as it should", {}, {}});
}

// The command line of the reference server and of its defective twins.
#pragma once

#include <functional>

#include "reference_server/server.hpp"

namespace CLI {
class App;
}

namespace reference_server {

struct Program {
  const char* name;
  const char* about;
  std::function<void(CLI::App&)> add_options;  // besides the usual ones; may be empty
  std::function<StopPolicy()> policy;          // asked after parsing; empty: the right one
};

// All of main. Exit codes: 0 a clean stop (or what was asked for is done), 1 a stop that broke a
// promise, 2 bad configuration or arguments, or it could not start.
int run_program(int argc, char** argv, const Program& program);

}  // namespace reference_server

#include "cli/trial_server.hpp"

#include <iostream>

#include "reports/wording.hpp"
#include "target/environment.hpp"

namespace lastcall::cli {

Result<ForkServer> start_trial_server(const std::string& folder) {
  if (const auto ready = prepare_environment(folder); !ready) return ready.error();
  return ForkServer::start();
}

int refused(const Error& error, int exit_code) {
  std::cerr << "lastcall: " << reports::printable(error.message()) << "\n";
  return exit_code;
}

}  // namespace lastcall::cli

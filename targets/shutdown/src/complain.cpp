#include "complain.hpp"

#include <unistd.h>

#include <string>

namespace graceful::shutdown {

void complain(std::string_view text) {
  const std::string line = "shutdown: " + std::string(text) + "\n";
  // A closed or full stderr is no reason to fail, and nobody is left to hear of it.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace graceful::shutdown

#include "unit/places.hpp"

namespace lastcall::testing {

std::string source_path(std::string_view path) {
  return std::string(LASTCALL_SOURCE_DIR "/").append(path);
}

std::string program_path(std::string_view name) {
  return std::string(LASTCALL_PROGRAM_DIR "/").append(name);
}

}  // namespace lastcall::testing

#include "cli/version.hpp"

#include <fcntl.h>

#include "base/scoped_fd.hpp"
#include "tracer/symbols/elf_file.hpp"

namespace lastcall::cli {

extern const char* const kSourceVersion;  // written at each build (version.cmake)

std::string version() { return kSourceVersion; }

std::string version_and_build() {
  const auto own = ElfFile::of(ScopedFd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)));
  const auto build_id = own ? own->build_id() : std::string();
  return "lastcall " + version() + (build_id.empty() ? "" : " (build id " + build_id + ")");
}

}  // namespace lastcall::cli

// The page that viewer/ makes, as lastcall carries it: bytes of the build's own file.
#include "reports/page.hpp"

// LASTCALL_VIEWER: its path. Empty if it could not be made (CMakeLists.txt says why).
asm(".pushsection .rodata\n"
    ".global lastcall_viewer_begin\n"
    "lastcall_viewer_begin:\n"
    ".incbin \"" LASTCALL_VIEWER
    "\"\n"
    ".global lastcall_viewer_end\n"
    "lastcall_viewer_end:\n"
    ".popsection\n");

extern "C" const char lastcall_viewer_begin[];
extern "C" const char lastcall_viewer_end[];

namespace lastcall::reports {

std::string_view viewer() {
  return {lastcall_viewer_begin,
          static_cast<std::size_t>(lastcall_viewer_end - lastcall_viewer_begin)};
}

}  // namespace lastcall::reports

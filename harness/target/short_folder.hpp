// A short name for the folder of a target. A UNIX socket's path has 107 bytes (unix(7)), and a
// results directory may lie deep: a target is told of its folder, of TMPDIR in it and of
// NOTIFY_SOCKET by names that leave room for a socket. The folder itself stays where it is.
#pragma once

#include <string>

namespace lastcall {

// Whether sockets below this folder, and below `tmp` in it, may get names that are too long:
// libraries add some 40 bytes to TMPDIR.
bool needs_short_name(const std::string& folder);

// Makes an empty folder, mode 0700, below /tmp, else XDG_RUNTIME_DIR or /var/tmp. The caller
// removes it. Empty if none can be made.
std::string make_short_folder();

// A symbolic link to `folder` in `short_folder`: the name by which the target, or a process next to
// it, is told of it. Empty if it cannot be made.
std::string link_to(const std::string& folder, const std::string& short_folder,
                    const std::string& link = "dir");

}  // namespace lastcall

// Reading a whole file, of a disk or of /proc, and copying a folder.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.hpp"

namespace lastcall {

// Everything in the file; a read that fails half-way (ESRCH of a process that has just ended) is an
// error, never a short text.
Result<std::string> read_file(const std::string& path);

// Copies the folder `from` with the files, folders and links in it to `to`. Sockets and FIFOs
// become new ones; devices are left out, and what this process may not read.
Result<void> copy_tree(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace lastcall

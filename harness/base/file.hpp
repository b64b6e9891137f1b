// Reading a whole file, of a disk or of /proc, and copying a folder. Any thread may call these.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "base/result.hpp"
#include "base/scoped_fd.hpp"

namespace lastcall {

// Everything in the file; a read that fails half-way (ESRCH of a process that has just ended) is an
// error, never a short text.
Result<std::string> read_file(const std::string& path);

// Opens a file that somebody else named, or made, for reading. What is no regular file is an error,
// and nobody waits for the other end of a FIFO (open(2), O_NONBLOCK).
Result<ScopedFd> open_regular(const std::string& path);

// Everything in such a file. One of more than `limit` bytes is an error, also if it grows
// meanwhile.
inline constexpr std::size_t kMostOfAFile = std::size_t{64} << 20U;
Result<std::string> read_regular(const std::string& path, std::size_t limit = kMostOfAFile);

// Copies the folder `from` with the files, folders and links in it to `to`. Sockets and FIFOs
// become new ones; devices are left out, and what this process may not read.
Result<void> copy_tree(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace lastcall

// Reading and writing a whole file, of a disk or of /proc, and copying a folder. Any thread may
// call these.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

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

// Creates or replaces a regular file where somebody else may have put something in the way. What
// lies there and is none, or is a link to one, is an error and stays as it is; nobody waits for the
// other end of a FIFO.
Result<void> write_regular(const std::string& path, std::string_view text);

// Somebody else may nest folders by the thousand. Each level of a walk takes a descriptor, a buffer
// and a longer path, so a walk goes this deep, as far as a path can be used (PATH_MAX, limits.h).
inline constexpr int kDeepestFolder = 100;
// Whether the walk is at a folder that lies too deep; it passes by that then.
bool passes_by_deep_folder(std::filesystem::recursive_directory_iterator& walk);

// Copies the folder `from` with the files, folders and links in it to `to`. Sockets and FIFOs
// become new ones; files keep their holes; devices are left out, and what this process may not
// read. What lies too deep is left out, too, and is an error.
Result<void> copy_tree(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace lastcall

// Reading a whole file, of a disk or of /proc.
#pragma once

#include <string>

#include "base/result.hpp"

namespace lastcall {

// Everything in the file; a read that fails half-way (ESRCH of a process that has just ended) is an
// error, never a short text.
Result<std::string> read_file(const std::string& path);

}  // namespace lastcall

// The threads of this process, as /proc/self/task lists them.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <set>
#include <string>

#include "base/result.hpp"

namespace lastcall::embed {

// By id, with their names.
Result<std::map<pid_t, std::string>> threads_of_process();

// Those that are not in `known` and have none of the names `allowed`; a thread that is just ending,
// and is still listed although it has been joined, is given `patience` to go.
struct NewThreads {
  const std::set<pid_t>& known;
  const std::set<std::string>& allowed;
  std::chrono::nanoseconds patience;
};
Result<std::map<pid_t, std::string>> find(const NewThreads& wanted);

}  // namespace lastcall::embed

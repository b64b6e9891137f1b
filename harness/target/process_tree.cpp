#include "target/process_tree.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "base/scoped_fd.hpp"

namespace lastcall {
namespace {

// What could be read. Without streams: they throw on ESRCH, which a process that has just ended gives.
std::string read_file(const std::string& path) {
  const ScopedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> block{};
  for (ssize_t n = 0; (n = ::read(file.get(), block.data(), block.size())) > 0;) {
    text.append(block.data(), static_cast<std::size_t>(n));
  }
  return text;
}

// /proc lists a child under the thread that made it, so every thread is asked.
std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  std::error_code gone;
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    std::istringstream list(read_file(thread.path().string() + "/children"));
    for (pid_t child = 0; list >> child;) children.push_back(child);
  }
  return children;
}

ProcessInfo describe(pid_t pid) {
  const auto folder = "/proc/" + std::to_string(pid);
  ProcessInfo info{pid, '?', read_file(folder + "/cmdline")};
  const auto stat = read_file(folder + "/stat");
  const auto name_begin = stat.find('(');
  const auto name_end = stat.rfind(") ");  // the name may contain anything, proc(5)
  if (name_end != std::string::npos && name_end + 2 < stat.size()) {
    info.state = stat[name_end + 2];
    if (info.command.empty()) info.command = stat.substr(name_begin + 1, name_end - name_begin - 1);
  }
  while (info.command.ends_with('\0')) info.command.pop_back();
  std::ranges::replace(info.command, '\0', ' ');
  return info;
}

}  // namespace

std::vector<pid_t> children() { return children_of(::getpid()); }

std::vector<ProcessInfo> descendants() {
  std::vector<ProcessInfo> found;
  std::vector<pid_t> queue = children_of(::getpid());
  for (std::size_t i = 0; i < queue.size(); ++i) {
    found.push_back(describe(queue[i]));
    const auto below = children_of(queue[i]);
    queue.insert(queue.end(), below.begin(), below.end());
  }
  return found;
}

std::size_t signal_descendants(int signal) {
  std::size_t alive = 0;
  for (const auto& process : descendants()) {
    if (process.state == 'Z' || process.state == 'X') continue;
    if (::kill(process.pid, signal) == 0) ++alive;
  }
  return alive;
}

}  // namespace lastcall

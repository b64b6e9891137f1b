#include "target/process_tree.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "base/file.hpp"

namespace lastcall {
namespace {

// Nothing where the process has just ended.
std::string proc_text(const std::string& path) {
  auto text = read_file(path);
  return text ? std::move(*text) : "";
}

ProcessInfo describe(pid_t pid) {
  const auto folder = "/proc/" + std::to_string(pid);
  ProcessInfo info{pid, '?', proc_text(folder + "/cmdline")};
  const auto stat = proc_text(folder + "/stat");
  const auto name_begin = stat.find('(');
  const auto name_end = stat.rfind(") ");  // the name may contain anything, proc(5)
  if (name_end != std::string::npos && name_end + 2 < stat.size()) {
    info.state = stat[name_end + 2];
    if (info.command.empty()) info.command = stat.substr(name_begin + 1, name_end - name_begin - 1);
  }
  // A zombie with further threads is alive: its first thread has ended, the others work on and hold
  // its ports and files.
  std::error_code gone;
  std::filesystem::directory_iterator threads(folder + "/task", gone);
  if (info.state == 'Z' && !gone && std::distance(begin(threads), end(threads)) > 1)
    info.state = 'R';
  while (info.command.ends_with('\0')) info.command.pop_back();
  std::ranges::replace(info.command, '\0', ' ');
  return info;
}

}  // namespace

// /proc lists a child under the thread that made it, so every thread is asked.
std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  std::error_code gone;
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    std::istringstream list(proc_text(thread.path().string() + "/children"));
    for (pid_t child = 0; list >> child;) children.push_back(child);
  }
  return children;
}

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

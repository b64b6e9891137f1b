#include "target/process_tree.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <set>
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

// What is kept of a process's command: a kernel takes some MiB, and a target may have ten thousand
// processes.
constexpr std::size_t kLongestCommand = std::size_t{16} << 10;

// PF_EXITING of the kernel's <linux/sched.h>: the thread is in do_exit().
constexpr unsigned long kExiting = 0x4;

// Those of proc(5)'s numbers after the state that are asked for here.
struct Stat {
  unsigned long flags = 0;
  unsigned long reaped_ticks = 0;  // of children that were waited for
};

Stat numbers_in(const std::string& after_state) {
  std::istringstream words(after_state);
  std::array<std::string, 14> fields;  // from ppid, field 4, to cstime, field 17
  for (auto& field : fields) words >> field;
  const auto number = [&](std::size_t n) {
    return std::strtoul(fields.at(n - 4).c_str(), nullptr, 10);
  };
  return {number(9), number(16) + number(17)};
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
    if (info.state != 'Z' && (numbers_in(stat.substr(name_end + 3)).flags & kExiting) != 0)
      info.state = 'X';
  }
  // With further threads it is alive: its first thread has ended, the others work on and hold its
  // ports and files.
  std::error_code gone;
  std::filesystem::directory_iterator threads(folder + "/task", gone);
  if ((info.state == 'Z' || info.state == 'X') && !gone &&
      std::distance(begin(threads), end(threads)) > 1)
    info.state = 'R';
  if (info.command.size() > kLongestCommand) info.command = info.command.substr(0, kLongestCommand);
  while (info.command.ends_with('\0')) info.command.pop_back();
  std::ranges::replace(info.command, '\0', ' ');
  return info;
}

}  // namespace

Result<void> own_proc() {
  std::array<char, 32> seen{};
  // proc(5): the number that this process has in the namespace for which /proc was mounted.
  if (::readlink("/proc/self", seen.data(), seen.size() - 1) < 0) {
    return Error{"see this process in", "/proc", errno,
                 "it is missing, or of another PID namespace: mount -t proc proc /proc"};
  }
  if (std::string(seen.data()) == std::to_string(::getpid())) return {};
  return Error{"see this process in", "/proc", 0,
               "it is of another PID namespace: unshare --mount-proc, or mount -t proc proc /proc"};
}

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

bool has_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0 || errno != ECHILD;
}

void kill_groups_of_children() {
  std::set<pid_t> groups;
  for (const pid_t child : children()) groups.insert(::getpgid(child));
  groups.erase(::getpgrp());
  for (const pid_t group : groups) {
    if (group > 1) (void)::kill(-group, SIGKILL);
  }
}

Nanoseconds processor_time(pid_t pid) {
  const auto stat = proc_text("/proc/" + std::to_string(pid) + "/stat");
  const auto name_end = stat.rfind(") ");
  if (name_end == std::string::npos || name_end + 3 > stat.size()) return {};
  const auto ticks = numbers_in(stat.substr(name_end + 3)).reaped_ticks;
  // The process's own clock has no ticks of a hundredth of a second.
  clockid_t clock{};
  timespec own{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &own) != 0) return {};
  const auto a_second = static_cast<unsigned long>(::sysconf(_SC_CLK_TCK));
  return std::chrono::seconds(own.tv_sec) + Nanoseconds(own.tv_nsec) +
         std::chrono::milliseconds(ticks * 1000 / a_second);
}

Nanoseconds processor_time_of_reaped() {
  rusage used{};
  if (::getrusage(RUSAGE_CHILDREN, &used) != 0) return {};
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

Nanoseconds processor_time_of_tree() {
  Nanoseconds sum{};
  // Another thread may wait for children meanwhile: who has moved from one part of the sum to the
  // other would count twice or not at all.
  for (int tries = 0; tries < 3; ++tries) {
    const auto reaped = processor_time_of_reaped();
    sum = reaped;
    auto queue = children();
    for (std::size_t i = 0; i < queue.size(); ++i) {
      sum += processor_time(queue[i]);
      const auto below = children_of(queue[i]);
      queue.insert(queue.end(), below.begin(), below.end());
    }
    if (processor_time_of_reaped() == reaped) break;
  }
  return sum;
}

std::size_t signal_descendants(int signal) {
  std::size_t alive = 0;
  for (const auto& process : descendants()) {
    if (!process.alive()) continue;
    if (::kill(process.pid, signal) == 0) ++alive;
  }
  return alive;
}

}  // namespace lastcall

// `stacks_of_process PID [LOOKS [lines]]`: the stacks of all threads of a process, as the tracer
// reads them, and in the last line how long that took, first and again, and which addresses they
// are, as JSON. For stacks.py and for trying by hand; the process goes on afterwards.
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tracer/ptrace/linux_ptrace.hpp"
#include "tracer/stacks/stack_reader.hpp"

namespace lastcall {
namespace {

std::vector<Tracee> stop_all(LinuxPtrace& calls, pid_t pid) {
  std::set<pid_t> stopped;
  std::set<pid_t> waiting;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    const auto tid = std::stoi(entry.path().filename());
    if (calls.seize(tid, 0) == 0 && calls.interrupt(tid) == 0) waiting.insert(tid);
  }
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!waiting.empty() && std::chrono::steady_clock::now() < limit) {
    while (const auto info = calls.wait()) {
      if (info->si_code == CLD_TRAPPED) stopped.insert(info->si_pid);
      waiting.erase(info->si_pid);
    }
    if (!waiting.empty()) calls.await(std::chrono::milliseconds(10));
  }
  std::vector<Tracee> tracees;
  for (const auto tid : stopped) tracees.push_back({pid, tid, calls});
  return tracees;
}

double microseconds_of(const auto& what) {
  const auto begin = std::chrono::steady_clock::now();
  what();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin)
      .count();
}

int run(pid_t pid, int looks, Lines lines) {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  auto calls = LinuxPtrace::create();
  if (!calls) return 1;
  std::vector<Tracee> tracees;
  const double stopping = microseconds_of([&] { tracees = stop_all(*calls, pid); });
  std::vector<Stack> stacks;
  StackReader reader;
  const double cold = microseconds_of([&] { stacks = reader.stacks_of(tracees, lines); });
  std::vector<double> warm;
  for (int i = 0; i < std::max(looks, 1); ++i)
    warm.push_back(microseconds_of([&] { stacks = reader.stacks_of(tracees, lines); }));
  std::ranges::sort(warm);
  std::printf("%s{\"stopping_us\": %.0f, \"cold_us\": %.0f, \"warm_us\": %.0f, \"stacks\": {",
              stacks_text(stacks).c_str(), stopping, cold, warm[warm.size() / 2]);
  for (const auto& stack : stacks) {
    std::printf("%s\"%d\": [", &stack == stacks.data() ? "" : ", ", stack.tid);
    for (const auto& frame : stack.frames)
      std::printf("%s%lu", &frame == stack.frames.data() ? "" : ", ", frame.address);
    std::printf("]");
  }
  std::printf("}}\n");
  return 0;
}

}  // namespace
}  // namespace lastcall

int main(int count, char** arguments) {
  if (count < 2) return 2;
  return lastcall::run(std::atoi(arguments[1]), count > 2 ? std::atoi(arguments[2]) : 1,
                       count > 3 ? lastcall::Lines::with : lastcall::Lines::without);
}

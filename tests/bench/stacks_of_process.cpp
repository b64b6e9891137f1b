// `stacks_of_process PID [LOOKS]`: the stacks of all threads of a process, as the tracer reads them,
// and how long that took, first and again. For stacks.py and for trying by hand; the process goes on
// afterwards.
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

#include "tracer/linux_ptrace.hpp"
#include "tracer/stack_reader.hpp"

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
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
}

int run(pid_t pid, int looks) {
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
  const double cold = microseconds_of([&] { stacks = reader.stacks_of(tracees); });
  std::vector<double> warm;
  for (int i = 0; i < looks; ++i)
    warm.push_back(microseconds_of([&] { stacks = reader.stacks_of(tracees); }));
  std::ranges::sort(warm);
  std::size_t frames = 0;
  for (const auto& stack : stacks) frames += stack.frames.size();
  const char* lines = std::getenv("LINES_TOO");
  if (lines != nullptr) {
    const double with = microseconds_of([&] { stacks = reader.stacks_of(tracees, Lines::with); });
    std::fprintf(stderr, "with lines %.0f us\n", with);
  }
  std::printf("%s", stacks_text(stacks).c_str());
  std::printf("threads %zu frames %zu stopping_us %.0f cold_us %.0f warm_us %.0f\n", stacks.size(),
              frames, stopping, cold, warm.empty() ? 0 : warm[warm.size() / 2]);
  return 0;
}

}  // namespace
}  // namespace lastcall

int main(int count, char** arguments) {
  if (count < 2) return 2;
  return lastcall::run(std::atoi(arguments[1]), count > 2 ? std::atoi(arguments[2]) : 0);
}

// Runs a command under a tracer, or without one, and says how it ended and what it printed.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "target/launcher.hpp"
#include "tracer/loop/tracer.hpp"
#include "unit/places.hpp"

namespace lastcall {

// The programs that are traced.
inline const std::string kSubject = testing::program_path("tracer_subject");
inline const std::string kArmingSubject = testing::program_path("arming_subject");
inline const std::string kCallsSubject = testing::program_path("calls_subject");
inline const std::string kVisitsSubject = testing::program_path("visits_subject");
inline const std::string kPanicsSubject = testing::program_path("panics_subject");
inline const std::string kStacksSubject = testing::program_path("stacks_subject");
inline const std::string kTimedWaitsSubject = testing::program_path("timed_waits_subject");
inline const std::string kWaitsSubject = testing::program_path("waits_subject");

// Skipped where nobody may trace: a container without that privilege is no broken lastcall.
class TracedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const pid_t child = ::fork();
    if (child == 0) {
      ::pause();
      ::_exit(0);
    }
    const bool may = ::ptrace(PTRACE_SEIZE, child, nullptr, nullptr) == 0;
    const std::string problem = may ? "" : std::strerror(errno);
    (void)::kill(child, SIGKILL);
    (void)::waitpid(child, nullptr, 0);
    if (!may) GTEST_SKIP() << "children cannot be traced: " << problem;
  }
};

class Traced {
 public:
  explicit Traced(std::vector<int> syscalls = {}, std::vector<TraceObserver*> observers = {},
                  const std::vector<ConditionalCall>& conditional = {}) {
    auto started = Tracer::start(syscalls, std::move(observers), conditional);
    EXPECT_TRUE(started) << started.error().message();
    tracer_ = std::move(*started);
  }

  Tracer& tracer() { return *tracer_; }
  [[nodiscard]] pid_t pid() const { return launched_.pid; }

  void start(std::vector<std::string> command, bool asleep = false) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    output_ = ScopedFd(ends[0]);
    const ScopedFd writing(ends[1]);
    const auto found = find_executable(command.front(), search_path("/usr/bin"));
    ASSERT_TRUE(found) << found.error().message();
    Launcher launcher;
    launcher.environment = {"PATH=/usr/bin:/bin:/usr/sbin", "LANG=C.UTF-8"};
    auto launched = launcher(*found, command, StandardStreams{writing.get(), writing.get()},
                             tracer_->initialiser());
    ASSERT_TRUE(launched) << launched.error().message();
    launched_ = std::move(*launched);
    const auto followed = tracer_->follow(launched_.pid, asleep);
    ASSERT_TRUE(followed) << followed.error().message();
    ASSERT_EQ(start_problem(launched_), "");
  }

  void signal(int number) const { ASSERT_EQ(::kill(launched_.pid, number), 0); }

  // The next line of its output; empty at its end, or after ten seconds.
  std::string line() {
    std::string text;
    for (char byte = 0; readable(output_.get()) && ::read(output_.get(), &byte, 1) == 1;) {
      if (byte == '\n') return text;
      text += byte;
    }
    return text;
  }
  std::string rest() {
    std::string text;
    char block[4096];
    while (readable(output_.get())) {
      const auto count = ::read(output_.get(), block, sizeof block);
      if (count <= 0) break;
      text.append(block, static_cast<std::size_t>(count));
    }
    return text;
  }

  // How the command itself ended, "exited 3" or "signalled 9"; "still running" after ten seconds.
  std::string end() {
    while (readable(tracer_->ends_fd())) {
      for (const auto& info : tracer_->take_ends()) {
        if (info.si_pid != launched_.pid) continue;
        return (info.si_code == CLD_EXITED ? "exited " : "signalled ") +
               std::to_string(info.si_status);
      }
    }
    return "still running";
  }

 private:
  static bool readable(int fd) {
    pollfd waiting{fd, POLLIN, 0};
    return ::poll(&waiting, 1, 10'000) > 0;
  }

  std::unique_ptr<Tracer> tracer_;
  Launched launched_;
  ScopedFd output_;
};

}  // namespace lastcall

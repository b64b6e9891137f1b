#include "unit/shutdown/child_process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <vector>

extern char** environ;

namespace graceful::shutdown::testing {
namespace {

constexpr const char* kBody = "SHUTDOWN_TEST_BODY";
// Descriptors of the child: what it says, and what it hears.
constexpr int kSays = 3;
constexpr int kHears = 4;

std::map<std::string, std::function<int()>>& bodies() {
  static std::map<std::string, std::function<int()>> all;
  return all;
}

class RunsTheBody : public ::testing::Environment {
 public:
  void SetUp() override {
    const char* const name = std::getenv(kBody);
    if (name == nullptr) return;
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::unsetenv(kBody);
    std::exit(bodies().at(name)());
  }
};
const auto* const environment = ::testing::AddGlobalTestEnvironment(new RunsTheBody);

std::string line_from(int fd) {
  std::string line;
  char byte = 0;
  while (::read(fd, &byte, 1) == 1 && byte != '\n') line.push_back(byte);
  return line;
}

void line_to(int fd, std::string_view text) {
  const auto line = std::string(text) + "\n";
  [[maybe_unused]] const auto written = ::write(fd, line.data(), line.size());
}

}  // namespace

void say(std::string_view line) { line_to(kSays, line); }
std::string hear() {
  // ThreadSanitizer of GCC 12 holds a signal back as long as its thread is in read(2), but not
  // beyond the end of a poll(2).
  pollfd said{kHears, POLLIN, 0};
  while (::poll(&said, 1, 50) <= 0) {
  }
  return line_from(kHears);
}

ChildBody::ChildBody(std::string name, std::function<int()> body) {
  bodies().emplace(std::move(name), std::move(body));
}

Child::Child(const std::string& body, const Options& options) {
  int says[2], hears[2], errors[2];
  if (::pipe2(says, O_CLOEXEC) != 0 || ::pipe2(hears, O_CLOEXEC) != 0 ||
      ::pipe2(errors, O_CLOEXEC) != 0) {
    ADD_FAILURE() << "no pipes";
    return;
  }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  // Through high numbers: the ends may lie on 3 and 4 themselves.
  ::posix_spawn_file_actions_adddup2(&actions, says[1], 100);
  ::posix_spawn_file_actions_adddup2(&actions, hears[0], 101);
  ::posix_spawn_file_actions_adddup2(&actions, errors[1], 2);
  ::posix_spawn_file_actions_adddup2(&actions, 100, kSays);
  ::posix_spawn_file_actions_adddup2(&actions, 101, kHears);
  ::posix_spawn_file_actions_addclose(&actions, 100);
  ::posix_spawn_file_actions_addclose(&actions, 101);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t blocked;
  sigemptyset(&blocked);
  for (const int number : options.blocked) sigaddset(&blocked, number);
  ::posix_spawnattr_setsigmask(&attributes, &blocked);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);

  std::vector<std::string> variables{std::string(kBody) + "=" + body};
  for (const auto& [name, value] : options.environment) {
    variables.push_back(std::string(name) + "=" + value);
  }
  std::vector<char*> variable_pointers;
  for (auto& variable : variables) variable_pointers.push_back(variable.data());
  for (char** inherited = environ; *inherited != nullptr; ++inherited) {
    variable_pointers.push_back(*inherited);
  }
  variable_pointers.push_back(nullptr);
  char program[] = "/proc/self/exe";
  char* arguments[] = {program, nullptr};
  const int failed =
      ::posix_spawn(&pid_, program, &actions, &attributes, arguments, variable_pointers.data());
  EXPECT_EQ(0, failed);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  ::close(says[1]);
  ::close(hears[0]);
  ::close(errors[1]);
  from_child_ = says[0];
  to_child_ = hears[1];
  stderr_ = errors[0];
}

Child::~Child() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (const int fd : {from_child_, to_child_, stderr_}) ::close(fd);
}

std::string Child::read_line() { return line_from(from_child_); }
void Child::tell(std::string_view line) const { line_to(to_child_, line); }

int Child::wait() {
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string Child::errors() {
  std::string all;
  char part[4096];
  ssize_t got = 0;
  while ((got = ::read(stderr_, part, sizeof part)) > 0)
    all.append(part, static_cast<std::size_t>(got));
  return all;
}

}  // namespace graceful::shutdown::testing

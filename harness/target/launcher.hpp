// Starts a target. Follows the launcher concept of Boost.Process v2 (initialisers with on_setup and
// on_exec_setup), with three differences that tracing and waiting need: every inherited descriptor
// is closed, a failed exec ends in _exit, and the call returns before exec, so that nobody blocks
// on it; and nobody but the caller ever waits for the child. Between fork and exec only
// async-signal-safe calls are made.
#pragma once

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/scoped_fd.hpp"

namespace lastcall {

struct Launched {
  pid_t pid = -1;
  ScopedFd pidfd;
  ScopedFd exec_status;  // end of file: exec succeeded; a StartProblem: what failed
};

// What failed between fork and exec. `tried`: an initialiser's kTried, "" for the exec itself.
struct StartProblem {
  int error_number = 0;
  char tried[60] = {};
  // "cannot enter the working directory: No such file or directory".
  [[nodiscard]] std::string text() const;
};

class Launcher {
 public:
  // "NAME=value" strings for the child; read by initialisers, as in Boost.Process v2.
  std::vector<std::string> environment;
  // Namespaces that the child begins (CLONE_NEW…, clone(2)); an initialiser sets them in on_setup.
  std::uint64_t namespaces = 0;
  // The child starts as a shell would start it: it stays in the caller's session and process group,
  // keeps the caller's descriptors and what the caller ignores, and has this signal mask. Else it
  // has a session of its own, no descriptors, and nothing is ignored or blocked.
  std::optional<sigset_t> inheriting{};

  template <class... Inits>
  Result<Launched> operator()(const std::string& executable,
                              const std::vector<std::string>& arguments, Inits&&... inits) {
    // Everything that allocates happens before fork.
    const auto argv = pointers(arguments);
    boost::system::error_code failed;
    (void)((failed = setup(executable, argv.data(), inits), failed) || ...);
    if (failed) return Error{"prepare the start of", executable, failed.value(), ""};
    const auto envp = pointers(environment);

    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return Error{"create a pipe", "", errno, ""};
    ScopedFd reading(ends[0]);
    ScopedFd writing(ends[1]);
    // A signal that comes before the child has its own dispositions waits until then: what this
    // process ignores, as a job in the background does SIGINT, would be lost.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    (void)::pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t pid = fork_into(namespaces);
    const int fork_problem = errno;
    if (pid != 0) (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) {
      return Error{"fork", "", fork_problem,
                   namespaces == 0 || fork_problem == EAGAIN
                       ? std::string(remedy_for_fork(fork_problem))
                       : "a namespace of its own needs CAP_SYS_ADMIN"};
    }
    if (pid == 0) {  // child: async-signal-safe calls only
      reading.reset();
      StartProblem problem;
      problem.error_number = meet_signals(writing.get());
      if (problem.error_number == 0)
        (void)(exec_setup(executable, argv.data(), inits, problem) || ...);
      // Once more: a change of user forgets PR_SET_PDEATHSIG.
      if (problem.error_number == 0) problem.error_number = die_with_parent(writing.get());
      if (problem.error_number == 0 && !inheriting &&
          ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
        problem.error_number = errno;
      if (problem.error_number == 0) {
        ::execve(executable.c_str(), argv.data(), envp.data());
        problem.error_number = errno;
      }
      (void)!::write(writing.get(), &problem, sizeof problem);
      ::_exit(127);  // tidy: after fork
    }
    Launched launched{pid, ScopedFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))),
                      std::move(reading)};
    if (!launched.pidfd)
      return Error{"open a pidfd of", executable, errno, "Linux 5.3 or later is needed"};
    return launched;
  }

 private:
  static std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> result;
    result.reserve(strings.size() + 1);
    for (const auto& text : strings) result.push_back(const_cast<char*>(text.c_str()));
    result.push_back(nullptr);
    return result;
  }

  template <class Init>
  boost::system::error_code setup(const std::string& executable, char* const* argv, Init& init) {
    if constexpr (requires { init.on_setup(*this, executable, argv); }) {
      return init.on_setup(*this, executable, argv);
    }
    return {};
  }
  // True if it failed, and then says so in `problem`.
  template <class Init>
  bool exec_setup(const std::string& executable, char* const* argv, Init& init,
                  StartProblem& problem) {
    if constexpr (requires { init.on_exec_setup(*this, executable, argv); }) {
      problem.error_number = init.on_exec_setup(*this, executable, argv).value();
    }
    if constexpr (requires { Init::kTried; }) {
      constexpr std::string_view kTried = Init::kTried;
      static_assert(kTried.size() < sizeof problem.tried);
      if (problem.error_number != 0) std::ranges::copy(kTried, problem.tried);
    }
    return problem.error_number != 0;
  }

  // fork(2), or the same into namespaces of its own. 0 in the child.
  static pid_t fork_into(std::uint64_t namespaces);

  // A session and a process group of its own: a signal to lastcall's terminal does not reach the
  // target.
  [[nodiscard]] int meet_signals(int status) const {
    if (inheriting) {
      if (const int problem = die_with_parent(status); problem != 0) return problem;
      return ::sigprocmask(SIG_SETMASK, &*inheriting, nullptr) == 0 ? 0 : errno;
    }
    if (::setsid() < 0) return errno;
    if (const int problem = die_with_parent(status); problem != 0) return problem;
    for (int signal = 1; signal < NSIG; ++signal) (void)::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    return ::sigprocmask(SIG_SETMASK, &none, nullptr) == 0 ? 0 : errno;
  }

  // PR_SET_PDEATHSIG ends it with the trial process, whatever becomes of that; also the init of a
  // PID namespace, which no other signal without a handler reaches. Whether that has ended already
  // shows in the pipe, whose only reader it is: getppid() is 0 in a PID namespace.
  static int die_with_parent(int status) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
    pollfd reader{status, 0, 0};
    return ::poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR) != 0 ? ESRCH : 0;
  }
};

// Standard streams of the child; stdin is /dev/null.
struct StandardStreams {
  static constexpr std::string_view kTried = "set up the standard streams";
  int out = -1;
  int err = -1;
  boost::system::error_code on_exec_setup(Launcher&, const std::string&, char* const*) const {
    const int null = ::open("/dev/null", O_RDONLY);
    if (null < 0 || ::dup2(null, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) {
      return {errno, boost::system::system_category()};
    }
    return {};
  }
};

struct WorkingDirectory {
  static constexpr std::string_view kTried = "enter the working directory";
  std::string path;
  boost::system::error_code on_exec_setup(Launcher&, const std::string&, char* const*) const {
    if (::chdir(path.c_str()) != 0) return {errno, boost::system::system_category()};
    return {};
  }
};

// What the child wrote to `exec_status`, if it did; never blocks longer than the child takes to
// exec. Nothing: the command was executed.
std::optional<StartProblem> read_start_problem(const Launched& launched);
// Its text, or empty.
std::string start_problem(const Launched& launched);

// A name without a slash is looked for in the folders of `path` (as PATH has them); the file must
// be executable.
Result<std::string> find_executable(const std::string& name, const std::string& path);

// The folders in which commands are looked for: `tools`, PATH, and the usual ones.
std::string search_path(const std::string& tools);

}  // namespace lastcall

// Starts a target. Follows the launcher concept of Boost.Process v2 (initialisers with on_setup and
// on_exec_setup), with three differences that tracing and waiting need: every inherited descriptor is closed,
// a failed exec ends in _exit, and the call returns before exec, so that nobody blocks on it; and nobody but
// the caller ever waits for the child. Between fork and exec only async-signal-safe calls are made.
#pragma once

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/system/error_code.hpp>
#include <cerrno>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/scoped_fd.hpp"

namespace lastcall {

struct Launched {
  pid_t pid = -1;
  ScopedFd pidfd;
  ScopedFd exec_status;  // end of file: exec succeeded; an int: errno of what failed
};

class Launcher {
 public:
  // "NAME=value" strings for the child; read by initialisers, as in Boost.Process v2.
  std::vector<std::string> environment;

  template <class... Inits>
  Result<Launched> operator()(const std::string& executable, const std::vector<std::string>& arguments,
                              Inits&&... inits) {
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
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return Error{"fork", "", errno, "is the process limit reached?"};
    if (pid == 0) {  // child: async-signal-safe calls only
      int problem = own_session_and_default_signals(parent);
      if (problem == 0) (void)((problem = exec_setup(executable, argv.data(), inits), problem != 0) || ...);
      if (problem == 0 && ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) problem = errno;
      if (problem == 0) {
        ::execve(executable.c_str(), argv.data(), envp.data());
        problem = errno;
      }
      (void)!::write(writing.get(), &problem, sizeof problem);
      ::_exit(127);  // tidy: after fork
    }
    Launched launched{pid, ScopedFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))), std::move(reading)};
    if (!launched.pidfd) return Error{"open a pidfd of", executable, errno, "Linux 5.3 or later is needed"};
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
  template <class Init>
  int exec_setup(const std::string& executable, char* const* argv, Init& init) {
    if constexpr (requires { init.on_exec_setup(*this, executable, argv); }) {
      return init.on_exec_setup(*this, executable, argv).value();
    }
    return 0;
  }

  // A session and a process group of its own: a signal to lastcall's terminal does not reach the target.
  // PR_SET_PDEATHSIG ends it with the trial process, whatever becomes of that.
  static int own_session_and_default_signals(pid_t parent) {
    if (::setsid() < 0) return errno;
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
    if (::getppid() != parent) return ESRCH;
    for (int signal = 1; signal < NSIG; ++signal) (void)::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    return ::sigprocmask(SIG_SETMASK, &none, nullptr) == 0 ? 0 : errno;
  }
};

// Standard streams of the child; stdin is /dev/null.
struct StandardStreams {
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
  std::string path;
  boost::system::error_code on_exec_setup(Launcher&, const std::string&, char* const*) const {
    if (::chdir(path.c_str()) != 0) return {errno, boost::system::system_category()};
    return {};
  }
};

// A name without a slash is looked for in the folders of `path` (as PATH has them); the file must be executable.
Result<std::string> find_executable(const std::string& name, const std::string& path);

}  // namespace lastcall

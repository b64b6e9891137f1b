// lastcall doctor: what this machine allows, and what follows for a campaign.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <thread>

#include "base/scoped_fd.hpp"
#include "campaign/exit_codes.hpp"
#include "cli/commands.hpp"
#include "target/cgroup.hpp"
#include "target/launch_options.hpp"
#include "target/launcher.hpp"
#include "target/port_lease.hpp"

namespace lastcall::cli {
namespace {

struct Finding {
  std::string what;
  bool good = false;
  bool needed = false;  // no trial can run without it
  std::string detail;
};

Finding descriptors() {
  rlimit limit{};
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  return {"descriptors", limit.rlim_max >= 1024, false,
          std::to_string(limit.rlim_max) +
              " a process: more clients than that take more worker processes"};
}

Finding ports() {
  const auto [first, last] = leasable_ports();
  auto lease = PortLease::acquire();
  return {"ports", static_cast<bool>(lease), true,
          lease ? "leased from " + std::to_string(first) + "–" + std::to_string(last)
                : lease.error().message()};
}

Finding subreaper() {
  const bool good = ::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 0);
  return {"child subreaper", good, true,
          good ? "orphans of a target are found" : std::strerror(errno)};
}

Finding pidfd() {
  const ScopedFd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  return {"pidfd", static_cast<bool>(self), true,
          self ? "signals reach the process that was meant" : std::strerror(errno)};
}

Finding children_lists() {
  const bool good = static_cast<bool>(std::ifstream("/proc/thread-self/children"));
  return {"process tree", good, true,
          good ? "/proc lists children"
               : "/proc/PID/task/TID/children is missing (CONFIG_PROC_CHILDREN)"};
}

Finding tracing() {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);  // tidy: after fork
  }
  const auto seize = [child](unsigned long options) {
    return child > 0 && ::ptrace(PTRACE_SEIZE, child, nullptr, options) == 0;
  };
  const bool asleep = seize(PTRACE_O_SUSPEND_SECCOMP);
  const bool good = asleep || seize(0);
  const std::string problem = good ? "" : std::strerror(errno);
  if (child > 0) {
    (void)::kill(child, SIGKILL);
    (void)::waitpid(child, nullptr, 0);
  }
  return {"ptrace", good, false,
          !good ? "trace = true traces nothing: " + problem
          : asleep
              ? "trace = true works, and costs little before the stop"
              : "trace = true works, and costs little before the stop; without CAP_SYS_ADMIN a "
                "process that filters its calls itself is not seen into"};
}

Finding processors() {
  const auto count = std::thread::hardware_concurrency();
  return {
      "processors", count >= 2, false,
      std::to_string(count) + (count >= 2 ? ": up to that many --jobs"
                                          : ": target and clients share one; expect slow trials")};
}

// errno of what a child tries that must not be done to this process; 0: it could.
int in_a_child(const std::function<bool()>& deed) {
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) ::_exit(deed() ? 0 : errno);  // tidy: after fork
  int status = 0;
  (void)::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

Finding cgroup(Controller controller) {
  const std::string what = std::string(name(controller)) + " cgroup";
  const auto group = Cgroup::create(controller);
  if (!group) return {what, false, false, group.error().message()};
  // What a scenario may ask for at most.
  const int problem =
      controller == Controller::memory ? group->limit_memory(1ULL << 30) : group->limit_cpu(10'000);
  return {what, problem == 0, false,
          problem == 0 ? "a target's " + std::string(name(controller)) + " can be limited"
                       : std::strerror(problem)};
}

Finding small_disk() {
  const int problem = in_a_child([] {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("lastcall", "/tmp", "tmpfs", 0, "size=4096") == 0;
  });
  return {"tmpfs", problem == 0, false,
          problem == 0 ? "a target's disk can be limited"
                       : "no mount namespace, so no limit of the disk: " +
                             std::string(std::strerror(problem))};
}

Finding pid_namespace() {
  const auto launched = Launcher()("/bin/true", {"true"}, PidNamespace{true});
  auto problem = launched ? start_problem(*launched) : launched.error().message();
  if (launched) (void)::waitpid(launched->pid, nullptr, 0);
  const bool good = problem.empty();
  return {"PID namespace", good, false,
          good ? "pid1 = true works; such a target does not see lastcall's own processes"
               : std::move(problem)};
}

Finding changing_user() {
  const int problem = in_a_child([] {
    constexpr uid_t kNobody = 65'534;
    return ::syscall(SYS_setgroups, 0, nullptr) == 0 &&
           ::syscall(SYS_setresgid, kNobody, kNobody, kNobody) == 0 &&
           ::syscall(SYS_setresuid, kNobody, kNobody, kNobody) == 0;
  });
  return {"changing user", problem == 0, false,
          problem == 0
              ? "a target can run as another user (user in [target]), and then cannot kill or stop "
                "lastcall's own processes"
              : "targets run as whoever runs lastcall, and can kill and stop its processes: " +
                    std::string(std::strerror(problem))};
}

Finding tcp_repair() {
  const ScopedFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  const bool good =
      socket && ::setsockopt(socket.get(), IPPROTO_TCP, TCP_REPAIR, &on, sizeof on) == 0;
  return {"TCP_REPAIR", good, false,
          good
              ? "a client can be gone without a word"
              : "no half-open clients without CAP_NET_ADMIN: " + std::string(std::strerror(errno))};
}

int doctor(bool json) {
  const Finding findings[] = {ports(),
                              subreaper(),
                              pidfd(),
                              children_lists(),
                              descriptors(),
                              processors(),
                              tracing(),
                              cgroup(Controller::memory),
                              cgroup(Controller::cpu),
                              small_disk(),
                              pid_namespace(),
                              changing_user(),
                              tcp_repair()};
  bool works = true;
  boost::json::array array;
  for (const auto& [what, good, needed, detail] : findings) {
    works = works && (good || !needed);
    if (json) {
      array.push_back({{"what", what}, {"good", good}, {"needed", needed}, {"detail", detail}});
    } else {
      std::cout << (good     ? "  ok    "
                    : needed ? "  MISSING "
                             : "  limited ")
                << what << ": " << detail << "\n";
    }
  }
  if (json) {
    std::cout << boost::json::serialize(array) << "\n";
  } else {
    std::cout << (works ? "Trials can run here.\n"
                        : "Trials cannot run here until what is MISSING is there.\n");
  }
  return works ? exit_codes::kHeld : exit_codes::kBroken;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  auto json = std::make_shared<bool>(false);
  auto* command = app.add_subcommand("doctor", "Say what this machine allows");
  command->add_flag("--json", *json, "Print as JSON");
  command->footer("Exit code 0: trials can run here; 4: something is missing that they need.");
  command->callback([json, &context] { context.exit_code = doctor(*json); });
}

}  // namespace lastcall::cli

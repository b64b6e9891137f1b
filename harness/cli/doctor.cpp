// lastcall doctor: what this machine allows, and what follows for a campaign. What every trial
// needs is looked at as `run` and `replay` do it.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/scoped_fd.hpp"
#include "campaign/exit_codes.hpp"
#include "cli/commands.hpp"
#include "target/cgroup.hpp"
#include "target/environment.hpp"
#include "target/launch_options.hpp"
#include "target/launcher.hpp"
#include "target/parent_death.hpp"

namespace lastcall::cli {
namespace {

struct Ability {
  std::string what;
  bool good = false;
  bool needed = false;  // no trial can run without it
  std::string detail;
};

std::vector<Ability> what_every_trial_needs(const std::string& results) {
  std::vector<Ability> abilities;
  for (const auto& [what, look] : needs_of_every_trial()) {
    const auto met = look();
    abilities.push_back(
        {std::string(what), met.has_value(), true, met ? *met : met.error().message()});
  }
  const auto room = room_in(results);
  abilities.push_back({"disk", room.has_value(), true,
                       room ? "there is room for results in " + results : room.error().message()});
  return abilities;
}

Ability tracing() {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    if (on_end_of(parent, SIGKILL)) ::pause();
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
              : "trace = true works, and costs little before the stop; without CAP_SYS_ADMIN it "
                "sees no system calls of a process that has a seccomp filter of its own"};
}

Ability processors() {
  const auto count = std::thread::hardware_concurrency();
  return {
      "processors", count >= 2, false,
      std::to_string(count) + (count >= 2 ? ": up to that many --jobs"
                                          : ": target and clients share one; expect slow trials")};
}

// Tries in a child what must not be done to this process: its errno, 0 if it worked.
int in_a_child(const std::function<bool()>& deed) {
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) ::_exit(deed() ? 0 : errno);  // tidy: after fork
  int status = 0;
  (void)::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

Ability cgroup(Controller controller) {
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

Ability small_disk() {
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

Ability pid_namespace() {
  const auto launched = Launcher()("/bin/true", {"true"}, PidNamespace{true});
  auto problem = launched ? start_problem(*launched) : launched.error().message();
  if (launched) (void)::waitpid(launched->pid, nullptr, 0);
  const bool good = problem.empty();
  return {"PID namespace", good, false,
          good ? "pid1 = true works; such a target does not see lastcall's own processes"
               : std::move(problem)};
}

Ability changing_user() {
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

Ability tcp_repair() {
  const ScopedFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  const bool good =
      socket && ::setsockopt(socket.get(), IPPROTO_TCP, TCP_REPAIR, &on, sizeof on) == 0;
  return {"TCP_REPAIR", good, false,
          good
              ? "half-open clients work: gone without FIN or RST"
              : "no half-open clients without CAP_NET_ADMIN: " + std::string(std::strerror(errno))};
}

int doctor(const std::string& results, bool json) {
  auto abilities = what_every_trial_needs(results);
  for (const auto& ability :
       {processors(), tracing(), cgroup(Controller::memory), cgroup(Controller::cpu), small_disk(),
        pid_namespace(), changing_user(), tcp_repair()})
    abilities.push_back(ability);
  bool works = true;
  boost::json::array array;
  for (const auto& [what, good, needed, detail] : abilities) {
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
                        : "Trials cannot run here: they need what is MISSING.\n");
  }
  return works ? exit_codes::kHeld : exit_codes::kBroken;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  auto json = std::make_shared<bool>(false);
  auto results = std::make_shared<std::string>(".");
  auto* command = app.add_subcommand("doctor", "Say what this machine allows");
  command->add_flag("--json", *json, "Print as JSON");
  command->add_option("--results", *results, "Where there must be room for results (default: here)")
      ->check(CLI::ExistingDirectory)
      ->option_text("DIR");
  command->footer("Exit code 0: trials can run here; 4: something is missing that they need.");
  command->callback([json, results, &context] { context.exit_code = doctor(*results, *json); });
}

}  // namespace lastcall::cli

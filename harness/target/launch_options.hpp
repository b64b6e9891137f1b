// Where and as which user a target runs: initialisers of the launcher, and what to do to the
// files beforehand. Everything that allocates or looks something up happens before fork.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "target/launcher.hpp"

namespace lastcall {

// Another user, with the groups that /etc/group gives it.
struct User {
  static constexpr std::string_view kTried = "change the user";
  std::string name;  // empty: the user stays
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups{};
  // USER and LOGNAME; HOME is the caller's.
  boost::system::error_code on_setup(Launcher& launcher, const std::string&, char* const*) const;
  boost::system::error_code on_exec_setup(Launcher&, const std::string&, char* const*) const;
};

// Looks the user up. An error if there is none of that name, or if this process may not become it.
Result<User> find_user(const std::string& name);

// Whether the user may pass through the folders above `path`.
bool may_reach(const std::string& path, const User& user);

// Gives the user `directory` with all that lies in it, and lets it pass `directory`'s parent, which
// is lastcall's own. An error names the folder above that the user may not enter.
Result<void> hand_over(const std::string& directory, const User& user);

// A PID namespace of its own, of which the target is the init, with the /proc that belongs to it.
// pid_namespaces(7): a signal without a handler is ignored there, save SIGKILL and SIGSTOP from
// outside, and all its processes end with the init.
struct PidNamespace {
  static constexpr std::string_view kTried = "mount /proc in a PID namespace";
  bool wanted = false;
  boost::system::error_code on_setup(Launcher& launcher, const std::string&, char* const*) const;
  boost::system::error_code on_exec_setup(Launcher&, const std::string&, char* const*) const;
};

// WATCHDOG_USEC and WATCHDOG_PID, sd_watchdog_enabled(3): its own pid, as it sees it itself.
class WatchdogVariables {
 public:
  explicit WatchdogVariables(std::optional<Nanoseconds> interval) : interval_(interval) {}
  boost::system::error_code on_setup(Launcher& launcher, const std::string&, char* const*);
  boost::system::error_code on_exec_setup(Launcher&, const std::string&, char* const*);

 private:
  std::optional<Nanoseconds> interval_;
  char* pid_digits_ = nullptr;  // in the launcher's environment, written after fork
};

// RLIMIT_NOFILE, soft and hard: runtimes raise the soft limit to the hard one as they start.
struct DescriptorLimit {
  static constexpr std::string_view kTried = "limit the descriptors";
  std::optional<std::uint64_t> most{};
  boost::system::error_code on_exec_setup(Launcher&, const std::string&, char* const*) const;
};

// The child moves into these cgroups: descriptors of their cgroup.procs, open for writing.
struct JoinGroups {
  static constexpr std::string_view kTried = "join its cgroup";
  std::vector<int> procs;
  boost::system::error_code on_exec_setup(Launcher&, const std::string&, char* const*) const;
};

// The shell form of a container's command: /bin/sh waits for the command and passes no signal on.
// The command's words stay as they are.
std::vector<std::string> below_a_shell(const std::vector<std::string>& command);

}  // namespace lastcall

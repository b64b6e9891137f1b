#include "target/launch_options.hpp"

#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <charconv>
#include <filesystem>

#include "base/file.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;
using boost::system::error_code;

constexpr std::size_t kPidDigits = 20;

error_code last_error() { return {errno, boost::system::system_category()}; }

}  // namespace

Result<User> find_user(const std::string& name) {
  const passwd* entry = ::getpwnam(name.c_str());
  if (entry == nullptr) {
    return Error{"run the target as user '" + name + "'", "", 0, "there is no such user"};
  }
  User user{name, entry->pw_uid, entry->pw_gid};
  int count = 64;
  user.groups.resize(static_cast<std::size_t>(count));
  if (::getgrouplist(name.c_str(), user.gid, user.groups.data(), &count) < 0)
    return Error{"look up the groups of", name, 0, "more than 64"};
  user.groups.resize(static_cast<std::size_t>(count));
  if (user.uid == ::geteuid()) return User{};  // it stays who it is
  if (::geteuid() != 0) {
    return Error{"run the target as user '" + name + "'", "", EPERM, "run lastcall as root"};
  }
  return user;
}

bool may_reach(const std::string& path, const User& user) {
  if (user.name.empty()) return true;
  // Asked of the kernel, which looks at the file system's idea of who this thread is.
  const int group = ::setfsgid(user.gid);
  const int owner = ::setfsuid(user.uid);
  struct stat ignored {};
  const bool good = ::stat(path.c_str(), &ignored) == 0;
  (void)::setfsuid(static_cast<uid_t>(owner));
  (void)::setfsgid(static_cast<gid_t>(group));
  return good;
}

error_code User::on_setup(Launcher& launcher, const std::string&, char* const*) const {
  if (name.empty()) return {};
  launcher.environment.push_back("USER=" + name);
  launcher.environment.push_back("LOGNAME=" + name);
  return {};
}

// The bare calls: those of the C library tell other threads, of which a forked child has none.
error_code User::on_exec_setup(Launcher&, const std::string&, char* const*) const {
  if (name.empty()) return {};
  if (::syscall(SYS_setgroups, groups.size(), groups.data()) != 0 ||
      ::syscall(SYS_setresgid, gid, gid, gid) != 0 || ::syscall(SYS_setresuid, uid, uid, uid) != 0)
    return last_error();
  return {};
}

Result<void> hand_over(const std::string& directory, const User& user) {
  if (user.name.empty()) return {};
  std::error_code ec;
  if (::lchown(directory.c_str(), user.uid, user.gid) != 0)
    return Error{"give " + user.name + " the folder", directory, errno, ""};
  for (fs::recursive_directory_iterator it(directory, ec), end; !ec && it != end;
       it.increment(ec)) {
    if (passes_by_deep_folder(it))
      return Error{"give " + user.name, it->path().string(), 0, "it lies too deep"};
    if (::lchown(it->path().c_str(), user.uid, user.gid) != 0)
      return Error{"give " + user.name, it->path().string(), errno, ""};
  }
  if (ec) return Error{"look through", directory, ec.value(), ""};
  const auto own = fs::path(directory).parent_path();
  fs::permissions(own, fs::perms::others_exec | fs::perms::group_exec, fs::perm_options::add, ec);
  fs::path above;
  for (const auto& part : own) {
    above /= part;
    if (!may_reach((above / ".").string(), user)) {
      return Error{"run the target as user '" + user.name + "'", "", 0,
                   "it may not enter " + above.string() + ": chmod o+x it, or choose --results"};
    }
  }
  return {};
}

error_code PidNamespace::on_setup(Launcher& launcher, const std::string&, char* const*) const {
  if (wanted) launcher.namespaces |= CLONE_NEWPID | CLONE_NEWNS;
  return {};
}

error_code PidNamespace::on_exec_setup(Launcher&, const std::string&, char* const*) const {
  if (!wanted) return {};
  // Not to be seen outside, whatever the parent's mounts share.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
    return last_error();
  return {};
}

error_code WatchdogVariables::on_setup(Launcher& launcher, const std::string&, char* const*) {
  if (!interval_) return {};
  const auto usec = std::chrono::duration_cast<std::chrono::microseconds>(*interval_).count();
  launcher.environment.push_back("WATCHDOG_USEC=" + std::to_string(usec));
  // Room for any pid; the text's own memory stays where it is when the vector grows, because it is
  // longer than what a string keeps in itself.
  static constexpr std::string_view kName = "WATCHDOG_PID=";
  launcher.environment.push_back(std::string(kName) + std::string(kPidDigits, '\0'));
  pid_digits_ = launcher.environment.back().data() + kName.size();
  return {};
}

error_code WatchdogVariables::on_exec_setup(Launcher&, const std::string&, char* const*) {
  if (pid_digits_ == nullptr) return {};
  // It neither allocates nor locks.
  (void)std::to_chars(pid_digits_, pid_digits_ + kPidDigits, ::getpid());
  return {};
}

error_code DescriptorLimit::on_exec_setup(Launcher&, const std::string&, char* const*) const {
  if (!most) return {};
  const rlimit limit{*most, *most};
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? error_code{} : last_error();
}

error_code JoinGroups::on_exec_setup(Launcher&, const std::string&, char* const*) const {
  for (const int file : procs) {
    if (::write(file, "0", 1) != 1) return last_error();  // 0: the writer itself, cgroups(7)
  }
  return {};
}

std::vector<std::string> below_a_shell(const std::vector<std::string>& command) {
  // With something left to do the shell may not replace itself by the command.
  std::vector<std::string> words{"/bin/sh", "-c", "\"$@\"; exit $?", "sh"};
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

}  // namespace lastcall

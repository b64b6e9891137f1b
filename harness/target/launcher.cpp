#include "target/launcher.hpp"

#include <linux/sched.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

namespace lastcall {
namespace {

// access(2) also says yes to a folder that can be entered.
bool is_program(const std::string& path) {
  std::error_code ignored;
  return ::access(path.c_str(), X_OK) == 0 && !std::filesystem::is_directory(path, ignored);
}

}  // namespace

pid_t Launcher::fork_into(std::uint64_t namespaces) {
  if (namespaces == 0) return ::fork();
  clone_args arguments{};
  arguments.flags = namespaces;
  arguments.exit_signal = SIGCHLD;
  return static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
}

std::string StartProblem::text() const {
  const std::string why = std::strerror(error_number);
  return tried[0] == '\0' ? why : "cannot " + std::string(tried) + ": " + why;
}

std::optional<StartProblem> read_start_problem(const Launched& launched) {
  StartProblem problem;
  if (::read(launched.exec_status.get(), &problem, sizeof problem) != sizeof problem)
    return std::nullopt;
  problem.tried[sizeof problem.tried - 1] = '\0';
  return problem;
}

std::string start_problem(const Launched& launched) {
  const auto problem = read_start_problem(launched);
  return problem ? problem->text() : "";
}

Result<std::string> find_executable(const std::string& name, const std::string& path) {
  if (name.find('/') != std::string::npos) {
    if (::access(name.c_str(), X_OK) != 0) return Error{"execute", name, errno, ""};
    return name;
  }
  std::istringstream folders(path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    auto candidate = folder + "/" + name;
    if (!folder.empty() && is_program(candidate)) return candidate;
  }
  return Error{"find the command", name, ENOENT, "looked in " + path};
}

std::string search_path(const std::string& tools) {
  const char* inherited = std::getenv("PATH");
  return tools + ":" + (inherited == nullptr ? "" : inherited) +
         ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

}  // namespace lastcall

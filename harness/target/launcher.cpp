#include "target/launcher.hpp"

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

}  // namespace lastcall

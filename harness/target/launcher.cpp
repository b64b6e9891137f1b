#include "target/launcher.hpp"

#include <sstream>

namespace lastcall {

Result<std::string> find_executable(const std::string& name, const std::string& path) {
  if (name.find('/') != std::string::npos) {
    if (::access(name.c_str(), X_OK) != 0) return Error{"execute", name, errno, ""};
    return name;
  }
  std::istringstream folders(path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    auto candidate = folder + "/" + name;
    if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return Error{"find the command", name, ENOENT, "looked in " + path};
}

}  // namespace lastcall

#include "target/short_folder.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace lastcall {
namespace {

// Together with "/tmp/" and 41 bytes for a name: what a socket's path may have.
constexpr std::size_t kLongestFolder = 60;

}  // namespace

bool needs_short_name(const std::string& folder) { return folder.size() > kLongestFolder; }

std::string make_short_folder() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  for (const std::string below : {"/tmp", runtime == nullptr ? "/var/tmp" : runtime, "/var/tmp"}) {
    auto path = below + "/lastcall-XXXXXX";
    if (needs_short_name(path + "/dir")) continue;
    if (::mkdtemp(path.data()) != nullptr) return path;
  }
  return {};
}

std::string link_to(const std::string& folder, const std::string& short_folder,
                    const std::string& link) {
  auto name = short_folder + "/" + link;
  std::error_code ec;
  std::filesystem::create_directory_symlink(folder, name, ec);
  return ec ? std::string() : name;
}

}  // namespace lastcall

#include "campaign/origin.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pwd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/file.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKeyBytes = 32;  // as long as what SHA-256 gives (RFC 2104, section 3)

// Relative paths in the variable count as none, says the specification.
Result<fs::path> state_folder() {
  if (const char* stated = std::getenv("XDG_STATE_HOME"); stated != nullptr && *stated == '/')
    return fs::path(stated) / "lastcall";
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') {
    const passwd* user = ::getpwuid(::geteuid());
    home = user == nullptr ? nullptr : user->pw_dir;
  }
  if (home == nullptr || *home != '/')
    return Error{"find a home for the key of plans", "", 0, "set XDG_STATE_HOME"};
  return fs::path(home) / ".local/state/lastcall";
}

// One that others can read, or have made, proves nothing.
Result<std::string> read_key(const fs::path& path) {
  const auto file = open_regular(path.string());
  if (!file) return file.error();
  struct stat status {};
  if (::fstat(file->get(), &status) != 0) return Error{"read", path.string(), errno, ""};
  if (status.st_uid != ::geteuid() || (status.st_mode & 077U) != 0)
    return Error{"trust", path.string(), 0, "it is not this user's alone: remove it"};
  std::string key(kKeyBytes + 1, '\0');
  const auto size = ::read(file->get(), key.data(), key.size());
  if (size != ssize_t{kKeyBytes})
    return Error{"trust", path.string(), 0, "it has not the size of a key: remove it"};
  key.resize(kKeyBytes);
  return key;
}

// Under its name only once it is whole, and never in place of one that is there: link(2).
Result<void> make_key(const fs::path& path) {
  std::array<char, kKeyBytes> key{};
  if (::getrandom(key.data(), key.size(), 0) != ssize_t{kKeyBytes})
    return Error{"draw a key", "", errno, ""};
  std::error_code ec;
  fs::create_directories(path.parent_path(), ec);
  auto made = path.string() + ".XXXXXX";
  const ScopedFd file(::mkostemp(made.data(), O_CLOEXEC));  // which nobody else can read
  if (!file) return Error{"create", made, errno, ""};
  int problem = ::write(file.get(), key.data(), key.size()) == ssize_t{kKeyBytes} ? 0 : ENOSPC;
  if (problem == 0 && ::link(made.c_str(), path.c_str()) != 0 && errno != EEXIST) problem = errno;
  ::unlink(made.c_str());
  if (problem != 0) return Error{"create", path.string(), problem, ""};
  return {};
}

Result<std::string> own_key() {
  const auto folder = state_folder();
  if (!folder) return folder.error();
  const auto path = *folder / "key";
  auto key = read_key(path);
  if (key || key.error().error_number != ENOENT) return key;
  if (const auto made = make_key(path); !made) return made.error();
  return read_key(path);
}

Result<std::string> origin_of(const std::string& folder, const Plan& plan) {
  std::error_code ec;
  const auto place = fs::canonical(folder, ec);
  if (ec) return Error{"look at", folder, ec.value(), ""};
  const auto key = own_key();
  if (!key) return key.error();
  // Neither of the first two has a NUL byte.
  const auto said = place.string() + '\0' + plan.scenario_file + '\0' + plan.scenario_text;
  std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
  unsigned size = 0;
  if (::HMAC(EVP_sha256(), key->data(), static_cast<int>(key->size()),
             reinterpret_cast<const unsigned char*>(said.data()), said.size(), code.data(),
             &size) == nullptr)
    return Error{"compute the origin of a plan in", folder, 0, ""};
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += kDigits[code[i] >> 4U];
    text += kDigits[code[i] & 15U];
  }
  return text + '\n';
}

}  // namespace

Result<void> write_origin(const std::string& folder, const Plan& plan) {
  const auto origin = origin_of(folder, plan);
  if (!origin) return origin.error();
  return write_regular(folder + "/origin", *origin);
}

std::string foreign_because(const std::string& folder, const Plan& plan) {
  const auto origin = origin_of(folder, plan);
  if (!origin) return origin.error().message();
  const auto found = read_regular(folder + "/origin");
  if (!found && found.error().error_number == ENOENT)
    return "lastcall did not write it there for this user on this machine";
  if (!found) return found.error().message();
  const bool same = found->size() == origin->size() &&
                    CRYPTO_memcmp(found->data(), origin->data(), origin->size()) == 0;
  return same ? ""
              : "it came from elsewhere, or its scenario is not the one that lastcall wrote there";
}

}  // namespace lastcall

#include "target/cgroup.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <sstream>
#include <vector>

#include "base/file.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "lastcall-";
// cpu.max and cpu.cfs_period_us: the kernel's own default period, 100 ms.
constexpr std::uint64_t kPeriod = 100'000;

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

struct Mount {
  std::string root;
  std::string folder;
  std::string type;
  std::vector<std::string> options;  // of the file system: version 1's controllers
};

// "36 35 98:0 /root /mnt rw,noatime shared:1 - cgroup cgroup rw,memory", proc(5).
std::optional<Mount> mount_from(const std::string& line) {
  const auto words = split(line, ' ');
  const auto dash = std::ranges::find(words, "-");
  if (words.size() < 5 || words.end() - dash < 4) return std::nullopt;
  return Mount{words[3], words[4], dash[1], split(dash[3], ',')};
}

// Of lines such as "4:memory:/a/b" and "0::/c": the group this process is in.
std::string own_group(const std::string& groups, std::string_view controller) {
  for (const auto& line : split(groups, '\n')) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto names = line.substr(first + 1, second - first - 1);
    if (names == controller || has(split(names, ','), controller)) return line.substr(second + 1);
  }
  return "/";
}

std::string folder_of(const Mount& mount, const std::string& group, const CgroupFiles& files) {
  auto below = group;
  if (mount.root != "/" && below.starts_with(mount.root)) below.erase(0, mount.root.size());
  auto folder = below == "/" || below.empty() ? mount.folder : mount.folder + below;
  return files.is_folder(folder) ? folder : mount.folder;  // another namespace's path
}

class RealFiles : public CgroupFiles {
 public:
  [[nodiscard]] std::string mountinfo() const override { return text("/proc/self/mountinfo"); }
  [[nodiscard]] std::string own_groups() const override { return text("/proc/self/cgroup"); }
  [[nodiscard]] bool is_folder(const std::string& path) const override {
    std::error_code ignored;
    return fs::is_directory(path, ignored);
  }
  [[nodiscard]] std::string subtree_control(const std::string& folder) const override {
    return text(folder + "/cgroup.subtree_control");
  }

 private:
  static std::string text(const std::string& path) {
    auto read = read_file(path);
    return read ? std::move(*read) : "";
  }
};

std::uint64_t number_in(const std::string& path) {
  const auto text = read_file(path);
  std::uint64_t value = 0;
  if (text) (void)std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

}  // namespace

Result<CgroupPlace> find_cgroup_place(Controller controller, const CgroupFiles& files) {
  const std::string wanted(name(controller));
  const auto groups = files.own_groups();
  std::optional<Mount> unified;
  for (const auto& line : split(files.mountinfo(), '\n')) {
    const auto mount = mount_from(line);
    if (!mount) continue;
    if (mount->type == "cgroup" && has(mount->options, wanted))
      return CgroupPlace{folder_of(*mount, own_group(groups, wanted), files), false};
    if (mount->type == "cgroup2") unified = mount;
  }
  // Version 2: a group with processes cannot hand controllers on, so that the place is the nearest
  // group above that does already.
  for (auto folder = unified ? folder_of(*unified, own_group(groups, ""), files) : "";
       unified && folder.size() >= unified->folder.size();
       folder = fs::path(folder).parent_path().string()) {
    auto handed_on = files.subtree_control(folder);
    std::ranges::replace(handed_on, '\n', ' ');
    if (has(split(handed_on, ' '), wanted)) return CgroupPlace{folder, true};
    if (folder == unified->folder) break;
  }
  return Error{"limit " + wanted, "", 0,
               "no cgroup of this machine has the " + wanted + " controller"};
}

Result<CgroupPlace> find_cgroup_place(Controller controller) {
  return find_cgroup_place(controller, RealFiles());
}

Result<Cgroup> Cgroup::create(Controller controller) {
  auto place = find_cgroup_place(controller);
  if (!place) return place.error();
  const auto folder = place->folder + "/" + std::string(kPrefix) + std::to_string(::getpid());
  const std::string tried = "limit " + std::string(name(controller)) + " with a cgroup";
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
    return Error{tried, folder, errno, "root is needed, and a cgroup file system to write to"};
  ScopedFd procs(::open((folder + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!procs) {
    const int problem = errno;
    (void)::rmdir(folder.c_str());
    return Error{tried, folder, problem, ""};
  }
  return Cgroup(folder, place->unified, std::move(procs));
}

Cgroup::Cgroup(Cgroup&& other) noexcept
    : folder_(std::exchange(other.folder_, "")),
      unified_(other.unified_),
      procs_(std::move(other.procs_)) {}

Cgroup::~Cgroup() {
  if (!folder_.empty()) (void)::rmdir(folder_.c_str());
}

int Cgroup::write(const char* file, const std::string& text) const {
  const ScopedFd open(::open((folder_ + "/" + file).c_str(), O_WRONLY | O_CLOEXEC));
  if (!open) return errno;
  return ::write(open.get(), text.data(), text.size()) < 0 ? errno : 0;
}

int Cgroup::limit_memory(std::uint64_t bytes) const {
  if (unified_) {
    // Without swap where it can be said: a limit that swaps is none.
    (void)write("memory.swap.max", "0");
    return write("memory.max", std::to_string(bytes));
  }
  (void)write("memory.swappiness", "0");
  constexpr const char* kLimit = "memory.limit_in_bytes";
  int problem = write(kLimit, std::to_string(bytes));
  // Use moves on between the two, so that one try may come too late.
  for (int i = 0; i < 10 && problem == EBUSY; ++i) {
    const auto used = number_in(folder_ + "/memory.usage_in_bytes");
    problem = write(kLimit, std::to_string(std::max(bytes, used)));
  }
  return problem;
}

int Cgroup::limit_cpu(std::uint64_t percent) const {
  const auto quota = std::to_string(percent * kPeriod / 100);
  if (unified_) return write("cpu.max", quota + " " + std::to_string(kPeriod));
  return write("cpu.cfs_quota_us", quota);
}

std::uint64_t Cgroup::oom_kills() const {
  const auto text = read_file(folder_ + (unified_ ? "/memory.events" : "/memory.oom_control"));
  if (!text) return 0;
  for (const auto& line : split(*text, '\n')) {
    if (line.starts_with("oom_kill ")) return std::strtoull(line.c_str() + 9, nullptr, 10);
  }
  return 0;
}

void remove_stale_cgroups() {
  for (const auto controller : {Controller::memory, Controller::cpu}) {
    const auto place = find_cgroup_place(controller);
    if (!place) continue;
    std::error_code gone;
    std::vector<std::string> stale;
    for (const auto& entry : fs::directory_iterator(place->folder, gone)) {
      const auto file = entry.path().filename().string();
      if (!file.starts_with(kPrefix)) continue;
      const auto pid = static_cast<pid_t>(std::strtol(file.c_str() + kPrefix.size(), nullptr, 10));
      if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) stale.push_back(entry.path().string());
    }
    for (const auto& folder : stale) (void)::rmdir(folder.c_str());
  }
}

}  // namespace lastcall

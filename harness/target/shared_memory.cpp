#include "target/shared_memory.hpp"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>

#include "base/file.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;

const std::string kFolder = "/dev/shm/";
constexpr std::array<std::string_view, 3> kKinds{"shm", "msg", "sem"};
// LTTng's library makes it in the first program of a user that is traced, for all that come after
// it (lttng-ust(3)).
constexpr std::string_view kOfAllPrograms = "lttng-ust-wait-";

// The text of a file in /proc; none if the process is gone or may not be read.
std::string text_of(const std::string& path) {
  const auto text = read_file(path);
  return text ? *text : "";
}

struct stat status_of(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  return status;
}

// The files of the folder itself: shm_open(3) and sem_open(3) make no others.
std::map<std::string, struct stat> files_of_folder() {
  std::map<std::string, struct stat> files;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(kFolder, missing)) {
    const auto status = status_of(entry.path().string());
    const bool is_ones_own = !entry.path().filename().string().starts_with(kOfAllPrograms);
    if (S_ISREG(status.st_mode) && is_ones_own) files[entry.path().string()] = status;
  }
  return files;
}

// "7f3c000-7f3d000 rw-s 00000000 00:1a 42 /dev/shm/a"; numbers of the device in base 16.
std::optional<ino_t> mapped_file(const std::string& line, dev_t folder) {
  std::istringstream words(line);
  std::string addresses;
  std::string rights;
  std::string offset;
  std::string device;
  ino_t inode = 0;
  if (!(words >> addresses >> rights >> offset >> device >> inode)) return std::nullopt;
  char* end = nullptr;
  const auto high = std::strtoul(device.c_str(), &end, 16);
  const auto low = *end == ':' ? std::strtoul(end + 1, nullptr, 16) : 0;
  if (makedev(high, low) != folder) return std::nullopt;
  return inode;
}

// The inodes of the folder's files that a process has mapped or open.
std::set<ino_t> used_by(pid_t pid, std::size_t most_descriptors) {
  std::set<ino_t> used;
  const auto folder = status_of(fs::path(kFolder).parent_path().string()).st_dev;
  const auto process = "/proc/" + std::to_string(pid);
  std::istringstream lines(text_of(process + "/maps"));
  for (std::string line; std::getline(lines, line);) {
    if (line.find(kFolder) == std::string::npos) continue;
    if (const auto inode = mapped_file(line, folder)) used.insert(*inode);
  }
  std::error_code gone;
  for (const auto& open : fs::directory_iterator(process + "/fd", gone)) {
    if (most_descriptors-- == 0) break;
    std::error_code closed;
    if (!fs::read_symlink(open.path(), closed).string().starts_with(kFolder)) continue;
    struct stat status {};
    if (::stat(open.path().c_str(), &status) == 0 && status.st_dev == folder)
      used.insert(status.st_ino);
  }
  return used;
}

// By any process whose /proc may be read.
std::set<ino_t> used_by_anybody() {
  std::set<ino_t> used;
  std::error_code missing;
  for (const auto& process : fs::directory_iterator("/proc", missing)) {
    const int pid = std::atoi(process.path().filename().c_str());
    if (pid > 0) used.merge(used_by(pid, std::string::npos));
  }
  return used;
}

// The real, effective, saved and file system ones.
std::set<uid_t> users_of(pid_t pid) {
  std::set<uid_t> users;
  std::istringstream lines(text_of("/proc/" + std::to_string(pid) + "/status"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("Uid:")) continue;
    std::istringstream words(line.substr(4));
    for (uid_t user = 0; words >> user;) users.insert(user);
  }
  return users;
}

// The rows of /proc/sysvipc/KIND, by the names of its columns (proc_sysvipc(5)).
using Row = std::map<std::string, long long>;
std::vector<Row> system_v_objects(std::string_view kind) {
  std::vector<Row> rows;
  std::istringstream lines(text_of("/proc/sysvipc/" + std::string(kind)));
  std::vector<std::string> columns;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    if (columns.empty()) {
      for (std::string column; words >> column;) columns.push_back(column);
      continue;
    }
    auto& row = rows.emplace_back();
    for (const auto& column : columns) words >> row[column];
  }
  return rows;
}

int id_of(const Row& row, std::string_view kind) {
  return static_cast<int>(row.at(kind == "msg" ? "msqid" : std::string(kind) + "id"));
}

std::string key_text(const Row& row) {
  std::ostringstream text;
  text << "key 0x" << std::hex << static_cast<unsigned>(row.at("key"));
  return text.str();
}

}  // namespace

SharedMemory::SharedMemory() {
  for (const auto& [path, status] : files_of_folder()) files_before_.insert(status.st_ino);
  for (const auto kind : kKinds) {
    for (const auto& row : system_v_objects(kind)) system_v_before_.emplace(kind, id_of(row, kind));
  }
}

void SharedMemory::look(const std::vector<pid_t>& processes) {
  Inodes used;
  for (const auto pid : processes) {
    processes_.insert(pid);
    used.merge(used_by(pid, kMostDescriptors));
    users_.merge(users_of(pid));
  }
  if (used.empty()) return;
  for (const auto& [path, status] : files_of_folder()) {
    if (used.contains(status.st_ino) && !files_before_.contains(status.st_ino))
      paths_seen_.insert(path);
  }
}

void SharedMemory::add_posix(std::vector<Object>& objects) const {
  auto files = files_of_folder();
  std::erase_if(files, [this](const auto& file) {
    const auto& [path, status] = file;
    return files_before_.contains(status.st_ino) || !paths_seen_.contains(path) ||
           !users_.contains(status.st_uid);
  });
  if (files.empty()) return;
  const auto used = used_by_anybody();
  for (const auto& [path, status] : files) {
    if (used.contains(status.st_ino)) continue;
    const bool is_semaphore = path.starts_with(kFolder + "sem.");
    objects.push_back({{path, is_semaphore ? "POSIX semaphore" : "POSIX shared memory"}});
  }
}

void SharedMemory::add_system_v(std::string_view kind, std::vector<Object>& objects) const {
  const auto is_ours = [this](long long pid) {
    return processes_.contains(static_cast<pid_t>(pid));
  };
  for (const auto& row : system_v_objects(kind)) {
    const int id = id_of(row, kind);
    if (system_v_before_.contains({std::string(kind), id})) continue;
    if (!users_.contains(static_cast<uid_t>(row.at("cuid")))) continue;
    Object object{{key_text(row), ""}, id};
    if (kind == "shm") {
      if (!is_ours(row.at("cpid")) || row.at("nattch") > 0) continue;
      object.what.type = "System V shared memory";
    } else if (kind == "msg") {
      const auto sender = row.at("lspid");
      const auto receiver = row.at("lrpid");
      if (!is_ours(sender) && !is_ours(receiver)) continue;
      if ((sender != 0 && !is_ours(sender)) || (receiver != 0 && !is_ours(receiver))) continue;
      object.what.type = "System V message queue";
    } else {
      bool all_ours = row.at("nsems") > 0;
      bool one_ours = false;
      for (int i = 0; i < row.at("nsems"); ++i) {
        const int last = ::semctl(id, i, GETPID);
        one_ours |= last > 0 && is_ours(last);
        all_ours &= last == 0 || is_ours(last);
      }
      if (!one_ours || !all_ours) continue;
      object.what.type = "System V semaphores";
    }
    objects.push_back(std::move(object));
  }
}

std::vector<SharedMemory::Object> SharedMemory::objects() const {
  std::vector<Object> objects;
  add_posix(objects);
  for (const auto kind : kKinds) add_system_v(kind, objects);
  return objects;
}

std::vector<Leftover> SharedMemory::left() const {
  std::vector<Leftover> left;
  for (const auto& object : objects()) left.push_back(object.what);
  return left;
}

void SharedMemory::remove_left() const {
  for (const auto& [what, id] : objects()) {
    if (what.type.starts_with("POSIX")) ::unlink(what.path.c_str());
    if (what.type == "System V shared memory") ::shmctl(id, IPC_RMID, nullptr);
    if (what.type == "System V message queue") ::msgctl(id, IPC_RMID, nullptr);
    if (what.type == "System V semaphores") ::semctl(id, 0, IPC_RMID);
  }
}

}  // namespace lastcall

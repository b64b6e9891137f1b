#include "tracer/ends/exit_leak_observer.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string_view>

#include "base/file.hpp"
#include "tracer/ptrace/descriptors.hpp"
#include "tracer/ptrace/sending_calls.hpp"
#include "tracer/symbols/elf_file.hpp"

namespace lastcall {
namespace {

constexpr std::array kChanges{SYS_ftruncate, SYS_fallocate};
constexpr std::array kSyncs{SYS_fsync, SYS_fdatasync, SYS_sync_file_range};
constexpr std::array kSyncsAll{SYS_sync, SYS_syncfs};

std::string proc(pid_t tid, const std::string& what) {
  return "/proc/" + std::to_string(tid) + "/" + what;
}

std::string text_of(const std::string& path) {
  const auto text = read_file(path);
  return text ? *text : "";
}

std::optional<struct stat> status_of(pid_t tid, int descriptor) {
  struct stat status {};
  const auto path = proc(tid, "fd/" + std::to_string(descriptor));
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

bool runtime_has_threads(pid_t tid) {
  std::array<char, 4096> target{};
  const auto path = proc(tid, "exe");
  const auto size = ::readlink(path.c_str(), target.data(), target.size());
  const std::string_view program(target.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  if (program.ends_with("/java")) return true;
  const auto file = ElfFile::of(ScopedFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)));
  if (!file) return false;
  const auto language = file->language();
  return language == Language::go || language == Language::node;
}

// Asked of the socket itself: tables of all sockets (/proc/PID/net) take the kernel tens of
// milliseconds.
std::optional<SocketState> socket_state(int socket) {
  const auto option = [&](int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(socket, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
  };
  const int type = option(SO_TYPE);
  if (type != SOCK_STREAM && type != SOCK_SEQPACKET) return std::nullopt;
  SocketState state{.listening = option(SO_ACCEPTCONN) == 1,
                    .own = own_address(socket),
                    .peer = peer_address(socket)};
  if (state.listening) return state;
  int unread = 0;
  if (::ioctl(socket, FIONREAD, &unread) == 0) state.unread = static_cast<std::uint64_t>(unread);
  pollfd end{socket, POLLRDHUP, 0};
  tcp_info info{};
  socklen_t size = sizeof info;
  const bool is_tcp = ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0;
  state.connected = ::poll(&end, 1, 0) == 0 && (!is_tcp || info.tcpi_state == TCP_ESTABLISHED);
  return state;
}

}  // namespace

std::vector<int> OpenAtExit::write_syscalls() {
  std::vector<int> all{SYS_copy_file_range};
  const auto add = [&](const auto& calls) { all.insert(all.end(), calls.begin(), calls.end()); };
  add(kWrites);
  add(kChanges);
  add(kSyncs);
  add(kSyncsAll);
  return all;
}

void OpenAtExit::ready() {
  for (auto& [pid, process] : processes_) {
    if (process.threads.empty()) continue;
    const auto tid = *process.threads.begin();
    std::vector<OpenDescriptor> open;
    for (const int number : descriptors_of(tid)) {
      open.push_back(describe(tid, number));
      process.at_readiness.emplace(number, open.back().target);
    }
    listening_.merge(listening_places(open));
  }
}

void OpenAtExit::executed(const Tracee& thread) { processes_[thread.pid].threads = {thread.tid}; }

void OpenAtExit::began(const Tracee& thread) {
  auto& process = processes_[thread.pid];
  process.threads.insert(thread.tid);
  if (thread.tid != thread.pid) return;
  const auto parent =
      processes_.find(std::atoi(thread.calls.status_field(thread.pid, "PPid").c_str()));
  if (parent != processes_.end()) process.at_readiness = parent->second.at_readiness;
}

void OpenAtExit::process_ended(pid_t pid, const siginfo_t&) { processes_.erase(pid); }

SyscallAction OpenAtExit::on_syscall(const Tracee& thread, const SyscallEntry& entry) {
  const auto first = static_cast<int>(entry.arguments[0]);
  if (is_among(kWrites, entry)) {
    note(thread.tid, written_to(entry).value_or(-1), Synced::no);
  } else if (is_among(kChanges, entry)) {
    note(thread.tid, first, Synced::no);
  } else if (entry.number == SYS_copy_file_range) {
    note(thread.tid, static_cast<int>(entry.arguments[2]), Synced::no);
  } else if (is_among(kSyncs, entry)) {
    note(thread.tid, first, Synced::yes);
  } else if (is_among(kSyncsAll, entry)) {
    for (auto& [file, synced] : files_) synced = Synced::yes;
  }
  return {};
}

void OpenAtExit::on_exit_call(const Tracee& thread, int) { look(thread, processes_[thread.pid]); }

void OpenAtExit::note(pid_t tid, int descriptor, Synced synced) {
  const auto status = status_of(tid, descriptor);
  if (!status || !S_ISREG(status->st_mode)) return;
  const File file{status->st_dev, status->st_ino};
  if (files_.size() < kMaxFiles || files_.contains(file)) files_[file] = synced;
}

void OpenAtExit::on_thread_exit(const Tracee& thread, int status) {
  auto& process = processes_[thread.pid];
  process.threads.erase(thread.tid);
  if (process.threads.empty() && WIFEXITED(status)) look(thread, process);
}

OpenDescriptor OpenAtExit::describe(pid_t tid, int number) const {
  OpenDescriptor found{.number = number, .target = descriptor_target(tid, number)};
  if (found.target.starts_with("socket:")) {
    const auto copy = copy_of_descriptor(tid, number);
    if (copy) found.socket = socket_state(copy.get());
    return found;
  }
  found.flags = descriptor_flags(tid, number).value_or(0);
  const auto status = status_of(tid, number);
  if (!status || !S_ISREG(status->st_mode) || (found.flags & O_ACCMODE) == O_RDONLY) return found;
  const auto known = files_.find({status->st_dev, status->st_ino});
  if ((found.flags & O_DSYNC) != 0) {
    found.synced = Synced::yes;
  } else if (known != files_.end()) {
    found.synced = known->second;
  } else {
    const bool all_seen = settings_.all_writes_seen && files_.size() < kMaxFiles;
    found.synced = all_seen ? Synced::yes : Synced::unknown;
  }
  return found;
}

std::set<std::string> OpenAtExit::held_by_others(pid_t pid) const {
  std::set<std::string> held;
  for (const auto& [other, process] : processes_) {
    if (other == pid || process.judged || process.threads.empty()) continue;
    const auto tid = *process.threads.begin();
    for (const int number : descriptors_of(tid)) held.insert(descriptor_target(tid, number));
  }
  return held;
}

void OpenAtExit::look(const Tracee& thread, Process& process) {
  if (std::exchange(process.judged, true)) return;
  AtExit at;
  for (const int number : descriptors_of(thread.tid))
    at.descriptors.push_back(describe(thread.tid, number));
  auto threads = process.threads;
  threads.erase(thread.tid);
  for (const auto other : threads) at.other_threads.push_back(thread_name(other));
  at.runtime_has_threads = !threads.empty() && runtime_has_threads(thread.tid);
  threads.insert(thread.tid);
  for (const auto one : threads) {
    std::istringstream children(text_of(proc(one, "task/" + std::to_string(one) + "/children")));
    for (pid_t child = 0; children >> child;) {
      const bool zombie = thread.calls.status_field(child, "State").starts_with('Z');
      at.children.push_back({child, thread_name(child), zombie});
    }
  }
  found_(thread.pid, left_open(at, {.state_folder = settings_.state_folder,
                                    .at_readiness = process.at_readiness,
                                    .listening = listening_,
                                    .held_elsewhere = held_by_others(thread.pid)}));
}

}  // namespace lastcall

#include "tracer/ends/signal_trace.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <sstream>

#include "base/file.hpp"
#include "base/pattern.hpp"
#include "tracer/ends/stale_signal_traces.hpp"
#include "tracer/ptrace/descriptors.hpp"

namespace lastcall {
namespace {

constexpr const char* kFilter = "sig==1||sig==2||sig==3||sig==6||sig==9||sig==15";
constexpr const char* kNamePrefix = "lastcall-";

// The first PID namespace has this number in every kernel (PROC_PID_INIT_INO).
bool is_first_pid_namespace() {
  struct stat status {};
  return ::stat("/proc/self/ns/pid", &status) == 0 && status.st_ino == 0xEFFFFFFCU;
}

// A mount that no folder shows, and that is gone with its descriptor.
ScopedFd private_tracefs() {
  const ScopedFd context(::fsopen("tracefs", FSOPEN_CLOEXEC));
  if (!context || ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return {};
  return ScopedFd(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
}

ScopedFd folder_in(int folder, const char* name) {
  return ScopedFd(::openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

bool write_in(int folder, const char* path, std::string_view text) {
  const ScopedFd file(::openat(folder, path, O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// What a killed lastcall left.
void remove_stale(int instances) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(::dup(instances)), &::closedir);
  if (!folder) return;
  while (const auto* entry = ::readdir(folder.get())) {
    const std::string name = entry->d_name;
    if (!name.starts_with(kNamePrefix)) continue;
    const auto pid = static_cast<pid_t>(
        std::strtol(name.c_str() + std::string_view(kNamePrefix).size(), nullptr, 10));
    if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH)
      (void)::unlinkat(instances, name.c_str(), AT_REMOVEDIR);
  }
}

std::string field(const std::string& status, const std::string& name) {
  const auto at = status.find("\n" + name + ":\t");
  if (at == std::string::npos) return {};
  const auto begin = at + name.size() + 3;
  return status.substr(begin, status.find_first_of("\t\n", begin) - begin);
}

int number(const std::string& text) {
  return static_cast<int>(std::strtol(text.c_str(), nullptr, 10));
}

std::string user_name(const std::string& uid) {
  const auto* entry = uid.empty() ? nullptr : ::getpwuid(static_cast<uid_t>(number(uid)));
  return entry == nullptr ? uid : entry->pw_name;
}

}  // namespace

Culprit culprit(pid_t tid, const std::string& name) {
  Culprit who{.pid = tid, .command = name, .user = {}, .parent = 0, .parent_command = {}};
  const auto status = read_file("/proc/" + std::to_string(tid) + "/status");
  if (!status) return who;
  who.pid = number(field(*status, "Tgid"));
  who.user = user_name(field(*status, "Uid"));
  who.parent = number(field(*status, "PPid"));
  if (const auto command = command_of(who.pid); !command.empty()) who.command = command;
  if (who.parent != 0) who.parent_command = command_of(who.parent);
  return who;
}

std::string culprit_text(const Culprit& who) {
  constexpr std::size_t kMax = 100;  // of a command; a line of a report
  const auto shortened = [](const std::string& text) {
    return text.size() <= kMax ? text : text.substr(0, kMax) + "…";
  };
  std::string text = "pid " + std::to_string(who.pid) + " (" +
                     (who.command.empty() ? "gone by now" : shortened(who.command));
  if (!who.user.empty()) text += ", user " + who.user;
  if (who.parent != 0)
    text += ", child of " + std::to_string(who.parent) + " " + shortened(who.parent_command);
  return text + ")";
}

std::optional<SentSignal> sent_signal(const std::string& line) {
  // "  bash-812  [000] d..1.  12.345: signal_generate: sig=9 errno=0 code=0 comm=a b pid=9 grp=1
  // res=0"
  static const Pattern kSent(
      R"(^\s*(.*)-(\d+)\s+(?:\([\s\d-]+\)\s+)?\[\d+\].*: signal_generate: sig=(\d+) errno=\S+ code=(-?\d+) comm=.* pid=(\d+) grp=\d+ res=\d+)");
  static const Pattern kVictim(
      R"(^\s*(.*)-(\d+)\s+(?:\([\s\d-]+\)\s+)?\[\d+\].*: mark_victim: pid=(\d+))");
  if (const auto found = kSent.match_in(line)) {
    return SentSignal{.signal = number(found->at(3)),
                      .code = number(found->at(4)),
                      .sender = number(found->at(2)),
                      .sender_name = found->at(1),
                      .to = number(found->at(5))};
  }
  if (const auto found = kVictim.match_in(line)) {
    return SentSignal{.signal = SIGKILL,
                      .code = SI_KERNEL,
                      .sender = number(found->at(2)),
                      .sender_name = found->at(1),
                      .to = number(found->at(3)),
                      .out_of_memory = true};
  }
  return std::nullopt;
}

SignalTrace::SignalTrace(ScopedFd instances, std::string name, ScopedFd pipe)
    : instances_(std::move(instances)), name_(std::move(name)), pipe_(std::move(pipe)) {}

SignalTrace::~SignalTrace() {
  if (!instances_) return;
  pipe_.reset();  // the kernel keeps what is open
  (void)::unlinkat(instances_.get(), name_.c_str(), AT_REMOVEDIR);
}

Result<SignalTrace> SignalTrace::start() {
  const auto refused = [](const std::string& what, int problem) {
    return Error{what, "the kernel's trace of signals", problem,
                 problem == EPERM || problem == EACCES ? "only root may" : ""};
  };
  if (!is_first_pid_namespace())
    return Error{"use", "the kernel's trace of signals", 0,
                 "it has other process numbers than this container"};
  const auto root = private_tracefs();
  if (!root) return refused("open", errno);
  auto instances = folder_in(root.get(), "instances");
  if (!instances) return refused("open", errno);
  remove_stale(instances.get());
  auto name = kNamePrefix + std::to_string(::getpid());
  if (::mkdirat(instances.get(), name.c_str(), 0700) != 0 && errno != EEXIST)
    return refused("make an instance of", errno);
  const auto ours = folder_in(instances.get(), name.c_str());
  SignalTrace sender(
      std::move(instances), std::move(name),
      ScopedFd(::openat(ours.get(), "trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC)));
  if (!sender.pipe_) return refused("read", errno);
  // Small: signals that end programs are few. Readable as soon as there is one.
  (void)write_in(ours.get(), "buffer_size_kb", "64");
  (void)write_in(ours.get(), "buffer_percent", "0");
  if (!write_in(ours.get(), "events/signal/signal_generate/filter", kFilter) ||
      !write_in(ours.get(), "events/signal/signal_generate/enable", "1"))
    return refused("turn on", errno);
  (void)write_in(ours.get(), "events/oom/mark_victim/enable", "1");
  return sender;
}

void remove_stale_signal_traces() {
  if (!is_first_pid_namespace()) return;
  const auto root = private_tracefs();
  if (const auto instances = folder_in(root.get(), "instances")) remove_stale(instances.get());
}

void SignalTrace::take_in() {
  std::array<char, 4096> block{};
  for (;;) {
    const auto count = ::read(pipe_.get(), block.data(), block.size());
    if (count <= 0) break;
    unfinished_.append(block.data(), static_cast<std::size_t>(count));
    for (auto end = unfinished_.find('\n'); end != std::string::npos;
         end = unfinished_.find('\n')) {
      if (auto signal = sent_signal(unfinished_.substr(0, end))) {
        auto sender = culprit(signal->sender, signal->sender_name);
        sent_.push_back({std::move(*signal), std::move(sender), now()});
        if (sent_.size() > kMax) sent_.pop_front();
      }
      unfinished_.erase(0, end + 1);
    }
  }
}

std::optional<SignalTrace::Sent> SignalTrace::look_up(int signal, pid_t to) const {
  const auto ours = folder_in(instances_.get(), name_.c_str());
  const ScopedFd trace(::openat(ours.get(), "trace", O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> block{};
  for (ssize_t count = 1; trace && count > 0;) {
    count = ::read(trace.get(), block.data(), block.size());
    if (count > 0) text.append(block.data(), static_cast<std::size_t>(count));
  }
  std::optional<SentSignal> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    auto sent = sent_signal(line);
    if (!sent || sent->to != to) continue;
    if (sent->out_of_memory || (sent->signal == signal && !(found && found->out_of_memory)))
      found = std::move(sent);
  }
  if (!found) return std::nullopt;
  auto sender = culprit(found->sender, found->sender_name);
  return Sent{std::move(*found), std::move(sender), now()};
}

std::optional<SignalTrace::Sent> SignalTrace::last(int signal, pid_t to) {
  take_in();
  for (auto one = sent_.rbegin(); one != sent_.rend(); ++one) {
    if (one->signal.signal == signal && one->signal.to == to && !one->signal.out_of_memory)
      return *one;
  }
  return std::nullopt;
}

bool SignalTrace::out_of_memory(pid_t pid) {
  take_in();
  for (const auto& one : sent_) {
    if (one.signal.out_of_memory && one.signal.to == pid) return true;
  }
  return false;
}

std::optional<std::uint64_t> oom_kills_around(pid_t pid) {
  const auto groups = read_file("/proc/" + std::to_string(pid) + "/cgroup");
  if (!groups) return std::nullopt;
  std::istringstream lines(*groups);
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    const auto path = line.substr(second + 1);
    std::string file;
    if (controllers == "memory") {
      file = "/sys/fs/cgroup/memory" + path + "/memory.oom_control";
    } else if (controllers.empty()) {
      file = "/sys/fs/cgroup" + path + "/memory.events";
    }
    const auto text = file.empty() ? Result<std::string>(Error{}) : read_file(file);
    if (!text) continue;
    const auto at = ("\n" + *text).find("\noom_kill ");
    if (at == std::string::npos) continue;
    return std::strtoull(text->c_str() + at + std::string_view("oom_kill ").size(), nullptr, 10);
  }
  return std::nullopt;
}

}  // namespace lastcall

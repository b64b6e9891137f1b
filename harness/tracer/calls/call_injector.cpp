#include "tracer/calls/call_injector.hpp"

#include <fcntl.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstddef>
#include <filesystem>

#include "base/durations.hpp"
#include "base/text.hpp"
#include "tracer/loop/filter.hpp"
#include "tracer/ptrace/descriptors.hpp"
#include "tracer/ptrace/memory.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxVectors = 1024;  // UIO_MAXIOV
constexpr std::string_view kDeleted = " (deleted)";

std::string proc(pid_t tid, const std::string& what) {
  return "/proc/" + std::to_string(tid) + "/" + what;
}

// Where a socket listens, or the one that accepted another: a port whatever the address, because
// most listen on any.
std::string place_of(const std::string& address) {
  if (address.starts_with('/') || address.starts_with('@')) return address;
  return address.substr(address.rfind(':') + 1);
}

bool has_option(int socket, int option, int wanted) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

bool is_connected(int socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  return ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

// Who waits for edges takes a short write for a full buffer and waits until there is room
// (epoll(7), question 9). No news of it would come where there was room all the time; setting an
// option to what it is makes the kernel tell. Of no other descriptors than sockets of TCP and Unix.
void tell_of_room(int socket) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, &size) == 0) {
    (void)::setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, size);
  } else if (has_option(socket, SO_DOMAIN, AF_UNIX) &&
             ::getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &value, &size) == 0) {
    value /= 2;  // it reads as twice what was set, socket(7)
    (void)::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &value, size);
  }
}

bool appends_to_file(pid_t tid, int descriptor) {
  struct stat status {};
  return (descriptor_flags(tid, descriptor).value_or(0) & O_APPEND) != 0 &&
         ::stat(proc(tid, "fd/" + std::to_string(descriptor)).c_str(), &status) == 0 &&
         S_ISREG(status.st_mode);
}

bool is_within(const std::string& folder, const std::string& path) {
  return path == folder || path.starts_with(folder + "/");
}

std::string value_text(std::uint64_t value) {
  constexpr std::int64_t kLarge = 1 << 20;  // beyond it is a pointer, most likely
  const auto number = static_cast<std::int64_t>(value);
  if (number > -kLarge && number < kLarge) return std::to_string(number);
  return hexadecimal(value);
}

bool is_of_a_library(const Frame& frame) {
  const auto name = fs::path(frame.module).filename().string();
  return name.starts_with("libc.so") || name.starts_with("libc-") || name.starts_with("ld-") ||
         name.starts_with("libpthread");
}

}  // namespace

struct CallInjector::Call {
  Call(const Tracee& who, const SyscallEntry& what, const Syscall& how)
      : thread(who), entry(what), call(how), memory(who.calls, who.tid) {}

  // Of each argument: the path that it names, or what the descriptor is (descriptors.hpp).
  const std::vector<std::string>& files();
  [[nodiscard]] std::string text();
  // How half of what it writes is left out; nothing if it writes less than two bytes.
  [[nodiscard]] std::optional<Cut> cut();

  const Tracee& thread;
  const SyscallEntry& entry;
  const Syscall& call;

 private:
  [[nodiscard]] std::string path_at(std::uint64_t address, const std::string& folder);
  void cut_vector(Cut& cut, std::uint64_t address, std::uint64_t& count);
  Memory memory;
  std::vector<std::string> files_;
};

const std::vector<std::string>& CallInjector::Call::files() {
  if (!files_.empty()) return files_;
  std::string folder;
  for (std::size_t i = 0; i < call.arguments.size(); ++i) {
    const auto argument = entry.arguments[i];
    const auto descriptor = static_cast<int>(argument);
    const char kind = call.arguments[i];
    files_.emplace_back();
    if (kind == 'f' || (kind == 'd' && descriptor != AT_FDCWD)) {
      files_.back() = descriptor_target(thread.tid, descriptor);
      if (files_.back().ends_with(kDeleted))
        files_.back().resize(files_.back().size() - kDeleted.size());
      folder = files_.back();
    } else if (kind == 'p') {
      files_.back() = path_at(argument, std::exchange(folder, ""));
    }
  }
  return files_;
}

std::string CallInjector::Call::path_at(std::uint64_t address, const std::string& folder) {
  std::string path;
  while (path.size() < PATH_MAX) {
    const auto next = memory.get<char>(address + path.size());
    if (!next) return {};
    if (*next == '\0') break;
    path += *next;
  }
  if (path.starts_with('/')) return fs::path(path).lexically_normal().string();
  std::error_code ec;
  const auto from =
      folder.empty() ? fs::read_symlink(proc(thread.tid, "cwd"), ec) : fs::path(folder);
  if (path.empty()) return folder;  // AT_EMPTY_PATH
  return (from / path).lexically_normal().string();
}

std::string CallInjector::Call::text() {
  std::string text;
  for (std::size_t i = 0; i < call.arguments.size(); ++i) {
    const auto& file = files()[i];
    const auto number = std::to_string(static_cast<int>(entry.arguments[i]));
    const char kind = call.arguments[i];
    if (!text.empty()) text += ", ";
    if (kind == 'p') {
      text += '"' + file + '"';
    } else if (kind == 'd' && file.empty()) {
      text += "AT_FDCWD";
    } else if (kind == 'f' || kind == 'd') {
      text += file.empty() ? number : number + "<" + file + ">";
    } else {
      text += value_text(entry.arguments[i]);
    }
  }
  return std::string(call.name) + "(" + text + ")";
}

std::optional<CallInjector::Cut> CallInjector::Call::cut() {
  const auto second = entry.arguments[1];
  const auto third = entry.arguments[2];
  Cut cut{.third = third};
  if (call.writing == Writing::bytes && third >= 2) {
    cut.length = third / 2;
    return cut;
  }
  if (call.writing == Writing::vector) {
    auto count = third;
    cut_vector(cut, second, count);
    cut.length = count;
  } else if (call.writing == Writing::message) {
    const auto message = memory.get<msghdr>(second);
    if (!message) return std::nullopt;
    std::uint64_t count = message->msg_iovlen;
    cut_vector(cut, reinterpret_cast<std::uint64_t>(message->msg_iov), count);
    if (!cut.words.empty())
      cut.words.push_back({second + offsetof(msghdr, msg_iovlen), message->msg_iovlen, count});
  }
  return cut.words.empty() ? std::nullopt : std::optional(std::move(cut));
}

// The iovec in which the middle is becomes the last, and ends there.
void CallInjector::Call::cut_vector(Cut& cut, std::uint64_t address, std::uint64_t& count) {
  if (count > kMaxVectors) return;
  std::vector<iovec> parts(count);
  if (!memory.read(address, std::as_writable_bytes(std::span(parts)))) return;
  std::uint64_t left = 0;
  for (const auto& part : parts) left += part.iov_len;
  if (left < 2) return;
  left /= 2;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::uint64_t length = parts[i].iov_len;
    if (length < left) {
      left -= length;
      continue;
    }
    cut.words.push_back({address + i * sizeof(iovec) + offsetof(iovec, iov_len), length, left});
    count = i + 1;
    return;
  }
}

std::vector<int> CallInjector::syscalls(const std::vector<Rule>& rules) {
  std::vector<int> all;
  for (const auto& rule : rules) {
    for (const auto& call : syscalls_of(rule.when.syscall)) {
      if (const auto number = syscall_number(std::string(call.name))) all.push_back(*number);
    }
    if (rule.when.role == DescriptorRole::connection) all.push_back(SYS_listen);
  }
  return all;
}

CallInjector::CallInjector(Settings settings, SegmentWriter& segment, Reached reached)
    : state_folder_(std::move(settings.state_folder)),
      segment_(segment),
      reached_(std::move(reached)) {
  for (auto& rule : settings.rules) {
    Watch watch{.rule = std::move(rule), .calls = {}};
    for (const auto& call : syscalls_of(watch.rule.when.syscall)) {
      if (const auto number = syscall_number(std::string(call.name)))
        watch.calls.emplace(*number, call);
    }
    watches_.push_back(std::move(watch));
  }
}

void CallInjector::begin(Phase phase) { phase_ = std::max(phase_, phase); }

std::uint64_t CallInjector::counted(FaultId fault) const {
  const auto found =
      std::ranges::find(watches_, fault, [](const Watch& one) { return one.rule.fault; });
  return found == watches_.end() ? 0 : found->counted;
}

void CallInjector::executed(const Tracee& thread) {
  counting_ = true;
  cut_.erase(thread.tid);  // its memory is gone
}

SyscallAction CallInjector::on_syscall(const Tracee& thread, const SyscallEntry& entry) {
  if (entry.number == SYS_listen) {
    const auto socket = copy_of_descriptor(thread.tid, static_cast<int>(entry.arguments[0]));
    listening_.insert(place_of(own_address(socket.get())));
  }
  SyscallAction wish;
  // One that was cut short, and that the kernel makes again, goes on whole.
  if (!counting_ || put_back(thread)) return wish;
  wish.see_exit = leaving_.contains(thread.tid);
  for (auto& watch : watches_) {
    const auto known = watch.calls.find(entry.number);
    if (known == watch.calls.end() || (watch.rule.when.phase && phase_ < *watch.rule.when.phase))
      continue;
    const auto last = watch.rule.when.nth + (watch.rule.disturb ? watch.rule.disturb->count : 1);
    Call call(thread, entry, known->second);
    if (watch.counted + 1 >= last || !matches(watch, call)) continue;
    if (++watch.counted >= watch.rule.when.nth) wish.join(act(watch, call));
  }
  return wish;
}

bool CallInjector::matches(const Watch& watch, Call& call) const {
  const auto& [fault, when, disturb] = watch.rule;
  const bool named =
      when.path.empty() || std::ranges::any_of(call.files(), [&](const auto& file) {
        return file.starts_with('/') && ::fnmatch(when.path.c_str(), file.c_str(), 0) == 0;
      });
  return named && (!when.role || has_role(*when.role, call)) &&
         (!disturb || disturb->action != CallAction::short_write || call.cut());
}

bool CallInjector::has_role(DescriptorRole role, Call& call) const {
  const auto tid = call.thread.tid;
  const auto& files = call.files();
  for (std::size_t i = 0; i < files.size(); ++i) {
    const char kind = call.call.arguments[i];
    const auto descriptor = static_cast<int>(call.entry.arguments[i]);
    if (role == DescriptorRole::state) {
      if ((kind == 'p' || kind == 'f') && is_state(files[i])) return true;
    } else if (kind != 'f') {
      continue;
    } else if (role == DescriptorRole::log) {
      if (descriptor == 1 || descriptor == 2) return true;
      if (!is_state(files[i]) && appends_to_file(tid, descriptor)) return true;
    } else if (files[i].starts_with("socket:")) {
      const auto socket = copy_of_descriptor(tid, descriptor);
      const bool listens = has_option(socket.get(), SO_ACCEPTCONN, 1);
      if (role == DescriptorRole::listener && listens) return true;
      if (role == DescriptorRole::connection && !listens &&
          has_option(socket.get(), SO_TYPE, SOCK_STREAM) && is_connected(socket.get()) &&
          listening_.contains(place_of(own_address(socket.get()))))
        return true;
    }
  }
  return false;
}

bool CallInjector::is_state(const std::string& path) const {
  if (state_folder_.empty() || !path.starts_with('/')) return false;
  std::error_code ec;
  return is_within(state_folder_, path) ||
         is_within(state_folder_, fs::weakly_canonical(path, ec).string());
}

SyscallAction CallInjector::act(Watch& watch, Call& call) {
  const auto& rule = watch.rule;
  if (rule.disturb) return disturb(watch, call);
  if (rule.when.at == CallSide::exit) {
    leaving_[call.thread.tid] = {&rule, call.entry.number, call.text()};
    return {.see_exit = true};
  }
  record_reached(rule, call.thread, call.text());
  reached_(rule.fault, call.thread.tid);
  return {.delay = kLongestStand};
}

SyscallAction CallInjector::disturb(const Watch& watch, Call& call) {
  const auto& [fault, when, what] = watch.rule;
  const bool is_first = watch.counted == when.nth;
  auto text = text_of(*what);
  if (what->action == CallAction::error) text += " " + error_name(what->error);
  if (what->action == CallAction::delay) text += " " + format_duration(what->duration);
  if (is_first) segment_.record(FaultInvoked{fault, 0, std::move(text), 0, false});
  record_reached(watch.rule, call.thread, call.text());
  if (is_first) {
    segment_.record(FaultFinished{fault, 0, 0});
    reached_(fault, 0);
  }
  switch (what->action) {
    case CallAction::error:
      return {.error = what->error};
    case CallAction::short_write:
      return cut_short(call);
    case CallAction::delay:
      break;
  }
  return {.delay = what->duration};
}

SyscallAction CallInjector::cut_short(Call& call) {
  const auto cut = call.cut();
  if (!cut) return {};
  for (const auto& word : cut->words) {
    (void)call.thread.calls.write_memory(call.thread.tid, word.address,
                                         std::as_bytes(std::span(&word.cut, 1)));
  }
  cut_[call.thread.tid] = *cut;
  return {.see_exit = true, .length = cut->length};
}

bool CallInjector::put_back(const Tracee& thread) {
  const auto node = cut_.extract(thread.tid);
  if (node.empty()) return false;
  for (const auto& word : node.mapped().words) {
    (void)thread.calls.write_memory(thread.tid, word.address,
                                    std::as_bytes(std::span(&word.whole, 1)));
  }
  user_regs_struct registers{};
  if (node.mapped().length && thread.calls.registers(thread.tid, registers) == 0) {
    registers.rdx = node.mapped().third;
    (void)thread.calls.set_registers(thread.tid, registers);
  }
  return true;
}

void CallInjector::on_syscall_exit(const Tracee& thread, const SyscallEntry& entry, std::int64_t) {
  if (put_back(thread))
    tell_of_room(copy_of_descriptor(thread.tid, static_cast<int>(entry.arguments[0])).get());
  const auto found = leaving_.find(thread.tid);
  if (found == leaving_.end() || found->second.number != entry.number) return;
  const auto left = leaving_.extract(found);
  record_reached(*left.mapped().rule, thread, left.mapped().text);
  standing_.insert(thread.tid);
  reached_(left.mapped().rule->fault, thread.tid);
}

Nanoseconds CallInjector::stands_at_exit(const Tracee& thread) {
  return standing_.erase(thread.tid) > 0 ? Nanoseconds(kLongestStand) : Nanoseconds(0);
}

void CallInjector::record_reached(const Rule& rule, const Tracee& thread, std::string call) {
  // The time is that of the call, not of the look at the stack.
  const auto at = now();
  std::string place;
  if (stacks_left_ > 0) {
    --stacks_left_;
    const auto stack = stacks_.stacks_of({thread}).front();
    const auto caller = std::ranges::find_if_not(stack.frames, is_of_a_library);
    if (caller != stack.frames.end()) place = frame_text(*caller);
  }
  segment_.record(at, SyscallReached{rule.fault, thread.pid, thread.tid,
                                     rule.when.at == CallSide::exit, std::move(call), place});
}

}  // namespace lastcall

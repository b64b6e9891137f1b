#include "tracer/ends/last_calls.hpp"

#include <fcntl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "base/signal_names.hpp"
#include "tracer/loop/filter.hpp"
#include "tracer/ptrace/descriptors.hpp"
#include "tracer/ptrace/memory.hpp"

namespace lastcall {
namespace {

// What each argument is: d descriptor, f folder descriptor (AT_FDCWD is left out), p path, n
// number, s signal, a address of a socket and its length, _ not shown.
struct Shown {
  int number;
  std::string_view arguments;
};
constexpr std::array kShown{
    Shown{SYS_open, "p"},
    Shown{SYS_openat, "fp"},
    Shown{SYS_openat2, "fp"},
    Shown{SYS_creat, "p"},
    Shown{SYS_close, "d"},
    Shown{SYS_connect, "da"},
    Shown{SYS_accept, "d"},
    Shown{SYS_accept4, "d"},
    Shown{SYS_bind, "da"},
    Shown{SYS_listen, "dn"},
    Shown{SYS_shutdown, "dn"},
    Shown{SYS_unlink, "p"},
    Shown{SYS_unlinkat, "fp"},
    Shown{SYS_rmdir, "p"},
    Shown{SYS_mkdir, "p"},
    Shown{SYS_mkdirat, "fp"},
    Shown{SYS_rename, "pp"},
    Shown{SYS_renameat, "fpfp"},
    Shown{SYS_renameat2, "fpfp"},
    Shown{SYS_chdir, "p"},
    Shown{SYS_kill, "ns"},
    Shown{SYS_tkill, "ns"},
    Shown{SYS_tgkill, "nns"},
    Shown{SYS_pidfd_send_signal, "ds"},
    Shown{SYS_rt_sigqueueinfo, "ns"},
    Shown{SYS_execve, "p"},
    Shown{SYS_execveat, "fp"},
};

std::string in_quotes(std::string_view text) {
  std::string all = "\"";
  for (const char byte : text.substr(0, LastCalls::kMaxText)) {
    if (byte == '"' || byte == '\\') all += '\\';
    const bool is_control = static_cast<unsigned char>(byte) < ' ' || byte == '\x7f';
    all += is_control ? '?' : byte;
  }
  return all + (text.size() > LastCalls::kMaxText ? "\"…" : "\"");
}

class Arguments {
 public:
  Arguments(const Tracee& thread, const SyscallEntry& entry)
      : thread_(thread), entry_(entry), memory_(thread.calls, thread.tid) {}

  std::string text(std::string_view kinds) {
    std::string all;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      const auto one = kinds[i] == '_' ? "" : argument(kinds[i], i);
      if (!one.empty()) all += (all.empty() ? "" : ", ") + one;
    }
    return all;
  }

 private:
  std::string argument(char kind, std::size_t i) {
    const auto value = entry_.arguments[i];
    const auto number = static_cast<int>(value);
    switch (kind) {
      case 'p':
        return path(value);
      case 's':
        return signal_name(number);
      case 'a':
        return address(value, entry_.arguments[i + 1]);
      case 'f':
        return number == AT_FDCWD ? "" : descriptor(number);
      case 'd':
        return descriptor(number);
      default:
        return std::to_string(number);
    }
  }

  std::string path(std::uint64_t address) {
    std::string text;
    while (text.size() <= LastCalls::kMaxText) {
      const auto byte = memory_.get<char>(address + text.size());
      if (!byte || *byte == '\0') break;
      text += *byte;
    }
    return in_quotes(text);
  }

  std::string address(std::uint64_t at, std::uint64_t size) {
    sockaddr_storage address{};
    size = std::min<std::uint64_t>(size, sizeof address);
    if (!memory_.read(at, std::as_writable_bytes(std::span(&address, 1)).first(size))) return "?";
    const auto text = address_text(address, static_cast<socklen_t>(size));
    return text.empty() ? "?" : text;
  }

  std::string descriptor(int number) {
    auto text = std::to_string(number);
    const auto target = descriptor_target(thread_.tid, number);
    if (target.empty()) return text + " not open";
    text += " " + target;
    if (!target.starts_with("socket:")) return text;
    const auto copy = copy_of_descriptor(thread_.tid, number);
    if (const auto own = own_address(copy.get()); !own.empty()) text += " at " + own;
    if (const auto peer = peer_address(copy.get()); !peer.empty()) text += " of " + peer;
    return text;
  }

  const Tracee& thread_;
  const SyscallEntry& entry_;
  Memory memory_;
};

}  // namespace

std::string call_text(const LastCall& call) {
  return call.call + (call.result.empty() ? "" : " = " + call.result);
}

std::vector<int> LastCalls::syscalls() {
  std::vector<int> all;
  for (const auto& shown : kShown) all.push_back(shown.number);
  return all;
}

std::vector<LastCall> LastCalls::of(pid_t pid) const {
  const auto found = calls_.find(pid);
  if (found == calls_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

SyscallAction LastCalls::on_syscall(const Tracee& thread, const SyscallEntry& entry) {
  const auto shown = std::ranges::find(kShown, static_cast<int>(entry.number), &Shown::number);
  if (shown == kShown.end()) return {};
  keep(thread,
       syscall_name(entry.number) + "(" + Arguments(thread, entry).text(shown->arguments) + ")");
  return {.see_exit = true};
}

void LastCalls::on_exit_call(const Tracee& thread, int code) {
  keep(thread, "exit_group(" + std::to_string(code) + ")");
}

void LastCalls::keep(const Tracee& thread, std::string call) {
  auto& calls = calls_[thread.pid];
  if (calls.size() == kKept) calls.pop_front();
  calls.push_back({now(), thread.tid, std::move(call), ""});
}

void LastCalls::on_syscall_exit(const Tracee& thread, const SyscallEntry& entry,
                                std::int64_t result) {
  auto& calls = calls_[thread.pid];
  const auto made = syscall_name(entry.number) + "(";
  const auto call = std::ranges::find_if(calls.rbegin(), calls.rend(), [&](const LastCall& one) {
    return one.tid == thread.tid && one.result.empty() && one.call.starts_with(made);
  });
  if (call == calls.rend()) return;  // many others came since
  call->result = result < 0 ? std::strerror(static_cast<int>(-result)) : std::to_string(result);
}

void LastCalls::process_ended(pid_t pid, const siginfo_t&) {
  const auto calls = calls_.extract(pid);
  if (!calls.empty()) ended_(pid, {calls.mapped().begin(), calls.mapped().end()});
}

}  // namespace lastcall

#include "tracer/ends/last_words.hpp"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <span>

#include "tracer/ptrace/memory.hpp"

namespace lastcall {
namespace {

constexpr std::uint64_t kMaxPieces = 64;  // of one writev(2); more than any logger makes

}  // namespace

std::vector<ConditionalCall> LastWords::syscalls() {
  constexpr auto kAtMost = ConditionalCall::If::at_most;
  return {{SYS_write, 0, kAtMost, STDERR_FILENO}, {SYS_writev, 0, kAtMost, STDERR_FILENO}};
}

SyscallAction LastWords::on_syscall(const Tracee& thread, const SyscallEntry& entry) {
  const auto& arguments = entry.arguments;
  const auto descriptor = static_cast<int>(arguments[0]);
  if (descriptor != STDOUT_FILENO && descriptor != STDERR_FILENO) return {};
  if (entry.number == SYS_write) {
    keep(thread, arguments[1], arguments[2]);
  } else if (entry.number == SYS_writev) {
    Memory memory(thread.calls, thread.tid);
    for (std::uint64_t i = 0; i < std::min(arguments[2], kMaxPieces); ++i) {
      const auto piece = memory.get<iovec>(arguments[1] + i * sizeof(iovec));
      if (!piece) break;
      keep(thread, reinterpret_cast<std::uint64_t>(piece->iov_base), piece->iov_len);
    }
  }
  return {};
}

void LastWords::keep(const Tracee& thread, std::uint64_t address, std::uint64_t size) {
  const auto most = std::min<std::uint64_t>(size, kKept);
  std::string text(most, '\0');
  text.resize(thread.calls.read_memory(thread.tid, address + (size - most),
                                       std::as_writable_bytes(std::span(text))));
  auto& words = words_[thread.pid];
  words += text;
  if (words.size() > kKept) words.erase(0, words.size() - kKept);
}

void LastWords::process_ended(pid_t pid, const siginfo_t&) {
  auto words = words_.extract(pid);
  if (!words.empty()) ended_(pid, std::move(words.mapped()));
}

}  // namespace lastcall

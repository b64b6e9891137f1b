#include "tracer/calls/use_after_close.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/kcmp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <utility>

#include "base/file.hpp"
#include "tracer/loop/filter.hpp"
#include "tracer/ptrace/descriptors.hpp"
#include "tracer/ptrace/sending_calls.hpp"

namespace lastcall {
namespace {

using How = LateWrite::How;

bool has_two_descriptors(const SyscallEntry& entry) {
  return entry.number == SYS_sendfile || entry.number == SYS_splice;
}

// The descriptor that the call writes to; nothing if that is not watched.
std::optional<int> watched_by(const SyscallEntry& entry) {
  const auto descriptor = written_to(entry);
  return descriptor < LateWrites::kMaxDescriptors ? descriptor : std::nullopt;
}

bool share_descriptors(pid_t one, pid_t other) {
  return ::syscall(SYS_kcmp, one, other, KCMP_FILES, 0, 0) == 0;
}

// EBADF also of a number that is open again, but not for writing, or that is not to blame.
bool is_explained(const Tracee& thread, const SyscallEntry& entry, int descriptor) {
  const auto flags = descriptor_flags(thread.tid, descriptor);
  return flags &&
         ((*flags & O_ACCMODE) == O_RDONLY || (*flags & O_PATH) != 0 || has_two_descriptors(entry));
}

}  // namespace

std::vector<int> LateWrites::syscalls() {
  std::vector<int> all{SYS_close, SYS_close_range, SYS_dup2, SYS_dup3, SYS_shutdown};
  all.insert(all.end(), kWrites.begin(), kWrites.end());
  all.insert(all.end(), kSends.begin(), kSends.end());
  return all;
}

// The kernel gave it descriptors of its own, without those that are closed on exec.
void LateWrites::executed(const Tracee& thread) {
  tables_[thread.pid] = std::make_shared<Table>();
  stacks_.forget(thread.pid);
}

void LateWrites::began(const Tracee& thread) {
  if (thread.tid != thread.pid) return;
  const auto parent = std::atoi(thread.calls.status_field(thread.pid, "PPid").c_str());
  const auto known = tables_.find(parent);
  if (known == tables_.end()) return;
  if (share_descriptors(parent, thread.pid)) {
    tables_[thread.pid] = known->second;
  } else {
    auto& table = *(tables_[thread.pid] = std::make_shared<Table>(*known->second));
    table.stacks_left = kMaxStacks;
  }
}

void LateWrites::process_ended(pid_t pid, const siginfo_t&) { tables_.erase(pid); }

LateWrites::Table& LateWrites::table_of(const Tracee& thread) {
  auto& table = tables_[thread.pid];
  if (!table) table = std::make_shared<Table>();
  if (!std::exchange(table->looked, true)) {
    for (const int descriptor : descriptors_of(thread.tid)) {
      if (descriptor < kMaxDescriptors) table->descriptors.try_emplace(descriptor);
    }
  }
  return *table;
}

SyscallAction LateWrites::on_syscall(const Tracee& thread, const SyscallEntry& entry) {
  const auto& arguments = entry.arguments;
  const auto first = static_cast<unsigned>(arguments[0]);
  const auto second = static_cast<unsigned>(arguments[1]);
  switch (entry.number) {
    case SYS_close:
      mark(thread, {How::closed, first, first});
      break;
    case SYS_close_range:
      if ((arguments[2] & CLOSE_RANGE_CLOEXEC) == 0) mark(thread, {How::closed, first, second});
      break;
    case SYS_dup2:
    case SYS_dup3:
      if (first != second) mark(thread, {How::closed, second, second});
      break;
    case SYS_shutdown:
      if (second == SHUT_WR || second == SHUT_RDWR) mark(thread, {How::shut_down, first, first});
      break;
    default:
      if (const auto descriptor = watched_by(entry)) {
        ++sends_;
        const auto& known = table_of(thread).descriptors;
        const auto found = known.find(*descriptor);
        return {.see_exit = found == known.end() || found->second.mark};
      }
  }
  return {};
}

void LateWrites::mark(const Tracee& thread, const Closing& closing) {
  auto& table = table_of(thread);
  std::vector<int> numbers{static_cast<int>(closing.first)};
  if (closing.first != closing.last) numbers = descriptors_of(thread.tid);
  std::shared_ptr<const UnnamedStack> by;
  for (const int number : numbers) {
    if (static_cast<unsigned>(number) < closing.first ||
        static_cast<unsigned>(number) > closing.last || number < 0 || number >= kMaxDescriptors)
      continue;
    auto target = descriptor_target(thread.tid, number);
    if (target.empty()) continue;  // not open, so not closed either
    ++closes_;
    if (target.starts_with("pipe:")) look_for_other_end(thread, table, number, target);
    const bool is_socket = target.starts_with("socket:");
    auto peer = is_socket ? peer_address(copy_of_descriptor(thread.tid, number).get()) : "";
    if (!by || (is_socket && by->stack.frames.empty())) by = closer(thread, table, is_socket);
    table.descriptors[number] = {
        std::make_shared<Mark>(Mark{closing.how, std::move(target), std::move(peer), by, now()})};
  }
}

void LateWrites::look_for_other_end(const Tracee& thread, Table& table, int number,
                                    const std::string& target) {
  if (table.own_pipes.contains(target) || table.pipe_looks_left == 0) return;
  --table.pipe_looks_left;
  const auto has_end = [&](pid_t pid, int but) {
    return std::ranges::any_of(descriptors_of(pid), [&](int other) {
      return other != but && descriptor_target(pid, other) == target;
    });
  };
  if (!has_end(thread.tid, number)) return;
  bool is_shared = std::ranges::any_of(tables_, [&](const auto& entry) {
    return entry.first != thread.pid && has_end(entry.first, -1);
  });
  // A child that has not run yet is not among them.
  const auto task = "/proc/" + std::to_string(thread.pid) + "/task/" + std::to_string(thread.tid);
  const auto listed = read_file(task + "/children");
  std::istringstream children(listed ? *listed : "");
  for (pid_t child = 0; !is_shared && children >> child;) is_shared = has_end(child, -1);
  if (!is_shared) table.own_pipes.insert(target);
}

std::shared_ptr<const UnnamedStack> LateWrites::closer(const Tracee& thread, Table& table,
                                                       bool with_stack) {
  if (with_stack && table.stacks_left > 0) {
    --table.stacks_left;
    return std::make_shared<UnnamedStack>(stacks_.unnamed({thread}, Mappings::as_known).front());
  }
  return std::make_shared<UnnamedStack>(
      UnnamedStack{.stack = {.pid = thread.pid,
                             .tid = thread.tid,
                             .thread_name = thread_name(thread.tid),
                             .frames = {},
                             .ends_because = with_stack ? "too many were taken before"
                                                        : "taken only of who closes a socket"},
                   .places = {}});
}

void LateWrites::on_syscall_exit(const Tracee& thread, const SyscallEntry& entry,
                                 std::int64_t result) {
  const auto descriptor = watched_by(entry);
  if (!descriptor) return;
  auto& known = table_of(thread).descriptors;
  const auto found = known.find(*descriptor);
  if (found != known.end() && !found->second.mark) return;
  const auto* mark = found == known.end() ? nullptr : found->second.mark.get();
  const bool late = (result == -EBADF && !is_explained(thread, entry, *descriptor)) ||
                    (result == -EPIPE && mark != nullptr && mark->how == How::shut_down);
  if (late) {
    report(thread, entry, static_cast<int>(-result));
  } else if (mark != nullptr) {
    // A call that overtook the closing says nothing about what comes after it.
    const auto target = descriptor_target(thread.tid, *descriptor);
    if (target.empty()) return;
    if (target == mark->target && !std::exchange(found->second.answered, true)) return;
  }
  known[*descriptor] = {};
}

void LateWrites::report(const Tracee& thread, const SyscallEntry& entry, int error) {
  LateWrite late{.how = How::before_the_watch,
                 .descriptor = *written_to(entry),
                 .what = {},
                 .call = syscall_name(entry.number),
                 .error = error,
                 .age = {},
                 .writer = {},
                 .closer = {}};
  if (const auto mark = table_of(thread).descriptors[late.descriptor].mark) {
    // It would have woken a thread of its own.
    if (mark->target.starts_with("anon_inode:") ||
        table_of(thread).own_pipes.contains(mark->target))
      return;
    late.how = mark->how;
    late.what = mark->target + (mark->peer.empty() ? "" : " of " + mark->peer);
    late.age = now() - mark->at;
    late.closer = stacks_.named({*mark->closer}).front();
  }
  late.writer = stacks_.stacks_of({thread}).front();
  found_(std::move(late));
}

}  // namespace lastcall

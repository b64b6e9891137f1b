#include "tracer/ptrace/linux_ptrace.hpp"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.hpp"

namespace lastcall {
namespace {

// glibc's prototype wants its own enumeration, and some requests are only the kernel's.
template <class Address, class Data>
int request(unsigned what, pid_t tid, Address address, Data data) {
  return ::ptrace(static_cast<__ptrace_request>(what), tid, address, data) == -1 ? errno : 0;
}

timespec to_timespec(std::chrono::nanoseconds limit) {
  const auto count = std::max<std::int64_t>(limit.count(), 0);
  return {count / 1'000'000'000, count % 1'000'000'000};
}

void drain(int fd) {
  std::array<std::byte, sizeof(signalfd_siginfo)> ignored{};
  while (::read(fd, ignored.data(), ignored.size()) > 0) {
  }
}

}  // namespace

Result<LinuxPtrace> LinuxPtrace::create() {
  sigset_t mask;
  ::sigemptyset(&mask);
  ::sigaddset(&mask, SIGCHLD);
  ScopedFd child_signals(::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!child_signals) return Error{"create a signalfd", "", errno, ""};
  ScopedFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return Error{"create an eventfd", "", errno, ""};
  return LinuxPtrace(std::move(child_signals), std::move(wake));
}

int LinuxPtrace::seize(pid_t pid, std::uint32_t options) {
  return request(PTRACE_SEIZE, pid, nullptr, static_cast<unsigned long>(options));
}

int LinuxPtrace::interrupt(pid_t tid) { return request(PTRACE_INTERRUPT, tid, nullptr, nullptr); }

std::optional<siginfo_t> LinuxPtrace::wait() {
  siginfo_t info{};
  // Stops of tracees are reported whatever the options; WSTOPPED would add those of others.
  while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL) != 0) {
    if (errno != EINTR) return std::nullopt;  // ECHILD: nobody is left
  }
  if (info.si_pid == 0) return std::nullopt;
  return info;
}

void LinuxPtrace::await(std::chrono::nanoseconds limit) {
  pollfd waiting{child_signals_.get(), POLLIN, 0};
  const auto most = to_timespec(limit);
  if (::ppoll(&waiting, 1, &most, nullptr) > 0) drain(child_signals_.get());
}

void LinuxPtrace::await_or_wake(std::chrono::nanoseconds limit) {
  std::array<pollfd, 2> waiting{{{child_signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
  const auto most = to_timespec(limit);
  if (::ppoll(waiting.data(), waiting.size(), &most, nullptr) <= 0) return;
  for (const auto& one : waiting) {
    if (one.revents != 0) drain(one.fd);
  }
}

void LinuxPtrace::wake() {
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

int LinuxPtrace::resume(pid_t tid, Resume how, int signal) {
  constexpr unsigned kRequests[] = {PTRACE_CONT, PTRACE_SYSCALL, PTRACE_SINGLESTEP, PTRACE_LISTEN};
  return request(kRequests[static_cast<std::size_t>(how)], tid, nullptr,
                 static_cast<unsigned long>(signal));
}

int LinuxPtrace::set_options(pid_t tid, std::uint32_t options) {
  return request(PTRACE_SETOPTIONS, tid, nullptr, static_cast<unsigned long>(options));
}

int LinuxPtrace::event_message(pid_t tid, std::uint64_t& message) {
  return request(PTRACE_GETEVENTMSG, tid, nullptr, &message);
}

int LinuxPtrace::signal_info(pid_t tid, siginfo_t& info) {
  return request(PTRACE_GETSIGINFO, tid, nullptr, &info);
}

int LinuxPtrace::set_signal_info(pid_t tid, const siginfo_t& info) {
  return request(PTRACE_SETSIGINFO, tid, nullptr, &info);
}

int LinuxPtrace::send(pid_t pid, pid_t tid, int signal) {
  return ::tgkill(pid, tid, signal) == 0 ? 0 : errno;
}

int LinuxPtrace::syscall_entry(pid_t tid, SyscallEntry& entry) {
  __ptrace_syscall_info info{};
  if (const int problem = request(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info);
      problem != 0 && info.op == PTRACE_SYSCALL_INFO_NONE) {
    return problem;
  }
  if (info.op == PTRACE_SYSCALL_INFO_SECCOMP) {
    entry.number = info.seccomp.nr;
    std::copy(std::begin(info.seccomp.args), std::end(info.seccomp.args), entry.arguments.begin());
  } else if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
    entry.number = info.entry.nr;
    std::copy(std::begin(info.entry.args), std::end(info.entry.args), entry.arguments.begin());
  } else {
    return EINVAL;
  }
  return 0;
}

int LinuxPtrace::registers(pid_t tid, user_regs_struct& registers) {
  return request(PTRACE_GETREGS, tid, nullptr, &registers);
}

int LinuxPtrace::set_registers(pid_t tid, const user_regs_struct& registers) {
  return request(PTRACE_SETREGS, tid, nullptr, &registers);
}

int LinuxPtrace::write_memory(pid_t tid, std::uint64_t address, std::span<const std::byte> bytes) {
  // Unlike process_vm_writev(2) this writes to read-only mappings, where code is.
  const auto path = "/proc/" + std::to_string(tid) + "/mem";
  const ScopedFd memory(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!memory) return errno;
  const auto written =
      ::pwrite(memory.get(), bytes.data(), bytes.size(), static_cast<off_t>(address));
  if (written < 0) return errno;
  return static_cast<std::size_t>(written) == bytes.size() ? 0 : EFAULT;
}

std::size_t LinuxPtrace::read_memory(pid_t pid, std::uint64_t address, std::span<std::byte> into) {
  const iovec local{into.data(), into.size()};
  const iovec remote{reinterpret_cast<void*>(address), into.size()};
  const auto count = ::process_vm_readv(pid, &local, 1, &remote, 1, 0);
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

pid_t LinuxPtrace::process_of(pid_t tid) {
  const auto text = status_field(tid, "Tgid");
  return text.empty() ? 0 : std::stoi(text);
}

bool LinuxPtrace::share_memory(pid_t one, pid_t other) {
  return ::syscall(SYS_kcmp, one, other, KCMP_VM, 0, 0) == 0;
}

std::string LinuxPtrace::status_field(pid_t pid, const std::string& field) {
  const auto status = read_file("/proc/" + std::to_string(pid) + "/status");
  if (!status) return {};
  const auto name = "\n" + field + ":\t";
  const auto begin = status->find(name);
  if (begin == std::string::npos) return {};
  const auto from = begin + name.size();
  return status->substr(from, status->find('\n', from) - from);
}

}  // namespace lastcall

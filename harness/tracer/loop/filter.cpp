#include "tracer/loop/filter.hpp"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "base/scoped_fd.hpp"

namespace lastcall {
namespace {

scmp_arg_cmp comparison(const ConditionalCall& call) {
  switch (call.condition) {
    case ConditionalCall::If::at_most:
      return {call.argument, SCMP_CMP_LE, call.value, 0};
    case ConditionalCall::If::differs:
      return {call.argument, SCMP_CMP_NE, call.value, 0};
    case ConditionalCall::If::has_bits:
      break;
  }
  return {call.argument, SCMP_CMP_MASKED_EQ, call.mask, call.value};
}

}  // namespace

Result<std::vector<sock_filter>> make_filter(std::span<const int> syscalls,
                                             std::span<const ConditionalCall> conditional) {
  const std::unique_ptr<void, decltype(&seccomp_release)> context(seccomp_init(SCMP_ACT_ALLOW),
                                                                  &seccomp_release);
  if (!context) return Error{"make a seccomp filter", "", ENOMEM, ""};
  int problem = seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
  for (const int number : syscalls) {
    if (problem == 0) problem = seccomp_rule_add(context.get(), SCMP_ACT_TRACE(0), number, 0);
  }
  for (const auto& call : conditional) {
    const auto only_if = comparison(call);
    if (problem == 0 && std::ranges::count(syscalls, call.number) == 0)
      problem = seccomp_rule_add_array(context.get(), SCMP_ACT_TRACE(0), call.number, 1, &only_if);
  }
  const ScopedFd file(::memfd_create("filter", MFD_CLOEXEC));
  if (problem == 0) problem = file ? seccomp_export_bpf(context.get(), file.get()) : -errno;
  if (problem != 0) return Error{"make a seccomp filter", "", -problem, ""};
  const auto size = ::lseek(file.get(), 0, SEEK_END);
  std::vector<sock_filter> program(static_cast<std::size_t>(size) / sizeof(sock_filter));
  if (::pread(file.get(), program.data(), static_cast<std::size_t>(size), 0) != size)
    return Error{"read a seccomp filter", "", errno, ""};
  return program;
}

std::optional<int> syscall_number(const std::string& name) {
  const int number = seccomp_syscall_resolve_name(name.c_str());
  return number < 0 ? std::nullopt : std::optional(number);
}

std::string syscall_name(std::uint64_t number) {
  const std::unique_ptr<char, decltype(&std::free)> name(
      seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(number)), &std::free);
  return name ? name.get() : "syscall " + std::to_string(number);
}

int TraceMe::wait_and_filter() const {
  if (filter_ == nullptr) return 0;
  std::uint64_t go = 0;
  if (::read(gate_, &go, sizeof go) != sizeof go) return ECANCELED;
  if (go == kUnfiltered) return 0;
  const auto forgo_privileges = [] { return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0; };
  if (go == kFilteredLater) return forgo_privileges() ? 0 : errno;
  const sock_fprog program{static_cast<unsigned short>(filter_->size()),
                           const_cast<sock_filter*>(filter_->data())};
  const auto filter = [&] {
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
  };
  // EACCES is for who lacks CAP_SYS_ADMIN.
  return filter() || (errno == EACCES && forgo_privileges() && filter()) ? 0 : errno;
}

}  // namespace lastcall

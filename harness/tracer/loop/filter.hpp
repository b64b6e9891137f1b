// A seccomp filter (seccomp(2)) that makes chosen system calls stop for the tracer and lets all
// others pass. Calls of a foreign architecture (32-bit programs) pass too: they are not seen.
#pragma once

#include <linux/filter.h>

#include <boost/system/error_code.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace lastcall {

// A call that stops only if one of its arguments, counted from 0, is as said: at most `value`,
// anything but `value`, or `value` in the bits of `mask`.
struct ConditionalCall {
  enum class If : std::uint8_t { at_most, differs, has_bits };
  int number = 0;
  unsigned argument = 0;
  If condition = If::differs;
  std::uint64_t value = 0;
  std::uint64_t mask = 0;
};

// `syscalls`: numbers of this machine's architecture. One that is among `conditional` too stops
// whatever its arguments are; one that is there several times stops if any of it is so.
Result<std::vector<sock_filter>> make_filter(std::span<const int> syscalls,
                                             std::span<const ConditionalCall> conditional = {});

// "rename" <-> 82. Nothing for a name that this architecture has no call of.
std::optional<int> syscall_number(const std::string& name);
std::string syscall_name(std::uint64_t number);

// An initialiser of a launcher: the child waits until it is traced, because without a tracer a
// filtered call fails with ENOSYS, and then filters itself, if it is told to. Async-signal-safe
// after fork. What other initialisers do after it is filtered already. Who lacks CAP_SYS_ADMIN pays
// with PR_SET_NO_NEW_PRIVS (prctl(2)) for a filter.
class TraceMe {
 public:
  static constexpr std::string_view kTried = "let itself be traced";
  // What the gate says.
  static constexpr std::uint64_t kFiltered = 1;
  static constexpr std::uint64_t kUnfiltered = 2;
  static constexpr std::uint64_t kFilteredLater = 3;  // by a FilterInjection

  // Not traced.
  TraceMe() = default;
  // `gate`: an eventfd(2); the child goes on once one of those was written to it.
  TraceMe(const std::vector<sock_filter>* filter, int gate) : filter_(filter), gate_(gate) {}

  boost::system::error_code on_exec_setup(auto&, const std::string&, char* const*) const {
    return {wait_and_filter(), boost::system::system_category()};
  }

 private:
  [[nodiscard]] int wait_and_filter() const;  // 0 or errno
  const std::vector<sock_filter>* filter_ = nullptr;
  int gate_ = -1;
};

}  // namespace lastcall

#include "tracer/ptrace/signals.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace lastcall {
namespace {

constexpr std::array kEveryday{SIGCHLD, SIGURG,    SIGWINCH, SIGALRM,
                               SIGPROF, SIGVTALRM, SIGIO,    SIGCONT};
// Ignored unless caught (signal(7)).
constexpr std::array kHarmless{SIGCHLD, SIGURG,  SIGWINCH, SIGCONT,
                               SIGSTOP, SIGTSTP, SIGTTIN,  SIGTTOU};

bool is_in(const Tracee& thread, int signal, const char* field) {
  const auto mask =
      std::strtoull(thread.calls.status_field(thread.pid, field).c_str(), nullptr, 16);
  return (mask >> (signal - 1) & 1U) != 0;
}

}  // namespace

bool is_fatal(const Tracee& thread, int signal) {
  return !is_caught(thread, signal) && !is_in(thread, signal, "SigIgn") &&
         std::ranges::count(kHarmless, signal) == 0;
}

bool is_caught(const Tracee& thread, int signal) { return is_in(thread, signal, "SigCgt"); }

bool is_everyday(int signal) { return std::ranges::count(kEveryday, signal) > 0; }

bool is_fault(int signal) {
  return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE;
}

bool has_sender(const siginfo_t& info) {
  return info.si_code == SI_USER || info.si_code == SI_TKILL || info.si_code == SI_QUEUE;
}

}  // namespace lastcall

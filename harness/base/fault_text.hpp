// What a thread did when the kernel sent it SIGSEGV or the like, from the signal's siginfo_t
// (sigaction(2)): "through a null pointer (address 0x10)".
#pragma once

#include <cstdint>
#include <string>

namespace lastcall {

// SIGSEGV, SIGBUS, SIGILL and SIGFPE that the kernel itself sent. Of any other signal and code
// empty.
std::string fault_text(int signal, int code, std::uint64_t address);

}  // namespace lastcall

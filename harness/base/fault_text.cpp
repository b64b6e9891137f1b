#include "base/fault_text.hpp"

#include <csignal>

#include "base/text.hpp"

namespace lastcall {
namespace {

std::string at(const char* where, std::uint64_t address) { return where + hexadecimal(address); }

}  // namespace

std::string fault_text(int signal, int code, std::uint64_t address) {
  if (code <= 0) return {};  // sent by a program
  switch (signal) {
    case SIGSEGV:
      // The processor does not say which address it was (a general protection fault).
      if (code == SI_KERNEL) return "at an address that no program can have";
      // The first page, as a member of what a null pointer points to has it.
      if (code == SEGV_MAPERR && address < 4096)
        return at("through a null pointer (address ", address) + ")";
      if (code == SEGV_MAPERR) return at("at address ", address) + ", where nothing is mapped";
      if (code == SEGV_ACCERR) return at("at address ", address) + ", which it may not access so";
      return at("at address ", address);
    case SIGBUS:
      if (code == BUS_ADRERR)
        return at("at address ", address) + ", beyond the end of the mapped file";
      if (code == BUS_ADRALN) return "at an address that is not aligned";
      return at("at address ", address);
    case SIGILL:
      return at("by an instruction that the processor does not know, at ", address);
    case SIGFPE:
      if (code == FPE_INTDIV) return at("by a division by zero, at ", address);
      if (code == FPE_INTOVF) return at("by an integer overflow, at ", address);
      return at("by an arithmetic error, at ", address);
    default:
      return {};
  }
}

}  // namespace lastcall

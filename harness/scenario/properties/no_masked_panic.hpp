// no-masked-panic: what a scenario can say about it. checkers/no_masked_panic.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct NoMaskedPanic {
  static constexpr std::string_view kName = "no-masked-panic";
  static constexpr std::string_view kHoldsWhen =
      "no programming error was swallowed, logged or not (Go, Rust, C++, a caught SIGSEGV; traced "
      "only)";
  static constexpr std::string_view kCannotSee =
      "Python, Node and Java, where exceptions are everyday; programs without symbols";
  static const Checker kChecker;

  std::vector<Allowance> allow;  // regular expressions

  static auto keys() {
    return std::tuple{Setting{
        {.name = "allow",
         .kind = Kind::pattern,
         .shape = Shape::list,
         .about = "Regular expressions. An error is excused if one of them matches its type, "
                  "its message or a function of its stack.",
         .fallback = "[]"},
        &NoMaskedPanic::allow}};
  }
};

}  // namespace lastcall::property

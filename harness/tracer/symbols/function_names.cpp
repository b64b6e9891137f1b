#include "tracer/symbols/function_names.hpp"

#include <cxxabi.h>
#define HAVE_DECL_BASENAME 1  // libiberty.h would declare it otherwise than string.h does
#include <libiberty/demangle.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace lastcall {

std::string demangle(const std::string& name) {
  using Text = std::unique_ptr<char, decltype(&std::free)>;
  if (!name.starts_with("_Z") && !name.starts_with("_R")) return name;
  // Rust's older names are valid ones of C++ too, but end in a hash.
  if (const Text rust(::rust_demangle(name.c_str(), DMGL_NO_OPTS), &std::free); rust)
    return rust.get();
  int status = 0;
  const Text cpp(abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), &std::free);
  return cpp ? cpp.get() : name;
}

bool is_library_function(std::string_view name) {
  constexpr std::string_view kFunctions[] = {"std::",
                                             "void std::",
                                             "<std::",
                                             "runtime.",
                                             "core::",
                                             "<core::",
                                             "__gthread",
                                             "__glibcxx_",
                                             "pthread_",
                                             "__pthread",
                                             "__lll_",
                                             "__futex",
                                             "syscall",
                                             "clone",
                                             "os.Exit",
                                             "log.Fatal",
                                             "log.(*Logger).Fatal"};
  return std::ranges::any_of(kFunctions,
                             [&](std::string_view part) { return name.starts_with(part); });
}

bool is_named(std::string_view function, std::string_view wanted) {
  for (auto at = function.find(wanted); at != function.npos; at = function.find(wanted, at + 1)) {
    const auto end = at + wanted.size();
    const bool begins = at == 0 || std::string_view(":. ").find(function[at - 1]) != function.npos;
    if (begins && (end == function.size() || function[end] == '(')) return !wanted.empty();
  }
  return false;
}

std::string_view word_of_symbol(std::string_view wanted) {
  std::string_view longest;
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i <= wanted.size(); ++i) {
    const char c = i < wanted.size() ? wanted[i] : '\0';
    const bool is_letter =
        c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (is_letter && depth == 0) continue;
    if (depth == 0 && i - begin > longest.size()) longest = wanted.substr(begin, i - begin);
    if (c == '(' || c == '<') ++depth;
    if ((c == ')' || c == '>') && depth > 0) --depth;
    begin = i + 1;
  }
  return longest;
}

}  // namespace lastcall

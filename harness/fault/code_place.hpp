// A place in a program's code as a scenario names it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lastcall {

struct CodePlace {
  std::string function;      // as in the source, with or without parameters and outer scopes
  std::uint64_t within = 0;  // bytes from its beginning
  friend bool operator==(const CodePlace&, const CodePlace&) = default;
};

// "SendQueue::push+0x1f". What does not end like that is a function as a whole.
CodePlace code_place(std::string_view text);

}  // namespace lastcall

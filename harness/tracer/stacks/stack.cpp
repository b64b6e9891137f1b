#include "tracer/stacks/stack.hpp"

#include <algorithm>
#include <span>
#include <string_view>

#include "base/text.hpp"
#include "tracer/symbols/function_names.hpp"

namespace lastcall {
namespace {

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Threads wait alike if they are in the same functions; where in a function does not matter.
bool same_functions(const Stack& one, const Stack& other) {
  return one.pid == other.pid && one.ends_because.empty() == other.ends_because.empty() &&
         std::ranges::equal(one.frames, other.frames, [](const Frame& a, const Frame& b) {
           return a.module == b.module && a.function == b.function &&
                  (!a.function.empty() || a.address == b.address);
         });
}

std::string thread_text(const Stack& stack) {
  return stack.thread_name + " (" + std::to_string(stack.tid) + ")";
}

std::string frames_text(const Stack& stack) {
  std::string text;
  const auto& frames = stack.frames;
  for (std::size_t i = 0; i < frames.size();) {
    const auto line = frame_text(frames[i]);
    std::size_t next = i + 1;
    while (next < frames.size() && frame_text(frames[next]) == line) ++next;
    text += "  " + line;
    if (next - i > 1) text += " (" + std::to_string(next - i) + " times)";
    text += '\n';
    i = next;
  }
  if (!stack.ends_because.empty()) text += "  ends: " + stack.ends_because + '\n';
  return text;
}

bool begins_with_any(std::string_view text, std::span<const std::string_view> parts) {
  return std::ranges::any_of(parts, [&](std::string_view part) { return text.starts_with(part); });
}

// The interpreter whose own code the frame is in; empty if it is in none.
std::string interpreter_of(const Frame& frame) {
  constexpr std::string_view kPython[] = {"python3", "libpython3", "python2", "libpython2"};
  constexpr std::string_view kNode[] = {"nodejs", "libnode.so"};
  constexpr std::string_view kJvm[] = {"libjvm.so", "libjli.so"};
  const auto file = file_name(frame.module);
  if (begins_with_any(file, kPython)) return "the Python interpreter";
  if (file == "node" || begins_with_any(file, kNode)) return "Node";
  return file == "java" || begins_with_any(file, kJvm) ? "the JVM" : "";
}

// What a program compiles into itself of libraries may be all that is left of its own functions.
const Frame* own_frame(const Stack& stack) {
  auto own = std::ranges::find_if_not(stack.frames, is_library_frame);
  if (own == stack.frames.end()) own = std::ranges::find_if_not(stack.frames, is_in_library);
  if (own == stack.frames.end()) own = stack.frames.begin();
  return own == stack.frames.end() ? nullptr : &*own;
}

}  // namespace

bool is_in_library(const Frame& frame) {
  constexpr std::string_view kFiles[] = {"libc.so", "libc-",    "libpthread", "libstdc++.so",
                                         "libc++",  "libgcc_s", "ld-linux",   "[vdso]"};
  return begins_with_any(std::string_view(frame.module).substr(frame.module.rfind('/') + 1),
                         kFiles);
}

bool is_library_frame(const Frame& frame) {
  return is_in_library(frame) || (frame.inlined.empty() && is_library_function(frame.function));
}

std::string place_of(const Stack& stack) {
  const auto* own = own_frame(stack);
  return own == nullptr ? "?" : frame_text(*own);
}

std::string stack_text(const Stack& stack) {
  return thread_text(stack) + " in " + place_of(stack) + '\n' + frames_text(stack);
}

std::string exit_text(const Stack& stack) {
  const auto* own = own_frame(stack);
  const auto interpreter = own == nullptr ? "" : interpreter_of(*own);
  if (interpreter.empty()) return stack_text(stack);
  return thread_text(stack) + " in " + interpreter + '\n' + frames_text(stack);
}

std::string frame_text(const Frame& frame) {
  std::string text = frame.function;
  if (text.empty()) text = file_name(frame.module);
  if (text.empty()) return hexadecimal(frame.address);
  if (frame.offset != 0) text += "+" + hexadecimal(frame.offset);
  if (!frame.inlined.empty()) text = frame.inlined + ", inlined in " + text;
  if (!frame.file.empty())
    text += " at " + file_name(frame.file) + ":" + std::to_string(frame.line);
  return text;
}

std::string stacks_text(const std::vector<Stack>& stacks) {
  std::vector<std::vector<const Stack*>> groups;
  for (const auto& stack : stacks) {
    const auto group = std::ranges::find_if(
        groups, [&](const auto& one) { return same_functions(*one.front(), stack); });
    if (group == groups.end()) {
      groups.push_back({&stack});
    } else {
      group->push_back(&stack);
    }
  }
  std::string text;
  for (const auto& group : groups) {
    const auto count = group.size();
    text += std::to_string(count) + (count == 1 ? " thread of " : " threads of ") +
            std::to_string(group.front()->pid) + ": ";
    for (const auto* stack : group) {
      if (stack != group.front()) text += ", ";
      text += thread_text(*stack);
    }
    text += '\n' + frames_text(*group.front());
  }
  return text;
}

}  // namespace lastcall

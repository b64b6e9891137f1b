// Calls a function again and again and appends to a file how many nanoseconds a call took:
// `breakpoint_subject push|lea CALLS FILE`. Both functions do next to nothing. What the first one
// begins with a tracer can do itself; what the second one begins with it lets the thread do, step
// by step.
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string_view>

extern "C" void begins_with_push();
extern "C" void begins_with_lea();

asm(R"(
.text
.globl begins_with_push
.type begins_with_push, @function
begins_with_push:
  push %rbp
  pop %rbp
  ret
.size begins_with_push, .-begins_with_push
.globl begins_with_lea
.type begins_with_lea, @function
begins_with_lea:
  lea 1(%rdi), %rax
  ret
.size begins_with_lea, .-begins_with_lea
)");

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  auto* const called = std::string_view(argv[1]) == "push" ? begins_with_push : begins_with_lea;
  const long calls = std::atol(argv[2]);
  const auto begin = std::chrono::steady_clock::now();
  for (long i = 0; i < calls; ++i) called();
  const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begin;
  std::ofstream(argv[3], std::ios::app) << took.count() / calls << "\n";
}

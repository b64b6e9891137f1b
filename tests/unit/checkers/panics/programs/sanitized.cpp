// What each sanitizer finds, in the way the argument names.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include <mutex>

int counter = 0;

int main(int argc, char** argv) {
  const std::string kind = argv[1];
  if (kind == "use-after-free") {
    auto* p = new int[4];
    delete[] p;
    return p[argc];
  }
  if (kind == "heap-buffer-overflow") {
    auto* p = new char[8];
    std::memset(p, 0, static_cast<std::size_t>(argc) + 7);
    return p[0];
  }
  if (kind == "stack-buffer-overflow") {
    volatile int small[4] = {};
    return small[argc + 2];
  }
  if (kind == "double-free") {
    void* volatile p = std::malloc(8);
    std::free(p);
    std::free(p);
  }
  if (kind == "segv") *reinterpret_cast<volatile int*>(argc * 8) = 1;
  if (kind == "leak") {
    void* volatile lost = std::malloc(77);
    lost = nullptr;
  }
  if (kind == "overflow") {
    volatile int big = 2147483647;
    big = big + argc;
    std::puts("went on");
  }
  if (kind == "null") {
    int* volatile p = nullptr;
    return *p;
  }
  if (kind == "data-race") {
    std::thread other([] { ++counter; });
    ++counter;
    other.join();
  }
  if (kind == "lock-order") {
    std::mutex a, b;
    std::thread([&] {
      std::lock_guard x(a);
      std::lock_guard y(b);
    }).join();
    std::thread([&] {
      std::lock_guard y(b);
      std::lock_guard x(a);
    }).join();
  }
  if (kind == "uninitialised") {
    auto* p = new int[4];
    if (p[argc] != 0) std::puts("odd");
  }
  return 0;
}

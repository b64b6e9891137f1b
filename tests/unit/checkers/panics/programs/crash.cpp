// Breaks in the way its argument names.
#include <cassert>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <pthread.h>
#include <unistd.h>

namespace {

struct Session {
  Session() { greet(); }
  virtual ~Session() = default;
  virtual void hello() = 0;
  void greet() { hello(); }
};
struct Loud : Session {
  void hello() override {}
};

struct ThrowsWhileUnwinding {
  ~ThrowsWhileUnwinding() noexcept(false) { throw std::runtime_error("again"); }
};

void smash(const char* text) {
  char small[8];
  char* volatile where = small;
  std::strcpy(where, text);
  std::puts(small);
}

void corrupt_top() {
  auto* p = static_cast<volatile std::size_t*>(std::malloc(24));
  p[3] = ~std::size_t{0};
  p = static_cast<volatile std::size_t*>(std::malloc(1 << 16));
}

int run(const std::string& kind, int argc) {
  if (kind == "throw") throw std::logic_error("session closed twice");
  if (kind == "throw-int") throw 7;
  if (kind == "thread")
    std::thread([] { throw std::runtime_error("worker lost its queue"); }).join();
  if (kind == "joinable-thread") std::thread forgotten([] { ::pause(); });
  if (kind == "noexcept") [&]() noexcept { throw std::bad_alloc(); }();
  if (kind == "throw-twice") {
    ThrowsWhileUnwinding t;
    throw std::runtime_error("first");
  }
  if (kind == "pure-virtual") Loud loud;
  if (kind == "assert") assert(argc == 0 && "the queue is empty");
  if (kind == "at") std::vector<int>(3).at(argc + 3);
  if (kind == "library-assert") return std::vector<int>(3)[argc + 3];
  if (kind == "smash") smash("much longer than the buffer that it goes to");
  if (kind == "fortify") {
    char small[4];
    std::memcpy(small, "much longer", static_cast<std::size_t>(argc) + 6);
    return small[0];
  }
  if (kind == "double-free") {
    void* volatile p = std::malloc(32);
    std::free(p);
    std::free(p);
  }
  if (kind == "double-free-large") {
    void* volatile p = std::malloc(5000);
    void* volatile q = std::malloc(5000);
    std::free(p);
    std::free(p);
    std::free(q);
  }
  if (kind == "invalid-pointer") {
    char* volatile p = static_cast<char*>(std::malloc(32));
    std::free(p + 8);
  }
  if (kind == "munmap-chunk") {
    auto* volatile p = static_cast<std::size_t*>(std::malloc(64));
    p[-1] = 0x12342;
    std::free(p);
  }
  if (kind == "corrupted-top") corrupt_top();
  if (kind == "corrupted-size") {
    auto* volatile a = static_cast<std::size_t*>(std::malloc(2000));
    auto* volatile b = static_cast<std::size_t*>(std::malloc(2000));
    void* volatile c = std::malloc(2000);
    std::free(b);
    b[-1] = 0x111;
    std::free(a);
    std::free(c);
  }
  if (kind == "realloc") {
    char* volatile p = static_cast<char*>(std::malloc(32));
    void* volatile q = std::realloc(p + 8, 64);
    return q != nullptr;
  }
  if (kind == "cancelled") {
    pthread_t t;
    pthread_create(
        &t, nullptr,
        [](void*) -> void* {
          try {
            ::pause();
          } catch (...) {
            std::puts("caught");
          }
          return nullptr;
        },
        nullptr);
    pthread_cancel(t);  // in its pause(), its only cancellation point
    pthread_join(t, nullptr);
  }
  if (kind == "segfault") std::raise(SIGSEGV);
  if (kind == "abort") std::abort();
  if (kind == "trap") __builtin_trap();
  if (kind == "bus") std::raise(SIGBUS);
  if (kind == "divide") std::raise(SIGFPE);
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run(argv[1], argc); }

// Programs whose stacks are known: `stacks_subject NAME`. Each prints "ready" and then waits
// forever. Built without sanitizers and without frame pointers.
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

// Keeps a call from becoming a jump, which would leave no frame.
#define STAY asm volatile("" ::: "memory")

namespace waits {

std::mutex locked;
std::mutex own;
std::condition_variable never;
std::shared_mutex shared;
std::promise<int> promise;
sem_t semaphore;
pthread_barrier_t barrier;
int nothing[2];

[[gnu::noinline]] void in_mutex() {
  locked.lock();
  STAY;
}
[[gnu::noinline]] void in_condition() {
  std::unique_lock lock(own);
  never.wait(lock);
  STAY;
}
[[gnu::noinline]] void in_timed_condition() {
  std::mutex mine;
  std::unique_lock lock(mine);
  std::condition_variable condition;
  condition.wait_for(lock, std::chrono::hours(1));
  STAY;
}
[[gnu::noinline]] void in_read() {
  char byte = 0;
  (void)!::read(nothing[0], &byte, 1);
  STAY;
}
[[gnu::noinline]] void in_epoll() {
  const int epoll = ::epoll_create1(0);
  epoll_event event{};
  while (::epoll_wait(epoll, &event, 1, -1) < 0) {  // EINTR, if one looks who does not repair that
  }
  STAY;
}
[[gnu::noinline]] void in_sleep() {
  const timespec hour{3600, 0};
  ::nanosleep(&hour, nullptr);
  STAY;
}
[[gnu::noinline]] void in_join() {
  std::thread other([] {
    for (;;) ::pause();
  });
  other.join();
  STAY;
}
[[gnu::noinline]] void in_poll() {
  pollfd one{nothing[0], POLLIN, 0};
  ::poll(&one, 1, -1);
  STAY;
}
[[gnu::noinline]] void in_select() {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(nothing[0], &set);
  ::select(nothing[0] + 1, &set, nullptr, nullptr, nullptr);
  STAY;
}
[[gnu::noinline]] void in_accept() {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const sockaddr any{AF_UNIX, {}};
  ::bind(listener, &any, sizeof any.sa_family);  // to a name of the kernel's choice, unix(7)
  ::listen(listener, 1);
  ::accept(listener, nullptr, nullptr);
  STAY;
}
[[gnu::noinline]] void in_receive() {
  int pair[2];
  ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  char byte = 0;
  ::recv(pair[0], &byte, 1, 0);
  STAY;
}
[[gnu::noinline]] void in_semaphore() {
  ::sem_wait(&semaphore);
  STAY;
}
[[gnu::noinline]] void in_barrier() {
  ::pthread_barrier_wait(&barrier);
  STAY;
}
[[gnu::noinline]] void in_shared_mutex() {
  shared.lock_shared();
  STAY;
}
[[gnu::noinline]] void in_future() {
  (void)promise.get_future().get();
  STAY;
}
[[gnu::noinline]] void in_sigwait() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGUSR2);
  int number = 0;
  ::sigwait(&set, &number);
  STAY;
}

}  // namespace waits

namespace {

volatile bool over = false;

void wait_for_ever() {
  (void)!::write(1, "ready\n", 6);
  while (!over) ::pause();
}

}  // namespace

namespace subject {

// 17 threads, each in a wait of its own; one of them starts another to wait for.
[[gnu::noinline]] int run_threads() {
  waits::locked.lock();
  waits::shared.lock();
  ::sem_init(&waits::semaphore, 0, 0);
  ::pthread_barrier_init(&waits::barrier, nullptr, 2);
  (void)!::pipe(waits::nothing);
  std::vector<std::thread> threads;
  for (auto* wait :
       {waits::in_mutex, waits::in_condition, waits::in_timed_condition, waits::in_read,
        waits::in_epoll, waits::in_sleep, waits::in_join, waits::in_poll, waits::in_select,
        waits::in_accept, waits::in_receive, waits::in_semaphore, waits::in_barrier,
        waits::in_shared_mutex, waits::in_future, waits::in_sigwait})
    threads.emplace_back(wait);
  wait_for_ever();
  return 0;
}

void on_signal(int) { wait_for_ever(); }

[[gnu::noinline]] int raise_and_wait() {
  ::raise(SIGUSR1);
  STAY;
  return 0;
}

// With a stack of its own, and in the middle of code rather than of a call.
void on_fault(int, siginfo_t*, void*) { wait_for_ever(); }

[[gnu::noinline]] int divide(int by) {
  volatile int zero = by;
  return 7 / zero;
}

int run_handler() {
  ::signal(SIGUSR1, on_signal);
  return raise_and_wait();
}

int run_fault_handler() {
  static std::array<char, 65536> stack;
  stack_t other{};
  other.ss_sp = stack.data();
  other.ss_size = stack.size();
  ::sigaltstack(&other, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigaction(SIGFPE, &action, nullptr);
  const int result = divide(0);
  STAY;
  return result;
}

[[gnu::noinline]] int recurse(int depth) {
  if (depth == 0) {
    wait_for_ever();
    return 0;
  }
  const int below = recurse(depth - 1);
  STAY;
  return below + depth;
}

int run_lost() {
  (void)!::write(1, "ready\n", 6);
  // pause(2) with a stack pointer to nowhere.
  asm volatile("mov $0xdead0001000, %%rsp; xor %%ebp, %%ebp; mov $34, %%eax; syscall; hlt" ::
                   : "rax", "rcx", "r11", "memory");
  return 0;
}

// On a stack full of numbers that are no addresses, or of addresses of the stack itself.
[[gnu::noinline]] int run_scribbled(bool with_addresses) {
  static std::array<std::uint64_t, 8192> scribble;
  std::uint64_t number = 88172645463325252;
  for (auto& word : scribble) {
    number ^= number << 13;
    number ^= number >> 7;
    number ^= number << 17;
    word = with_addresses ? reinterpret_cast<std::uint64_t>(&scribble[number % scribble.size()])
                          : number;
  }
  (void)!::write(1, "ready\n", 6);
  asm volatile("mov %0, %%rsp; mov %0, %%rbp; mov $34, %%eax; syscall; hlt" ::"r"(&scribble[100])
               : "rax", "rcx", "r11", "memory");
  return 0;
}

[[gnu::noinline]] int call_nothing(void (*function)()) {
  function();
  STAY;
  return 0;
}

// The first thread ends before another.
int run_orphan() {
  std::thread([] {
    wait_for_ever();
    STAY;
  }).detach();
  ::pthread_exit(nullptr);
}

using Call = void (*)(void (*)());

// Code made at run time, which nobody describes: "push %rbp; mov %rsp, %rbp; call *%rdi", or the
// same without a frame: "sub $8, %rsp; call *%rdi".
Call make_code(bool with_frame) {
  const std::array<unsigned char, 8> framed{0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
  const std::array<unsigned char, 8> bare{0x48, 0x83, 0xec, 0x08, 0xff, 0xd7, 0x90, 0xc3};
  auto* code =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::memcpy(code, with_frame ? framed.data() : bare.data(), framed.size());
  return reinterpret_cast<Call>(code);
}

[[gnu::noinline]] int call_made_code(bool with_frame) {
  make_code(with_frame)(wait_for_ever);
  STAY;
  return 0;
}

}  // namespace subject

// A breakpoint as the first instruction, after the push, and after the frame is made.
asm(R"(
  .text
  .globl stops_in_prologue
  .type stops_in_prologue, @function
stops_in_prologue:
  .cfi_startproc
  int3
  push %rbp
  .cfi_def_cfa_offset 16
  .cfi_offset 6, -16
  int3
  mov %rsp, %rbp
  .cfi_def_cfa_register 6
  sub $4000, %rsp
  int3
  leave
  .cfi_def_cfa 7, 8
  int3
  ret
  .cfi_endproc
  .size stops_in_prologue, . - stops_in_prologue
)");
extern "C" void stops_in_prologue();

namespace subject {

[[gnu::noinline]] int call_prologue() {
  stops_in_prologue();
  STAY;
  return 0;
}

}  // namespace subject

int main(int count, char** arguments) {
  const std::map<std::string, std::function<int()>> programs{
      {"threads", subject::run_threads},
      {"handler", subject::run_handler},
      {"fault-handler", subject::run_fault_handler},
      {"deep", [] { return subject::recurse(100'000); }},
      {"orphan", subject::run_orphan},
      {"lost", subject::run_lost},
      {"scribbled", [] { return subject::run_scribbled(false); }},
      {"scribbled-addresses", [] { return subject::run_scribbled(true); }},
      {"call-nothing", [] { return subject::call_nothing(nullptr); }},
      {"made-code", [] { return subject::call_made_code(true); }},
      {"made-code-bare", [] { return subject::call_made_code(false); }},
      {"prologue", subject::call_prologue},
  };
  const auto found = programs.find(count > 1 ? arguments[1] : "");
  if (found == programs.end()) return 2;
  const int result = found->second();
  STAY;
  return result;
}

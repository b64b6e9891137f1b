// What the tracer's tests give a filter while it runs. `arming_subject threads|processes`: every
// kind waits in another system call, as a thread of one process or as a process with one thread.
// Before, it closes kBefore + its place, and afterwards kAfter + that: numbers that nobody has
// open. At SIGTERM all are let go on. Says what came of each wait, if that is not what was to come.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kBefore = 100'000;
constexpr int kAfter = 200'000;
constexpr int kChild = 300'000;
constexpr auto kLimit = std::chrono::milliseconds(300);
constexpr timespec kLimitSpec{0, 300'000'000};

// Of all processes.
struct Shared {
  std::atomic<int> over = 0;
  std::atomic<int> never = 0;  // nobody wakes who waits for it
  std::atomic<int> begun = 0;
  int pipe[2];
  int event = -1;
  int listening = -1;
};
Shared* shared = nullptr;

int* word(std::atomic<int>& of) { return reinterpret_cast<int*>(&of); }

// What came of a system call that only the end of the wait, or its limit, was to end.
std::string said(long result, long wanted, int problem = 0) {
  const int number = result < 0 ? errno : 0;
  return result == wanted && number == problem
             ? ""
             : std::to_string(result) + ", errno " + std::to_string(number);
}
std::string lasting(const std::function<std::string()>& wait) {
  const auto begin = Clock::now();
  const auto text = wait();
  return Clock::now() - begin < kLimit ? text + " too soon" : text;
}

int epoll_of(int descriptor) {
  const int epoll = ::epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
  return epoll;
}

std::string sleeps() {
  return lasting([] { return said(::syscall(SYS_nanosleep, &kLimitSpec, nullptr), 0); });
}
std::string waits_for_a_futex() {
  while (shared->over == 0) {
    const auto wrong =
        said(::syscall(SYS_futex, word(shared->over), FUTEX_WAIT, 0, nullptr, nullptr, 0), 0);
    if (!wrong.empty() && shared->over == 0) return wrong;
  }
  return "";
}
std::string waits_for_a_futex_in_vain() {
  return lasting([] {
    return said(::syscall(SYS_futex, word(shared->never), FUTEX_WAIT, 0, &kLimitSpec, nullptr, 0),
                -1, ETIMEDOUT);
  });
}
std::string polls() {
  pollfd one{shared->event, POLLIN, 0};
  return said(::syscall(SYS_poll, &one, 1, -1), 1);
}
std::string polls_in_vain() {
  return lasting([] { return said(::syscall(SYS_poll, nullptr, 0, 300), 0); });
}
// With another mask while it waits.
std::string ppolls() {
  pollfd one{shared->event, POLLIN, 0};
  sigset_t mask;
  ::sigfillset(&mask);
  ::sigdelset(&mask, SIGUSR1);
  const auto wrong = said(::ppoll(&one, 1, nullptr, &mask), 1);
  sigset_t now;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &now);
  return ::sigismember(&now, SIGUSR1) == 1 ? wrong : wrong + " not the mask it had";
}
std::string waits_with_epoll() {
  epoll_event event{};
  return said(::syscall(SYS_epoll_wait, epoll_of(shared->event), &event, 1, -1), 1);
}
std::string waits_with_epoll_in_vain() {
  epoll_event event{};
  return lasting(
      [&] { return said(::syscall(SYS_epoll_wait, ::epoll_create1(0), &event, 1, 300), 0); });
}
std::string reads() {
  char byte = 0;
  return said(::syscall(SYS_read, shared->pipe[0], &byte, 1), 1);
}
std::string accepts() {
  const long made = ::syscall(SYS_accept4, shared->listening, nullptr, nullptr, 0);
  return made >= 0 ? "" : said(made, 0);
}
// The same twice, so that a register that changes shows.
std::string computes() {
  std::uint64_t one = 1;
  std::uint64_t two = 1;
  double sum = 0;
  double other = 0;
  while (shared->over == 0) {
    for (int i = 0; i < 1000; ++i) {
      one = one * 6364136223846793005U + 1442695040888963407U;
      two = two * 6364136223846793005U + 1442695040888963407U;
      asm volatile("" : "+r"(one), "+r"(two));
      sum += static_cast<double>(one >> 32U);
      other += static_cast<double>(two >> 32U);
      asm volatile("" : "+x"(sum), "+x"(other));
    }
  }
  return one == two && sum == other ? "" : "wrong";
}

using Kind = std::pair<std::string, std::string (*)()>;
const std::vector<Kind> kKinds{{"nanosleep", sleeps},
                               {"futex", waits_for_a_futex},
                               {"futex-limit", waits_for_a_futex_in_vain},
                               {"poll", polls},
                               {"poll-limit", polls_in_vain},
                               {"ppoll", ppolls},
                               {"epoll", waits_with_epoll},
                               {"epoll-limit", waits_with_epoll_in_vain},
                               {"read", reads},
                               {"accept", accepts},
                               {"compute", computes}};

void play(std::size_t place) {
  ::close(kBefore + static_cast<int>(place));
  ++shared->begun;
  const auto wrong = kKinds[place].second();
  if (!wrong.empty()) ::dprintf(1, "%s: %s\n", kKinds[place].first.c_str(), wrong.c_str());
  ::close(kAfter + static_cast<int>(place));
}

sockaddr_in listen_anywhere() {
  shared->listening = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* name = reinterpret_cast<sockaddr*>(&address);
  ::bind(shared->listening, name, size);
  ::listen(shared->listening, 5);
  ::getsockname(shared->listening, name, &size);
  return address;
}

void let_all_go_on(const sockaddr_in& address) {
  shared->over = 1;
  ::syscall(SYS_futex, word(shared->over), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  (void)!::write(shared->pipe[1], "x", 1);
  const std::uint64_t one = 1;
  (void)!::write(shared->event, &one, sizeof one);
  ::connect(::socket(AF_INET, SOCK_STREAM, 0), reinterpret_cast<const sockaddr*>(&address),
            sizeof address);
}

// Which closes what the child of a child closes as well.
void start_a_child() {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::fork() == 0) {
      ::close(kChild + 1);
      ::_exit(0);
    }
    ::close(kChild);
    ::wait(nullptr);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
}

volatile sig_atomic_t caught = 0;
volatile sig_atomic_t stopped = 0;

// The handler of the stop closes something, and all other signals that came are counted.
int count_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { caught = caught + 1; };
  ::sigaction(SIGRTMIN, &action, nullptr);
  action.sa_handler = [](int) {
    ::close(kAfter);
    stopped = 1;
  };
  ::sigaction(SIGTERM, &action, nullptr);
  ::dprintf(1, "ready\n");
  std::uint64_t word = 1;
  while (stopped == 0) word = word * 6364136223846793005U + 1;
  ::dprintf(1, "%d\n", static_cast<int>(caught));
  return word == 0 ? 1 : 0;
}

// A filter that ends who wants another one.
void filter_itself() {
  sock_filter program[] = {{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
                           {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_seccomp},
                           {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS},
                           {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  const sock_fprog filter{4, program};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) ::dprintf(1, "no filter\n");
}
int wait_filtered(bool in_a_thread) {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  const auto begin = [&] {
    filter_itself();
    ::dprintf(1, "ready\n");
    int number = 0;
    ::sigwait(&signals, &number);
  };
  if (in_a_thread) {
    std::thread(begin).join();
  } else {
    begin();
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string how = count > 1 ? arguments[1] : "";
  if (how == "signals") return count_signals();
  if (how == "filters-itself") return wait_filtered(false);
  if (how == "thread-filters-itself") return wait_filtered(true);
  const bool as_threads = how == "threads";
  shared = new (::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                       -1, 0)) Shared;
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  (void)!::pipe2(shared->pipe, O_CLOEXEC);
  shared->event = ::eventfd(0, EFD_CLOEXEC);
  const auto address = listen_anywhere();
  std::vector<std::thread> threads;
  std::vector<pid_t> children;
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (as_threads) {
      threads.emplace_back(play, i);
    } else if (children.emplace_back(::fork()); children.back() == 0) {
      play(i);
      ::_exit(0);
    }
  }
  while (shared->begun < static_cast<int>(kKinds.size())) ::usleep(100);
  ::dprintf(1, "ready\n");
  int number = 0;
  if (::sigwait(&signals, &number) != 0 || number != SIGTERM) ::dprintf(1, "signal %d\n", number);
  let_all_go_on(address);
  for (auto& thread : threads) thread.join();
  for (const pid_t child : children) ::waitpid(child, nullptr, 0);
  start_a_child();
  std::thread([] { ::close(kChild + 2); }).join();
  return 0;
}

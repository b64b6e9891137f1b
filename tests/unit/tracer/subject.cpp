// Programs that the tracer's tests run: `tracer_subject NAME`. Each says on standard output what it
// noticed. Built without sanitizers, which have handlers and threads of their own.
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

volatile sig_atomic_t told = 0;

void tell(int) { told = 1; }

void say(const char* text) { (void)!::write(1, text, std::strlen(text)); }

// Waits on standard input, which never has anything, until SIGTERM or an error.
int wait_with_epoll() {
  const int epoll = ::epoll_create1(0);
  int pipe[2];
  (void)!::pipe(pipe);
  epoll_event event{};
  event.events = EPOLLIN;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, pipe[0], &event);
  struct sigaction action {};
  action.sa_handler = tell;
  ::sigaction(SIGTERM, &action, nullptr);
  // SIGTERM arrives only inside the call, as pselect(2) explains.
  sigset_t blocked;
  sigset_t open;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &blocked, &open);
  say("ready\n");
  while (!told) {
    const int count = ::epoll_pwait(epoll, &event, 1, -1, &open);
    if (count < 0 && errno == EINTR && !told) say("interrupted by nobody\n");
    if (count < 0 && errno == EINTR && told) say("interrupted by SIGTERM\n");
  }
  return 5;
}

// The same with a child that ends while SIGCHLD is ignored, as it is by default.
int wait_with_a_child() {
  if (::fork() == 0) {
    ::usleep(50'000);  // until the parent waits
    say("child over\n");
    ::_exit(0);
  }
  return wait_with_epoll();
}

int start_threads() {
  std::vector<std::thread> threads;
  std::atomic<int> count = 0;
  for (int i = 0; i < 50; ++i) {
    for (int j = 0; j < 16; ++j) threads.emplace_back([&] { ++count; });
    for (auto& thread : threads) thread.join();
    threads.clear();
  }
  std::printf("%d threads\n", count.load());
  return 0;
}

// A thread that is not the first executes another program.
int execute_from_a_thread(char* self) {
  std::thread other([&] {
    char name[] = "say";
    char* arguments[] = {self, name, nullptr};
    ::execv("/proc/self/exe", arguments);
  });
  for (;;) ::pause();
}

// Closes a hundred files before SIGTERM and a hundred after it.
int close_and_wait() {
  for (int i = 0; i < 100; ++i) ::close(::open("/dev/null", O_RDONLY));
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, nullptr);
  say("ready\n");
  int number = 0;
  ::sigwait(&term, &number);
  for (int i = 0; i < 100; ++i) ::close(::open("/dev/null", O_RDONLY));
  ::_exit(0);
}

int write_to(const char* path) {
  const int file = ::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const ssize_t count = ::write(file, "0123456789", 10);
  std::printf("%zd %s\n", count, count < 0 ? std::strerror(errno) : "written");
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string argument = count > 2 ? arguments[2] : "";
  const std::map<std::string, std::function<int()>> programs{
      {"say", [] { return say("said\n"), 0; }},
      {"epoll", wait_with_epoll},
      {"epoll-child", wait_with_a_child},
      {"threads", start_threads},
      {"exec-from-thread", [&] { return execute_from_a_thread(arguments[0]); }},
      {"close-and-wait", close_and_wait},
      {"write", [&] { return write_to(argument.c_str()); }},
  };
  const auto found = programs.find(count > 1 ? arguments[1] : "");
  return found == programs.end() ? 2 : found->second();
}

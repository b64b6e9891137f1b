// Programs that the tracer's tests run: `tracer_subject NAME`. Each says on standard output what it
// noticed. Built without sanitizers, which have handlers and threads of their own.
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

// Says that it is ready, and waits for SIGTERM.
void wait_for_the_stop() {
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, nullptr);
  (void)!::write(1, "ready\n", 6);
  int number = 0;
  ::sigwait(&term, &number);
}

}  // namespace

// Writes to what was closed, and what only looks like it. Each with a connection to itself.
namespace late {

struct Connection {
  int listening = ::socket(AF_INET, SOCK_STREAM, 0);
  int client = ::socket(AF_INET, SOCK_STREAM, 0);
  int served = -1;
  Connection() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* name = reinterpret_cast<sockaddr*>(&address);
    ::bind(listening, name, size);
    ::listen(listening, 5);
    ::getsockname(listening, name, &size);
    ::connect(client, name, size);
    served = ::accept(listening, nullptr, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
  }
};

[[gnu::noinline]] void close_it(int descriptor) {
  ::close(descriptor);
  asm volatile("");  // no tail call: the function stays on the stack
}
[[gnu::noinline]] int send_to_it(int descriptor) {
  const auto count = ::send(descriptor, "x", 1, 0);
  asm volatile("");
  return count == 1 ? 0 : errno;
}

int write_after_close() {
  const Connection connection;
  close_it(connection.served);
  return send_to_it(connection.served);
}
int write_twice_after_close() {
  const Connection connection;
  close_it(connection.served);
  return send_to_it(connection.served) + send_to_it(connection.served);
}
int write_after_close_range() {
  const Connection connection;
  ::close_range(static_cast<unsigned>(connection.listening), ~0U, 0);
  return send_to_it(connection.served);
}
int write_after_shutdown() {
  const Connection connection;
  ::shutdown(connection.served, SHUT_WR);
  return send_to_it(connection.served);
}
int write_to_who_left() {
  int pair[2];
  (void)::socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  ::signal(SIGPIPE, SIG_IGN);
  ::shutdown(pair[1], SHUT_RD);
  ::close(pair[0]);
  return send_to_it(pair[1]);
}
// The number is that of another connection's socket, whose peer leaves.
int write_to_a_reused_number() {
  const Connection connection;
  ::shutdown(connection.served, SHUT_RDWR);
  close_it(connection.served);
  int pair[2];
  (void)::socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  if (pair[0] != connection.served || send_to_it(pair[0]) != 0) return 1;
  ::close(pair[1]);
  return send_to_it(pair[0]);
}
int write_to_a_number_not_for_writing() {
  const Connection connection;
  close_it(connection.served);
  if (::open("/dev/null", O_RDONLY) != connection.served) return 1;
  return ::write(connection.served, "x", 1) == 1 ? 0 : errno;
}
int write_after_dup2() {
  const Connection connection;
  int pipe[2];
  (void)!::pipe(pipe);
  ::shutdown(connection.served, SHUT_WR);
  ::dup2(pipe[1], connection.served);
  ::close(pipe[0]);
  return ::write(connection.served, "x", 1) == 1 ? 0 : errno;
}
int write_to_an_own_pipe_after_close() {
  int pipe[2];
  (void)!::pipe(pipe);
  close_it(pipe[0]);
  close_it(pipe[1]);
  return ::write(pipe[1], "x", 1) == 1 ? 0 : errno;
}
int write_to_a_childs_pipe_after_close() {
  int pipe[2];
  (void)!::pipe(pipe);
  const pid_t child = ::fork();
  if (child == 0) {  // has the other end for as long as it is there
    close_it(pipe[1]);
    ::pause();
    ::_exit(0);
  }
  close_it(pipe[0]);
  close_it(pipe[1]);
  const int problem = ::write(pipe[1], "x", 1) == 1 ? 0 : errno;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return problem;
}
int write_after_a_child_closed() {
  const Connection connection;
  const pid_t child = ::fork();
  if (child == 0) {
    close_it(connection.served);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  return send_to_it(connection.served);
}
// First the parent, then its child.
int write_after_both_closed() {
  const Connection connection;
  int pipe[2];
  (void)!::pipe(pipe);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    (void)!::read(pipe[0], &byte, 1);
    close_it(connection.served);
    ::_exit(0);
  }
  close_it(connection.served);
  (void)!::write(pipe[1], "x", 1);
  ::waitpid(child, nullptr, 0);
  return send_to_it(connection.served);
}
int write_in_a_child_after_close() {
  const Connection connection;
  close_it(connection.served);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(send_to_it(connection.served));
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status);
}
int write_in_another_thread() {
  const Connection connection;
  std::thread([&] {
    ::pthread_setname_np(::pthread_self(), "closer");
    close_it(connection.served);
  }).join();
  int result = 0;
  std::thread([&] {
    ::pthread_setname_np(::pthread_self(), "sender");
    result = send_to_it(connection.served);
  }).join();
  return result;
}
int write_after_exec(char* self) {
  const Connection connection;
  constexpr int kHigh = 100;  // the loader of the next program uses and closes lower ones
  close_it(::dup2(connection.served, kHigh));
  const auto number = std::to_string(kHigh);
  ::execl("/proc/self/exe", self, "late-number", number.c_str(), nullptr);
  return 1;
}
// What was closed before SIGTERM is written to after it.
int write_after_a_signal() {
  const Connection connection;
  close_it(connection.served);
  wait_for_the_stop();
  return send_to_it(connection.client) + send_to_it(connection.served) + send_to_it(-1);
}

}  // namespace late

// What is left when a program ends. Standard streams aside.
namespace ends {

int with_everything_closed() {
  const late::Connection connection;
  for (const int one : {connection.listening, connection.client, connection.served}) ::close(one);
  return 0;
}
int with_a_listener() {
  const late::Connection connection;
  ::close(connection.client);
  ::close(connection.served);
  return 0;
}
// The listener is closed before the end, but was there when it was ready.
int with_a_request_unread() {
  const late::Connection connection;
  wait_for_the_stop();
  ::close(connection.listening);
  ::send(connection.client, "request", 7, 0);
  char first = 0;
  ::recv(connection.served, &first, 1, 0);
  return 0;
}
int with_a_connection_its_peer_left() {
  const late::Connection connection;
  ::close(connection.client);
  char none = 0;
  ::recv(connection.served, &none, 1, 0);
  return 0;
}
int with_a_file_that_was_open_when_ready(const char* path) {
  ::open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  wait_for_the_stop();
  return 0;
}
int with_a_file(const char* path, bool synced, int flags = 0) {
  const int file = ::open(path, O_WRONLY | O_CREAT | flags, 0600);
  (void)!::write(file, "x", 1);
  if (synced) ::fsync(file);
  return 0;
}
int with_a_child(bool alive) {
  int pipe[2];
  (void)!::pipe(pipe);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe[1]);
    char none = 0;
    if (alive) (void)!::read(pipe[0], &none, 1);  // until its parent is gone
    ::_exit(0);
  }
  siginfo_t info{};
  if (!alive) ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  return 0;
}
// The child has the listener as well, and ends first.
int with_a_listener_of_two() {
  const late::Connection connection;
  ::close(connection.client);
  ::close(connection.served);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return 0;
}
int with_a_thread() {
  std::atomic<bool> named = false;
  std::thread([&] {
    ::pthread_setname_np(::pthread_self(), "left-over");
    named = true;
    named.notify_one();
    for (;;) ::pause();
  }).detach();
  named.wait(false);
  ::_exit(0);
}
// As a program without a C library may end: each thread for itself.
int thread_by_thread() {
  const late::Connection connection;
  ::syscall(SYS_exit, 0);
  return 1;
}

}  // namespace ends

// Ends that nothing in the program wanted, each in a function of that name.
namespace deaths {

[[gnu::noinline]] void stay() {
  for (;;) ::pause();
}
// Another thread is in stay() then.
void with_company() {
  std::atomic<bool> named = false;
  std::thread([&] {
    ::pthread_setname_np(::pthread_self(), "company");
    named = true;
    named.notify_one();
    stay();
  }).detach();
  named.wait(false);
}
[[gnu::noinline]] void give_up() { std::abort(); }
[[gnu::noinline]] void write_to(volatile int* nowhere) { *nowhere = 1; }
[[gnu::noinline]] void leave() { ::_exit(7); }
int by_abort() {
  with_company();
  give_up();
  return 0;
}
int by_a_fault() {
  with_company();
  write_to(reinterpret_cast<volatile int*>(0x10));
  return 0;
}
int by_exit() {
  with_company();
  leave();
  return 0;
}
// Two threads leave at once, one with 1 and one with 2, while a third has no part in it.
[[gnu::noinline]] void leave_with(int code, std::atomic<int>* together) {
  for (++*together; *together < 2;) {
  }
  ::_exit(code);
}
int by_two_exits() {
  with_company();
  std::atomic<int> together = 0;
  std::thread other(leave_with, 1, &together);
  leave_with(2, &together);
  return 0;
}
// Says that it is ready, and takes whatever comes.
int by_a_signal() {
  (void)!::write(1, "ready\n", 6);
  stay();
  return 0;
}
int by_its_own_kill() {
  (void)!::rename("/nowhere/a\nb", "/nowhere/c");
  ::close(777);
  ::kill(::getpid(), SIGKILL);
  return 0;
}

}  // namespace deaths

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

// Says who takes SIGUSR1, of several threads that all could.
int wait_with_threads() {
  const auto tell_who = [](int) {
    const bool first = ::getpid() == static_cast<pid_t>(::syscall(SYS_gettid));
    say(first ? "the first\n" : "another\n");
  };
  struct sigaction action {};
  action.sa_handler = tell_who;
  ::sigaction(SIGUSR1, &action, nullptr);
  const auto wait = [] {
    epoll_event event{};
    const int epoll = ::epoll_create1(0);
    for (;;) {
      (void)::epoll_wait(epoll, &event, 1, -1);
      say("interrupted\n");
    }
  };
  for (int i = 0; i < 4; ++i) std::thread(wait).detach();
  say("ready\n");
  for (;;) {
    ::pause();
    say("awake\n");
  }
}

// Its state, proc_pid_stat(5), is that of a process that waits in a system call.
bool parent_waits() {
  std::ifstream file("/proc/" + std::to_string(::getppid()) + "/stat");
  std::string stat;
  std::getline(file, stat);
  return stat.find(") S ") != std::string::npos;
}

// The same with a child that ends while SIGCHLD is ignored, as it is by default.
int wait_with_a_child() {
  if (::fork() == 0) {
    while (!parent_waits()) std::this_thread::yield();
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
  wait_for_the_stop();
  for (int i = 0; i < 100; ++i) ::close(::open("/dev/null", O_RDONLY));
  ::_exit(0);
}

// Writes with both calls, to both streams, and to a descriptor that is neither.
int write_last_words() {
  (void)!::write(1, "first\n", 6);
  char one[] = "sec";
  char two[] = "ond\n";
  const iovec pieces[] = {{one, 3}, {two, 4}};
  (void)!::writev(2, pieces, 2);
  (void)!::write(::open("/dev/null", O_WRONLY), "elsewhere\n", 10);
  return 0;
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
      {"epoll-threads", wait_with_threads},
      {"threads", start_threads},
      {"exec-from-thread", [&] { return execute_from_a_thread(arguments[0]); }},
      {"close-and-wait", close_and_wait},
      {"late-close", late::write_after_close},
      {"late-close-twice", late::write_twice_after_close},
      {"late-close-range", late::write_after_close_range},
      {"late-shutdown", late::write_after_shutdown},
      {"late-left", late::write_to_who_left},
      {"late-reused", late::write_to_a_reused_number},
      {"late-read-only", late::write_to_a_number_not_for_writing},
      {"late-dup2", late::write_after_dup2},
      {"late-own-pipe", late::write_to_an_own_pipe_after_close},
      {"late-pipe", late::write_to_a_childs_pipe_after_close},
      {"late-child-closes", late::write_after_a_child_closed},
      {"late-both-close", late::write_after_both_closed},
      {"late-child-writes", late::write_in_a_child_after_close},
      {"late-threads", late::write_in_another_thread},
      {"late-exec", [&] { return late::write_after_exec(arguments[0]); }},
      {"late-number", [&] { return late::send_to_it(std::atoi(argument.c_str())); }},
      {"late-signal", late::write_after_a_signal},
      {"end-closed", ends::with_everything_closed},
      {"end-listener", ends::with_a_listener},
      {"end-unread", ends::with_a_request_unread},
      {"end-peer-left", ends::with_a_connection_its_peer_left},
      {"end-ready-file",
       [&] { return ends::with_a_file_that_was_open_when_ready(argument.c_str()); }},
      {"end-unsynced", [&] { return ends::with_a_file(argument.c_str(), false); }},
      {"end-synced", [&] { return ends::with_a_file(argument.c_str(), true); }},
      {"end-o-sync", [&] { return ends::with_a_file(argument.c_str(), false, O_DSYNC); }},
      {"end-child", [] { return ends::with_a_child(true); }},
      {"end-zombie", [] { return ends::with_a_child(false); }},
      {"end-two", ends::with_a_listener_of_two},
      {"end-thread", ends::with_a_thread},
      {"end-raw", ends::thread_by_thread},
      {"die-abort", deaths::by_abort},
      {"die-fault", deaths::by_a_fault},
      {"die-exit", deaths::by_exit},
      {"die-twice", deaths::by_two_exits},
      {"die-signal", deaths::by_a_signal},
      {"die-kill", deaths::by_its_own_kill},
      {"words", write_last_words},
      {"write", [&] { return write_to(argument.c_str()); }},
  };
  const auto found = programs.find(count > 1 ? arguments[1] : "");
  return found == programs.end() ? 2 : found->second();
}

// The race: main says that it is ready and then sets the handler of SIGTERM. A SIGTERM between the
// two kills the process.
//
// The mend (FIXED): the handler is set before main says that it is ready.
#include <semaphore.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

namespace {

sem_t stop_requested;

void request_stop(int /*signal*/) {
  const int kept = errno;
  sem_post(&stop_requested);
  errno = kept;
}

[[gnu::noinline]] void set_handler() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  sigaction(SIGTERM, &action, nullptr);
}

[[gnu::noinline]] void say_ready() {
  std::puts("ready");
  std::fflush(stdout);
}

}  // namespace

int main() {
  sem_init(&stop_requested, 0, 0);
#ifdef FIXED
  set_handler();
  say_ready();
#else
  say_ready();
  set_handler();
#endif
  while (sem_wait(&stop_requested) != 0 && errno == EINTR) {
  }
  return 0;
}

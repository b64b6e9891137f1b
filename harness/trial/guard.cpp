#include "trial/guard.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "base/clock.hpp"
#include "target/cgroup.hpp"
#include "target/parent_death.hpp"
#include "target/process_tree.hpp"
#include "tracer/ends/stale_signal_traces.hpp"

namespace lastcall {
namespace {

// The fork server kills whoever is left after two seconds.
constexpr auto kServerEndsWithin = std::chrono::seconds(4);
// A killed process is gone within milliseconds, unless the kernel holds it.
constexpr auto kOrphansEndWithin = std::chrono::seconds(2);
// How soon it is seen that somebody has stopped the fork server.
constexpr int kGlanceMilliseconds = 200;

// Timers that continue this process if it was stopped before it put them off again. There are
// several, because SIGSTOP takes away a SIGCONT that is pending (signal(7)), and with it one timer.
class WakeUp {
 public:
  WakeUp() {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGCONT;
    for (auto& [timer, seconds] : timers_) {
      if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) seconds = 0;
    }
  }
  void put_off() const {
    for (const auto& [timer, seconds] : timers_) {
      const itimerspec later{{}, {seconds, 0}};
      if (seconds > 0) (void)::timer_settime(timer, 0, &later, nullptr);
    }
  }

 private:
  struct Timer {
    timer_t timer;
    time_t seconds;  // 0: the kernel did not make it
  };
  std::array<Timer, 3> timers_{{{{}, 1}, {{}, 5}, {{}, 25}}};  // until the process ends
};

// Returns how the fork server ended.
int watch(pid_t server, int control, const WakeUp& wake_up) {
  const ScopedFd end(static_cast<int>(::syscall(SYS_pidfd_open, server, 0)));
  std::optional<TimePoint> limit;  // since lastcall has gone
  for (;;) {
    wake_up.put_off();
    if (const auto status = end_of(server)) return *status;
    pollfd watched[] = {{end.get(), POLLIN, 0}, {limit ? -1 : control, POLLRDHUP, 0}};
    if (::poll(watched, 2, kGlanceMilliseconds) > 0 && watched[1].revents != 0)
      limit = now() + kServerEndsWithin;
    if (limit && now() > *limit) (void)::kill(server, SIGKILL);
  }
}

void end_everybody(const WakeUp& wake_up) {
  const auto limit = now() + kOrphansEndWithin;
  while (has_children() && now() < limit) {
    wake_up.put_off();
    signal_descendants(SIGKILL);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

std::optional<int> end_of(pid_t child) {
  int status = 0;
  const pid_t changed = ::waitpid(child, &status, WNOHANG | WUNTRACED);
  if (changed == 0) return std::nullopt;
  if (changed == child && WIFSTOPPED(status)) {
    (void)::kill(child, SIGCONT);
    return std::nullopt;
  }
  return status;
}

void guard_fork_server(pid_t lastcall, ScopedFd control, const Serve& serve) noexcept {
  (void)::setsid();
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
  (void)::prctl(PR_SET_NAME, "lc-guard");
  for (const int request : {SIGHUP, SIGINT, SIGTERM}) (void)::signal(request, SIG_IGN);
  (void)::signal(SIGCHLD, SIG_DFL);  // whoever started lastcall may ignore it
  if (!on_end_of(lastcall, SIGCONT)) return;
  const pid_t self = ::getpid();
  const pid_t server = ::fork();
  if (server < 0) return;  // lastcall sees the end of the socket
  if (server == 0) {
    (void)::prctl(PR_SET_NAME, "lc-server");
    ScopedFd guard(static_cast<int>(::syscall(SYS_pidfd_open, self, 0)));
    if (on_end_of(self, SIGCONT)) serve(std::move(control), std::move(guard));
    ::_exit(0);  // tidy: after fork
  }
  const WakeUp wake_up;
  const int status = watch(server, control.get(), wake_up);
  control.reset();  // lastcall sees it at once
  end_everybody(wake_up);
  if (status == 0) return;
  // What the fork server had no time to remove.
  remove_stale_cgroups();
  remove_stale_signal_traces();
}

}  // namespace lastcall

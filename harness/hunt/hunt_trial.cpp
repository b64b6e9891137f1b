#include "hunt/hunt_trial.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>

#include "base/pattern.hpp"
#include "hunt/blocked_threads.hpp"
#include "target/launcher.hpp"
#include "tracer/loop/tracer.hpp"

namespace lastcall {
namespace {

using namespace std::chrono_literals;

// A program that says nothing is ready when none of its threads has run for that long.
constexpr Nanoseconds kQuietStart = 500ms;
// Threads that nothing outside can wake; and others, which data or a timer descriptor may wake.
constexpr Nanoseconds kHungInside = 150ms;
constexpr Nanoseconds kHungOthers = 1500ms;
constexpr Nanoseconds kLook = 25ms;
// What was killed is gone within milliseconds, unless a disk holds it up.
constexpr Nanoseconds kEndLimit = 2s;
constexpr std::size_t kMostOutput = 256 << 10;

struct OnProcessor {
  static constexpr std::string_view kTried = "keep to one processor";
  int processor;
  rlimit descriptors;
  boost::system::error_code on_exec_setup(Launcher&, const std::string&, char* const*) const {
    (void)::setrlimit(RLIMIT_NOFILE, &descriptors);
    if (processor < 0) return {};
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(processor), &set);
    return {::sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : errno,
            boost::system::system_category()};
  }
};

void keep_to(int processor) {
  if (processor < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(processor), &set);
  (void)::sched_setaffinity(0, sizeof set, &set);
}

std::vector<std::string> environment_with(const std::vector<std::string>& changes) {
  std::map<std::string, std::string> all;
  const auto add = [&](const std::string& one) {
    const auto equals = one.find('=');
    if (equals != one.npos) all[one.substr(0, equals)] = one.substr(equals + 1);
  };
  for (char** one = environ; *one != nullptr; ++one) add(*one);
  for (const auto& one : changes) add(one);
  // LeakSanitizer cannot work below a tracer, and ends the program.
  for (const auto* name : {"ASAN_OPTIONS", "LSAN_OPTIONS"}) {
    auto& options = all[name];
    options += std::string(options.empty() ? "" : ":") + "detect_leaks=0";
  }
  // Go's scheduler has as many threads as processors, of which the program gets one.
  all.try_emplace("GOMAXPROCS", "2");
  std::vector<std::string> environment;
  for (const auto& [name, value] : all) environment.push_back(name + "=" + value);
  return environment;
}

std::string last_of(int file) {
  const auto size = ::lseek(file, 0, SEEK_END);
  const auto from = std::max<off_t>(0, size - static_cast<off_t>(kMostOutput));
  std::string text(static_cast<std::size_t>(std::max<off_t>(0, size - from)), '\0');
  const auto count = ::pread(file, text.data(), text.size(), from);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, count)));
  return text;
}

class Conductor {
 public:
  Conductor(PointOrders orders, const HuntSurroundings& around)
      : around_(around),
        plan_(orders.plan),
        explains_(orders.explains),
        // Another hunt may have come to the one that served the trial before.
        processor_(around.one_processor ? ::sched_getcpu() : -1) {
    output_ = ScopedFd(::memfd_create("output", MFD_CLOEXEC));
    orders.output = output_.get();
    watch_.emplace(std::move(orders), [this] {
      ready_at_ = now();
      ready_ = true;
      const std::uint64_t one = 1;
      (void)!::write(changed_.get(), &one, sizeof one);
    });
  }

  HuntTrial run() {
    trial_.broken = start();
    if (trial_.broken.empty()) {
      began_ = now();
      while (!ended_) step();
    }
    finish();
    return std::move(trial_);
  }

 private:
  std::string start() {
    if (!output_ || !changed_) return "cannot create descriptors for a trial";
    auto tracer = Tracer::start(watch_->syscalls(), {&*watch_}, watch_->conditional_syscalls());
    if (!tracer) return tracer.error().message();
    tracer_ = std::move(*tracer);
    const auto path = find_executable(plan_.command.front(), search_path(""));
    if (!path) return path.error().message();
    Launcher launcher;
    launcher.environment = environment_with(plan_.environment);
    auto launched = launcher(*path, plan_.command, StandardStreams{output_.get(), output_.get()},
                             WorkingDirectory{plan_.directory.empty() ? "." : plan_.directory},
                             OnProcessor{processor_, around_.descriptors}, tracer_->initialiser());
    if (!launched) return launched.error().message();
    pid_ = launched->pid;
    tracer_->on_its_thread([this](TraceLoop& loop) {
      keep_to(processor_);
      watch_->watch(loop, pid_);
    });
    if (const auto followed = tracer_->follow(pid_, false); !followed) {
      (void)::kill(pid_, SIGKILL);
      return followed.error().message();
    }
    return start_problem(*launched);
  }

  // Its end is nobody's business; it is killed with all that it started.
  void start_companion() {
    if (plan_.companion.empty() || companion_ > 0 || !ready_) return;
    Launcher launcher;
    launcher.environment = environment_with(plan_.environment);
    auto launched = launcher("/bin/sh", {"sh", "-c", plan_.companion},
                             StandardStreams{null_.get(), null_.get()},
                             WorkingDirectory{plan_.directory.empty() ? "." : plan_.directory});
    // Until it has executed its command, it looks whether somebody reads how that went.
    auto problem = launched ? start_problem(*launched) : launched.error().message();
    if (!problem.empty()) {
      trial_.broken = std::move(problem);
      ended_ = true;
      return;
    }
    companion_ = launched->pid;
    begun_at_ = now();
  }

  void step() {
    std::array<pollfd, 2> waiting{{{tracer_->ends_fd(), POLLIN, 0}, {changed_.get(), POLLIN, 0}}};
    (void)::poll(waiting.data(), waiting.size(), wait_limit());
    std::uint64_t ignored = 0;
    (void)!::read(changed_.get(), &ignored, sizeof ignored);
    take_ends();
    if (ended_) return;
    if (around_.interrupted != nullptr && *around_.interrupted != 0) {
      trial_.broken = "interrupted";
      ended_ = true;
      return;
    }
    start_companion();
    send_what_is_due();
    look_at_hang();
  }

  [[nodiscard]] int wait_limit() const {
    auto until = now() + kLook;
    if (const auto due = signal_due()) until = std::min(until, *due);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now()).count();
    return static_cast<int>(std::max<std::int64_t>(left, 0));
  }

  [[nodiscard]] std::optional<TimePoint> signal_due() const {
    if (!ready_ || sent_ || plan_.signal == 0) return std::nullopt;
    const bool elsewhere =
        plan_.signal_at_call || std::ranges::any_of(plan_.holds, &ThreadHold::sends_signal);
    // A companion has that time, too.
    return (plan_.companion.empty() ? ready_at_ : std::max(ready_at_, begun_at_)) +
           (elsewhere ? around_.signal_patience + plan_.signal_after * 2 : plan_.signal_after);
  }

  // A program that is slow to begin, on a busy machine, is not ready because it is silent.
  [[nodiscard]] bool is_quietly_ready() {
    if (plan_.signal == 0 || ready_ || around_.prints || !plan_.ready.empty()) return false;
    if (now() - last_quiet_look_ < kLook) return false;
    last_quiet_look_ = now();
    if (::lseek(output_.get(), 0, SEEK_END) != 0 || some_thread_runs(pid_)) quiet_since_ = now();
    return now() - quiet_since_ >= kQuietStart;
  }

  void send_what_is_due() {
    if (is_quietly_ready()) tracer_->on_its_thread([this](TraceLoop&) { watch_->be_ready(); });
    const auto due = signal_due();
    if (!due || now() < *due) return;
    sent_ = true;
    const bool is_plan =
        !plan_.signal_at_call && std::ranges::none_of(plan_.holds, &ThreadHold::sends_signal);
    tracer_->on_its_thread([&](TraceLoop&) { watch_->send_signal(is_plan); });
  }

  void take_ends() {
    for (const auto& info : tracer_->take_ends()) {
      if (info.si_pid != pid_) continue;
      trial_.end = info.si_code == CLD_EXITED ? RunEnd{RunEnd::How::exited, info.si_status}
                                              : RunEnd{RunEnd::How::signalled, info.si_status};
      ended_ = true;
    }
  }

  void look_at_hang() {
    if (now() - last_look_ < kLook) return;
    last_look_ = now();
    bool may_hang = false;
    Nanoseconds held_for{};
    std::set<pid_t> pids;
    tracer_->on_its_thread([&](TraceLoop& loop) {
      may_hang =
          !watch_->holds_somebody() && (plan_.signal == 0 || watch_->phase() == HuntPhase::stop);
      pids = loop.processes();
      held_for = watch_->acted().held_for;
    });
    if (now() - began_ > around_.longest + std::min(held_for, around_.longest)) {
      trial_.end = {RunEnd::How::too_long, 0};
      ended_ = true;
      return take_stacks();
    }
    auto blocked = may_hang ? blocked_threads(pids) : BlockedThreads{};
    if (blocked.state.empty() || blocked.state != blocked_.state) {
      blocked_ = std::move(blocked);
      blocked_since_ = now();
      return;
    }
    if (now() - blocked_since_ < (blocked.only_inside ? kHungInside : kHungOthers)) return;
    trial_.end = {RunEnd::How::hung, 0};
    ended_ = true;
    take_stacks();
  }

  void take_stacks() {
    if (!explains_) return;
    tracer_->on_its_thread([&](TraceLoop& loop) {
      (void)loop.with_process_stopped(pid_, [&](const std::vector<Tracee>& all) {
        watch_->set_failure_stacks(stacks_of(all));
      });
    });
  }

  void finish() {
    trial_.took = now() - began_;
    if (companion_ > 0) (void)::kill(-companion_, SIGKILL);  // it began a session, and a group
    if (tracer_ && pid_ > 0) {
      const auto until = now() + kEndLimit;
      for (std::size_t left = 1; left > 0 && now() < until;) {
        tracer_->on_its_thread([&](TraceLoop& loop) {
          left = loop.threads();
          for (const auto pid : loop.processes()) (void)::kill(pid, SIGKILL);
        });
        pollfd waiting{tracer_->ends_fd(), POLLIN, 0};
        if (left > 0) (void)::poll(&waiting, 1, 2);
        (void)tracer_->take_ends();
      }
    }
    tracer_.reset();
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    trial_.output = last_of(output_.get());
    trial_.was_ready = ready_;
    if (ready_) trial_.ready_after = ready_at_ - began_;
    trial_.acted = watch_->acted();
    trial_.calibration = watch_->take_calibration();
    trial_.catalogue = watch_->catalogue();
    trial_.held = watch_->held_stacks();
    trial_.at_failure = watch_->failure_stacks();
    if (!plan_.failure_pattern.empty()) {
      const auto match = Pattern(plan_.failure_pattern).match_in(trial_.output);
      if (match) trial_.failure = "output: " + match->front();
    }
    if (trial_.failure.empty())
      trial_.failure = failure_of(trial_.end, trial_.output, plan_.usual_ends, plan_.exit_code);
  }

  const HuntSurroundings& around_;
  const HuntPlan plan_;
  bool explains_;
  int processor_;  // -1: any
  HuntTrial trial_;
  ScopedFd output_;
  ScopedFd null_{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
  ScopedFd changed_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::optional<PointWatch> watch_;
  std::unique_ptr<Tracer> tracer_;  // ends before its observer
  pid_t pid_ = 0;
  pid_t companion_ = 0;
  TimePoint began_ = now();
  TimePoint ready_at_{};  // before `ready_`
  std::atomic<bool> ready_ = false;
  TimePoint begun_at_{};  // the companion
  bool sent_ = false;
  bool ended_ = false;
  TimePoint last_look_{};
  TimePoint last_quiet_look_{};
  TimePoint quiet_since_ = now();
  BlockedThreads blocked_;
  TimePoint blocked_since_{};
};

}  // namespace

HuntTrial run_hunt_trial(PointOrders orders, const HuntSurroundings& around) {
  return Conductor(std::move(orders), around).run();
}

}  // namespace lastcall

// lastcall autopsy -- CMD…: runs a command as a shell would, and explains how it ended.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <iostream>
#include <memory>
#include <mutex>

#include "base/durations.hpp"
#include "campaign/exit_codes.hpp"
#include "cli/autopsy_report.hpp"
#include "cli/commands.hpp"
#include "cli/tls_probe.hpp"
#include "target/launcher.hpp"
#include "tracer/locks/waits.hpp"
#include "tracer/loop/tracer.hpp"
#include "tracer/stacks/stack_reader.hpp"

namespace lastcall::cli {
namespace {

struct AutopsyArguments {
  std::vector<std::string> command;
  std::string output;
  std::string hang;
  bool json = false;
  bool full = false;
  bool follow = false;
  bool probe_tls = false;
};

// Unless --hang says else. Service managers wait ninety seconds before they kill.
constexpr auto kPatience = std::chrono::seconds(10);
constexpr std::array kForwarded{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
// A signal to the whole process group, such as timeout(1) sends, reaches the command too. It takes
// the signal within this time, or is never seen to take it, if it waits with sigwait(3).
constexpr auto kTakenWithin = std::chrono::milliseconds(20);

// The command starts with the limit and the disposition of SIGPIPE that lastcall was started with.
struct GivenBack {
  static constexpr std::string_view kTried = "give back its limits";
  rlimit descriptors;
  bool ignores_pipes;
  boost::system::error_code on_exec_setup(Launcher&, const std::string&, char* const*) const {
    (void)::signal(SIGPIPE, ignores_pipes ? SIG_IGN : SIG_DFL);
    return {::setrlimit(RLIMIT_NOFILE, &descriptors) == 0 ? 0 : errno,
            boost::system::system_category()};
  }
};

// One run of a command. Belongs to the main thread, except for what is marked as the tracer's.
class Autopsy {
 public:
  // `patience`: a command that still runs this long after a stop signal is said to hang.
  Autopsy(const AutopsyArguments& arguments, Nanoseconds patience, const Context& context)
      : arguments_(arguments), patience_(patience), context_(context) {}

  // Returns the exit code. Why the command could not be started is in the finding.
  int run();
  [[nodiscard]] const Finding& finding() const { return finding_; }

 private:
  // A signal that came to lastcall, and that the command may have got as well.
  struct Coming {
    int signal;
    Culprit sender;
    TimePoint came;
  };

  std::string start(const sigset_t& before);
  void watch();
  void take_signals();
  void forward_due();
  void forward(const Coming& coming);
  void stop_began(int signal);
  void take_ends();
  void take_listening();
  void look_at_the_hang();
  void finish();
  // Whether a command that gets this signal is expected to end. Many go on after SIGINT or SIGHUP.
  [[nodiscard]] bool is_stop(int signal) const {
    return signal == SIGTERM || (!arguments_.hang.empty() &&
                                 (signal == SIGINT || signal == SIGHUP || signal == SIGQUIT));
  }
  [[nodiscard]] bool has_taken(const Coming& coming);
  [[nodiscard]] std::string killer_of(const Subject& subject);
  [[nodiscard]] std::vector<pid_t> alive();
  [[nodiscard]] int wait_limit() const;  // milliseconds, as poll(2)
  void wake() const { (void)!::write(changed_.get(), &kOne, sizeof kOne); }

  static constexpr std::uint64_t kOne = 1;
  const AutopsyArguments& arguments_;
  Nanoseconds patience_;
  const Context& context_;
  Finding finding_;
  std::optional<SignalTrace> kernel_;
  std::optional<std::uint64_t> oom_kills_before_;
  ScopedFd signals_;
  ScopedFd changed_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  ProcessRecorder recorder_;
  std::unique_ptr<Tracer> tracer_;  // ends before its observers
  std::optional<int> exit_code_;
  bool all_ended_ = false;
  std::vector<Coming> coming_;
  std::map<int, Culprit> forwarded_;  // by signal: who sent it to lastcall
  std::optional<std::pair<int, TimePoint>> stop_;
  bool hung_ = false;    // and hang_text() was printed
  bool killed_ = false;  // by a further interrupt
  std::vector<std::pair<std::string, std::future<std::optional<std::string>>>> probes_;

  std::mutex mutex_;  // guards what the tracer's thread writes:
  int stop_taken_ = 0;
  std::vector<std::string> listening_;
};

std::string Autopsy::start(const sigset_t& before) {
  if (finding_.preflight.path.empty()) return finding_.preflight.problems.front();
  auto kernel = SignalTrace::start();
  if (kernel) {
    kernel_.emplace(std::move(*kernel));
  } else {
    finding_.untold = kernel.error().message();
  }
  oom_kills_before_ = oom_kills_around(::getpid());
  const auto streams = ProcessRecorder::on_standard_streams();
  auto tracer = Tracer::start(ProcessRecorder::syscalls(), recorder_.observers(), streams);
  if (!tracer) return tracer.error().message();
  tracer_ = std::move(*tracer);
  tracer_->on_its_thread([this](TraceLoop& loop) { recorder_.stop_with(loop); });
  Launcher launcher;
  launcher.inheriting = before;
  for (char** one = environ; *one != nullptr; ++one) launcher.environment.emplace_back(*one);
  auto launched =
      launcher(finding_.preflight.path, finding_.command,
               GivenBack{context_.descriptors, context_.ignores_pipes}, tracer_->initialiser());
  if (!launched) return launched.error().message();
  finding_.pid = launched->pid;
  if (const auto followed = tracer_->follow(launched->pid, false); !followed) {
    (void)::kill(launched->pid, SIGKILL);
    return followed.error().message();
  }
  return start_problem(*launched);
}

int Autopsy::run() {
  finding_.command = arguments_.command;
  finding_.probed = arguments_.probe_tls;
  const char* path = std::getenv("PATH");
  finding_.preflight =
      preflight(arguments_.command.front(), path == nullptr ? "/usr/bin:/bin" : path);
  // Blocked before there is a second thread, so that no thread takes them.
  sigset_t before;
  sigset_t ours;
  ::sigemptyset(&ours);
  for (const int signal : kForwarded) ::sigaddset(&ours, signal);
  (void)::pthread_sigmask(SIG_BLOCK, &ours, &before);
  signals_ = ScopedFd(::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK));
  recorder_.on_taken = [this](pid_t pid, const TakenSignal& taken) {
    if (pid != finding_.pid || !is_stop(taken.signal)) return;
    const std::scoped_lock lock(mutex_);
    stop_taken_ = taken.signal;
    wake();
  };
  recorder_.on_listening = [this](pid_t, const std::string& address) {
    const std::scoped_lock lock(mutex_);
    listening_.push_back(address);
    wake();
  };
  finding_.not_started = start(before);
  if (!finding_.not_started.empty()) {
    tracer_.reset();
    return exit_codes::kBroken;
  }
  while (!exit_code_ || (arguments_.follow && !all_ended_)) watch();
  finish();
  return *exit_code_;
}

void Autopsy::watch() {
  std::array<pollfd, 4> waiting{{{signals_.get(), POLLIN, 0},
                                 {tracer_->ends_fd(), POLLIN, 0},
                                 {changed_.get(), POLLIN, 0},
                                 {kernel_ ? kernel_->fd() : -1, POLLIN, 0}}};
  (void)::poll(waiting.data(), waiting.size(), wait_limit());
  std::uint64_t ignored = 0;
  (void)!::read(changed_.get(), &ignored, sizeof ignored);
  if (kernel_) kernel_->take_in();  // at once: a sender may be gone soon
  take_signals();
  take_listening();
  take_ends();
  forward_due();
  if (stop_ && !hung_ && !exit_code_ && now() >= stop_->second + patience_) look_at_the_hang();
}

int Autopsy::wait_limit() const {
  std::optional<TimePoint> due;
  const auto sooner = [&](TimePoint at) { due = due ? std::min(*due, at) : at; };
  for (const auto& coming : coming_) sooner(coming.came + kTakenWithin);
  if (stop_ && !hung_ && !exit_code_) sooner(stop_->second + patience_);
  if (!due) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*due - now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void Autopsy::take_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    const int signal = static_cast<int>(info.ssi_signo);
    if (hung_ && (signal == SIGINT || signal == SIGTERM)) {
      killed_ = true;
      for (const auto pid : alive()) (void)::kill(pid, SIGKILL);
    } else if (info.ssi_code == SI_KERNEL) {
      if (is_stop(signal)) stop_began(signal);  // the terminal signals its whole foreground group
    } else {
      coming_.push_back({signal, culprit(static_cast<pid_t>(info.ssi_pid)), now()});
    }
  }
}

void Autopsy::forward_due() {
  while (!coming_.empty() && now() >= coming_.front().came + kTakenWithin) {
    const auto coming = coming_.front();
    coming_.erase(coming_.begin());
    forward(coming);
  }
}

bool Autopsy::has_taken(const Coming& coming) {
  bool taken = false;
  tracer_->on_its_thread([&](TraceLoop&) {
    for (const auto& one : recorder_.subjects()[finding_.pid].signals) {
      taken = taken || (one.signal == coming.signal && one.sender.pid == coming.sender.pid &&
                        one.at >= coming.came - kTakenWithin);
    }
  });
  if (taken || !kernel_) return taken;
  const auto sent = kernel_->last(coming.signal, finding_.pid);
  return sent && sent->sender.pid == coming.sender.pid && sent->seen >= coming.came - kTakenWithin;
}

void Autopsy::forward(const Coming& coming) {
  if (!has_taken(coming)) {
    forwarded_[coming.signal] = coming.sender;
    for (const auto pid : exit_code_ ? alive() : std::vector{finding_.pid})
      (void)::kill(pid, coming.signal);
  }
  if (is_stop(coming.signal)) stop_began(coming.signal);
}

void Autopsy::stop_began(int signal) {
  if (!stop_) stop_ = {signal, now()};
}

std::vector<pid_t> Autopsy::alive() {
  std::vector<pid_t> pids;
  tracer_->on_its_thread([&](TraceLoop&) {
    for (const auto& [pid, subject] : recorder_.subjects()) {
      if (!subject.ended) pids.push_back(pid);
    }
  });
  return pids;
}

void Autopsy::take_ends() {
  for (const auto& info : tracer_->take_ends()) {
    if (info.si_pid != finding_.pid) continue;
    exit_code_ = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
  }
  if (exit_code_)
    tracer_->on_its_thread([this](TraceLoop& loop) { all_ended_ = loop.threads() == 0; });
}

void Autopsy::take_listening() {
  const std::scoped_lock lock(mutex_);
  if (const int signal = std::exchange(stop_taken_, 0); signal != 0) stop_began(signal);
  for (auto& address : std::exchange(listening_, {})) {
    if (arguments_.probe_tls)
      probes_.emplace_back(
          address, std::async(std::launch::async, [address] { return probe_tls(address); }));
  }
}

void Autopsy::look_at_the_hang() {
  hung_ = true;
  Hang hang{.signal = stop_->first, .after = now() - stop_->second};
  tracer_->on_its_thread([&](TraceLoop& loop) {
    loop.with_all_stopped([&](const std::vector<Tracee>& all) {
      hang.stacks = stacks_of(all, Lines::with);
      hang.waits = waits_of(all, hang.stacks);
    });
  });
  hang.stuck = stuck_threads(hang.waits);
  std::cerr << hang_text(hang, arguments_.full)
            << "autopsy: the command goes on; interrupt once more to kill it\n"
            << std::flush;
  finding_.hang = std::move(hang);
}

std::string Autopsy::killer_of(const Subject& subject) {
  const auto sent = kernel_ ? kernel_->last(SIGKILL, subject.pid) : std::nullopt;
  if (kernel_ && kernel_->out_of_memory(subject.pid))
    return "sent by the kernel: it was out of memory (oom-killer)";
  if (killed_ && (!sent || sent->sender.pid == ::getpid()))
    return "sent by lastcall, because of a further interrupt after the hang";
  if (sent && sent->signal.code == SI_KERNEL && subject.processor_time_is_limited)
    return "sent by the kernel: it used up its processor time (ulimit -t)";
  if (sent)
    return "sent by " + (sent->sender.pid == subject.pid ? "itself" : culprit_text(sent->sender));
  if (!subject.killer_in_tree.empty()) return "sent by " + subject.killer_in_tree;
  if (subject.oom_kills && oom_kills_before_ && *subject.oom_kills > *oom_kills_before_)
    return "probably sent by the kernel: its memory cgroup was out of memory meanwhile";
  if (subject.processor_time_is_limited)
    return "perhaps sent by the kernel: its processor time is limited (ulimit -t)";
  return "from a sender that could not be seen" +
         (finding_.untold.empty() ? "" : ": " + finding_.untold);
}

void Autopsy::finish() {
  tracer_->on_its_thread([this](TraceLoop&) { finding_.subjects = recorder_.subjects(); });
  for (auto& [address, probe] : probes_) {
    const auto speaks = probe.get();
    for (auto& [pid, subject] : finding_.subjects) {
      for (auto& listener : subject.listeners) {
        if (listener.address == address && speaks) listener.speaks = *speaks;
      }
    }
  }
  for (auto& [pid, subject] : finding_.subjects) {
    if (!subject.ended) continue;
    for (auto& taken : subject.signals) {
      // The kernel's trace still knows the name of a sender that was gone by then.
      if (kernel_ && taken.sender.pid != 0 && taken.sender.user.empty()) {
        if (const auto sent = kernel_->last(taken.signal, pid);
            sent && sent->signal.sender == taken.sender.pid)
          taken.sender = sent->sender;
      }
      if (const auto from = forwarded_.find(taken.signal);
          taken.sender.pid == ::getpid() && from != forwarded_.end()) {
        taken.sender = from->second;
        taken.forwarded = true;
      }
    }
    if (subject.how.si_code != CLD_EXITED && subject.how.si_status == SIGKILL)
      finding_.killers[pid] = killer_of(subject);
  }
  tracer_.reset();
}

int autopsy(const AutopsyArguments& arguments, const Context& context) {
  const auto patience = arguments.hang.empty() ? std::optional<Nanoseconds>(kPatience)
                                               : parse_duration(arguments.hang);
  if (!patience) {
    std::cerr << "lastcall: --hang: expected a duration such as 10s, found '" << arguments.hang
              << "'\n";
    return exit_codes::kUsage;
  }
  // Closed on exec, so that CMD has the descriptors it would have without lastcall.
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      arguments.output.empty() ? nullptr : std::fopen(arguments.output.c_str(), "we"),
      &std::fclose);
  if (!arguments.output.empty() && !file) {
    std::cerr << "lastcall: cannot write " << arguments.output << "\n";
    return exit_codes::kUsage;
  }
  Autopsy run(arguments, *patience, context);
  const int code = run.run();
  const auto report = arguments.json ? boost::json::serialize(json_of(run.finding())) + "\n"
                                     : text_of(run.finding(), arguments.full);
  std::FILE* const out = file ? file.get() : arguments.json ? stdout : stderr;
  const bool written =
      std::fwrite(report.data(), 1, report.size(), out) == report.size() && std::fflush(out) == 0;
  return written ? code : exit_codes::kBroken;
}

constexpr const char* kFooter =
    R"(CMD keeps the terminal, its input and its output; the report goes to standard error when
it has ended. Exit code: that of CMD, 128 + N if signal N ended it; 2 wrong usage; 4 CMD could not
be executed or traced.

  lastcall autopsy -- ./server --port 8443
  lastcall autopsy --probe-tls -- ./server --port 8443     do its ports really speak TLS?
  lastcall autopsy --json --output end.json -- ./server

Signals that are sent to lastcall (HUP, INT, QUIT, TERM, USR1, USR2) are passed on; a Ctrl-C reaches
CMD from the terminal itself. If CMD still runs 10 s after SIGTERM (with --hang: that long after
SIGTERM, SIGINT, SIGHUP or SIGQUIT), lastcall prints every thread's stack, what it waits for and any
deadlock. CMD goes on; a further interrupt kills it.

Only root can see who sent a SIGKILL, in the kernel's trace. Everything that CMD starts is traced
too. What still runs when CMD has ended is killed, unless --follow is given; everything is killed if
lastcall itself is. System calls such as open, close, connect and rename, and lines of output, take
about ten µs longer.)";

}  // namespace

void add_autopsy(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<AutopsyArguments>();
  auto* command = app.add_subcommand("autopsy", "Run a command and explain how it ended");
  command->add_option("command", arguments->command, "What to run, after --")
      ->required()
      ->option_text("-- CMD...");
  command
      ->add_option(
          "--hang,--timeout", arguments->hang,
          "How long after a stop signal CMD counts as hanging (default: 10s, after SIGTERM only)")
      ->option_text("DURATION");
  command->add_flag(
      "--probe-tls", arguments->probe_tls,
      "Connect to each port that CMD listens on, at most twice, and say whether it speaks TLS");
  command->add_flag("--follow", arguments->follow,
                    "Wait until everything that CMD started has ended, as for a daemon");
  command->add_flag("--full", arguments->full, "Whole stacks, all calls, all last words");
  command->add_flag("--json", arguments->json, "Print the report as JSON on standard output");
  command->add_option("--output,-o", arguments->output, "Write the report to a file")
      ->option_text("FILE");
  command->footer(kFooter);
  command->callback([arguments, &context] { context.exit_code = autopsy(*arguments, context); });
}

}  // namespace lastcall::cli

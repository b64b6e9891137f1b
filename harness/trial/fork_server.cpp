#include "trial/fork_server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <iostream>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/exception_error.hpp"
#include "base/remove_tree.hpp"
#include "client/control.hpp"
#include "client/worker.hpp"
#include "target/certificate.hpp"
#include "target/cgroup.hpp"
#include "target/parent_death.hpp"
#include "target/process_tree.hpp"
#include "target/short_folder.hpp"
#include "trial/guard.hpp"
#include "trial/lifeline.hpp"
#include "trial/sidecars.hpp"

namespace lastcall {
namespace {

namespace json = boost::json;

// A trial that is given up needs less than a second to end its target; then all are killed. The
// guard waits longer for the fork server.
constexpr auto kGiveUpLimit = std::chrono::seconds(2);
// The guard has given up by then.
constexpr auto kGuardEndsWithin = std::chrono::seconds(6);

std::string to_text(const TrialOrder& order) { return json::serialize(json::value_from(order)); }

// From our own other end: what does not parse is a broken invariant, not bad input.
TrialOrder order_from(const std::string& text) {
  return json::value_to<TrialOrder>(json::parse(text));
}

struct SocketPair {
  ScopedFd ours;
  ScopedFd theirs;
};

Result<SocketPair> socket_pair(int type) {
  int ends[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0)
    return Error{"create a pair of sockets", "", errno, ""};
  return SocketPair{ScopedFd(ends[0]), ScopedFd(ends[1])};
}

Error cannot_fork() { return {"fork", "", errno, std::string(remedy_for_fork(errno))}; }

class Server {
 public:
  Server(ScopedFd control, ScopedFd guard, ConductTrial conduct)
      : conduct_(conduct), control_(std::move(control)), guard_(std::move(guard)) {}

  void serve() {
    sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child, nullptr);
    const ScopedFd signals(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
    for (;;) {
      pollfd watched[] = {
          {control_.get(), POLLIN, 0}, {signals.get(), POLLIN, 0}, {guard_.get(), POLLIN, 0}};
      (void)::poll(watched, 3, -1);
      if (watched[1].revents != 0) {
        signalfd_siginfo info{};
        while (::read(signals.get(), &info, sizeof info) > 0) {
        }
        reap();
      }
      // Without it nobody ends what this process would leave if it were killed.
      if (watched[2].revents != 0) return finish(Nanoseconds::zero());
      if (watched[0].revents != 0 && !obey()) return finish(kGiveUpLimit);
    }
  }

 private:
  struct Worker {
    pid_t pid = -1;
    ScopedFd control;
  };

  bool obey() {
    auto message = receive_message(control_.get());
    if (!message || message->text.empty()) return false;
    // An order whose descriptor the kernel drops, as none is free here (MSG_CTRUNC, recvmsg(2)),
    // names no trial: lastcall sees that it is over.
    if (message->descriptors.empty()) return kill_trial(message->text), true;
    auto lifeline = std::move(message->descriptors.front());
    auto order = order_from(message->text);
    Result<void> begun;
    try {
      begun = begin_trial(order, lifeline);
    } catch (const std::exception& error) {
      begun = error_of("begin the trial", error);
    }
    if (!begun) {
      TrialResult result;
      result.broken = begun.error().message();
      result.kept = true;
      send_result(lifeline.get(), result);
      if (!order.short_folder.empty()) over_.push_back(order);
    }
    return true;
  }

  // What the child of a fork throws must not come back to here: what it calls is noexcept.
  Result<void> begin_trial(TrialOrder& order, ScopedFd& lifeline) {
    if (needs_short_name(order.target_folder())) {
      order.short_folder = make_short_folder(order.directory);
    }
    if (!std::exchange(asked_for_kills_, true)) {
      if (auto kills = SignalTrace::start()) kills_.emplace(std::move(*kills));
    }
    auto workers = sockets_to_workers(order);
    if (!workers) return workers.error();
    Companions companions{std::move(*workers), {}};
    if (order.sidecars) {
      auto keeper = make_keeper(order);
      if (!keeper) return keeper.error();
      companions.keeper = std::move(*keeper);
    }
    const pid_t pid = ::fork();
    if (pid < 0) return cannot_fork();
    if (pid == 0) become_trial(order, std::move(lifeline), std::move(companions));
    children_[pid] = order.directory;
    note_short_folder(pid, order);
    return {};
  }

  // One socket for each worker of the slot; missing and dead workers are made first.
  Result<std::vector<ScopedFd>> sockets_to_workers(const TrialOrder& order) {
    auto& workers = slots_[order.slot];
    workers.resize(std::max<std::size_t>(workers.size(), order.workers));
    std::vector<ScopedFd> sockets;
    for (std::uint32_t i = 0; i < order.workers; ++i) {
      auto created = socket_pair(SOCK_SEQPACKET);
      if (!created) return created.error();
      auto pair = std::move(*created);
      if (workers[i].pid < 0 ||
          !send_message(workers[i].control.get(), "trial", {pair.theirs.get()})) {
        auto made = make_worker();
        if (!made) return made.error();
        workers[i] = std::move(*made);
        // A worker that dies at once shows in the trial, as the end of its socket.
        static_cast<void>(send_message(workers[i].control.get(), "trial", {pair.theirs.get()}));
      }
      sockets.push_back(std::move(pair.ours));
    }
    return sockets;
  }

  Result<Worker> make_worker() {
    auto created = socket_pair(SOCK_SEQPACKET);
    if (!created) return created.error();
    auto pair = std::move(*created);
    const pid_t pid = ::fork();
    if (pid < 0) return cannot_fork();
    if (pid == 0) {
      keep_only(pair.theirs.get());
      begin_child("lc-worker");
      serve_as_client_worker(pair.theirs.get());
      ::_exit(0);  // tidy: after fork
    }
    children_[pid] = "";
    return Worker{pid, std::move(pair.ours)};
  }

  // Of one trial. What its sidecars start is below it, whoever their parent was.
  Result<ScopedFd> make_keeper(const TrialOrder& order) {
    auto created = socket_pair(SOCK_SEQPACKET);
    if (!created) return created.error();
    auto pair = std::move(*created);
    const pid_t pid = ::fork();
    if (pid < 0) return cannot_fork();
    if (pid == 0) {
      keep_only(pair.theirs.get());
      begin_child("lc-keeper");
      (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
      keep_sidecars(order, std::move(pair.theirs));
      ::_exit(0);  // tidy: after fork
    }
    children_[pid] = order.directory;
    note_short_folder(pid, order);
    return std::move(pair.ours);
  }

  // Also one that is stopped, or spins. Who was below them is ours then: reap() kills them.
  void kill_trial(const std::string& directory) const {
    for (const auto& [pid, its] : children_) {
      if (its == directory) (void)::kill(pid, SIGKILL);
    }
  }

  // Also the sockets of the order that is just being obeyed go: a copy here would keep them open.
  static void keep_only(int descriptor) {
    const auto keep = static_cast<unsigned>(descriptor);
    (void)::syscall(SYS_close_range, 3U, keep - 1, 0U);
    (void)::syscall(SYS_close_range, keep + 1, ~0U, 0U);
  }

  [[noreturn]] void become_trial(const TrialOrder& order, ScopedFd lifeline,
                                 Companions companions) noexcept {
    control_.reset();
    guard_.reset();
    slots_.clear();
    begin_child("lc-trial");
    (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
    TrialResult result;
    try {
      result = conduct_(order, lifeline.get(), std::move(companions), kills_ ? &*kills_ : nullptr);
    } catch (const std::exception& error) {
      result.broken = error_of("conduct the trial", error).message();
      result.kept = true;
    }
    send_result(lifeline.get(), result);
    ::_exit(0);  // tidy: after fork
  }

  // No signal is blocked in it, and it ends with the server. `name`: in ps(1), 15 bytes at most.
  void begin_child(const char* name) const noexcept {
    (void)::prctl(PR_SET_NAME, name);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (!on_end_of(pid_, SIGKILL)) ::_exit(0);  // tidy: after fork
  }

  // The server is a subreaper too: a child it did not make is what a killed trial process left.
  void reap() {
    std::vector<pid_t> stopped;
    for (;;) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, WNOHANG | WUNTRACED);
      if (pid <= 0) break;
      if (WIFSTOPPED(status)) {
        stopped.push_back(pid);
        continue;
      }
      std::erase(stopped, pid);
      children_.erase(pid);
      note_end(pid);
      for (auto& [slot, workers] : slots_) {
        for (auto& worker : workers) {
          if (worker.pid == pid) worker.pid = -1;
        }
      }
    }
    // Afterwards: a target that stops them again and again does not hold up this process too.
    for (const auto& process : stopped) (void)::kill(process, SIGCONT);
    const auto foreign = descendants_not_ours();
    for (const auto& process : foreign) (void)::kill(process, SIGKILL);
    if (!foreign.empty()) return;  // they may write there until they are reaped
    for (const auto& order : over_) {
      auto given = give_back(order.short_folder, order.directory);
      if (given) given = remove_tree(order.short_folder);
      if (!given) std::cerr << "lastcall: warning: " << given.error().message() << std::endl;
    }
    over_.clear();
  }

  void note_short_folder(pid_t pid, const TrialOrder& order) {
    if (!order.short_folder.empty()) in_short_folders_[pid] = order;
  }

  // The last in a short folder leaves it to us; if it was a trial that went well, nothing of it.
  void note_end(pid_t pid) {
    const auto ended = in_short_folders_.extract(pid);
    if (!ended) return;
    const auto& order = ended.mapped();
    const bool is_last = std::ranges::none_of(in_short_folders_, [&](const auto& other) {
      return other.second.short_folder == order.short_folder;
    });
    if (is_last) over_.push_back(order);
  }

  [[nodiscard]] std::vector<pid_t> descendants_not_ours() const {
    std::vector<pid_t> foreign;
    for (const pid_t child : children()) {
      if (!children_.contains(child)) foreign.push_back(child);
    }
    return foreign;
  }

  // If lastcall is gone, so are the other ends of the lifelines, and the trials are giving up.
  void finish(Nanoseconds grace) {
    slots_.clear();
    const auto limit = now() + grace;
    while (!children().empty()) {
      reap();
      if (now() > limit) signal_descendants(SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    remove_stale_cgroups();  // those of trials that were killed
  }

  ConductTrial conduct_;
  std::optional<SignalTrace> kills_;  // removes its part of the trace only here
  bool asked_for_kills_ = false;
  ScopedFd control_;
  ScopedFd guard_;  // its pidfd
  const pid_t pid_ = ::getpid();
  std::map<std::uint32_t, std::vector<Worker>> slots_;
  std::map<pid_t, std::string> children_;         // the directory of its trial; empty for a worker
  std::map<pid_t, TrialOrder> in_short_folders_;  // trials, and keepers of sidecars
  std::vector<TrialOrder> over_;                  // whose short folders have to go
};

}  // namespace

Result<ForkServer> ForkServer::start(ConductTrial conduct) {
  auto created = socket_pair(SOCK_SEQPACKET);
  if (!created) return created.error();
  auto pair = std::move(*created);
  const pid_t lastcall = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return cannot_fork();
  if (pid == 0) {
    pair.ours.reset();
    guard_fork_server(lastcall, std::move(pair.theirs),
                      [conduct](ScopedFd control, ScopedFd guard) {
                        (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
                        (void)process_certificate();  // every trial process inherits them
                        (void)client_certificate();
                        Server(std::move(control), std::move(guard), conduct).serve();
                      });
    ::_exit(0);  // tidy: after fork
  }
  return ForkServer(std::move(pair.ours), pid);
}

ForkServer::~ForkServer() {
  if (!control_) return;  // moved from
  // This tells the processes below to end. The last one to go closes the other end.
  (void)::shutdown(control_.get(), SHUT_WR);
  for (const auto limit = now() + kGuardEndsWithin; now() < limit;) {
    pollfd other{control_.get(), 0, 0};
    if (end_of(guard_) && ::poll(&other, 1, 0) > 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  // The server does it, unless it was killed.
  for (const auto& [slot, directory] : last_) (void)give_back_linked(directory);
}

Result<ScopedFd> ForkServer::conduct(const TrialOrder& order) {
  auto created = socket_pair(SOCK_STREAM);
  if (!created) return created.error();
  auto pair = std::move(*created);
  auto sent = send_message(control_.get(), to_text(order), {pair.theirs.get()});
  if (!sent) {
    return Error{"order a trial", "", sent.error().error_number,
                 "the fork server ended; was it killed?"};
  }
  last_[order.slot] = order.directory;
  return std::move(pair.ours);
}

Result<void> ForkServer::kill(const std::string& directory) {
  auto sent = send_message(control_.get(), directory);
  if (!sent) return sent.error();
  return {};
}

}  // namespace lastcall

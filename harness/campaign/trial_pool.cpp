#include "campaign/trial_pool.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <list>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "base/durations.hpp"
#include "base/file.hpp"
#include "base/remove_tree.hpp"
#include "campaign/origin.hpp"
#include "trial/lifeline.hpp"
#include "trial/longest_trial.hpp"

namespace lastcall {
namespace {

// Descriptors of a worker besides those of its clients: its sockets, segment, epoll and libraries'
// own.
constexpr rlim_t kReservedDescriptors = 200;
constexpr rlim_t kLeastForClients = 20;
// The client's own, and the two of the relay, which stay open a moment longer.
constexpr std::size_t kThroughAProxy = 3;
constexpr int kTickMilliseconds = 200;
// After an interrupt. With what the fork server and its guard need to end everybody
// (trial/fork_server.cpp) it makes less than ten seconds, which is what those who send SIGKILL next
// usually wait.
constexpr auto kFinishLimit = std::chrono::seconds(3);
// The fork server kills a trial within milliseconds, unless the machine is overloaded.
constexpr auto kKillLimit = std::chrono::seconds(10);
// The kernel kills trials with the fork server, within milliseconds unless it holds them.
constexpr auto kServerGoneLimit = std::chrono::seconds(5);
constexpr const char* kServerGone = "the fork server ended; was it killed?";
constexpr const char* kServerSilent = "the fork server does not answer; was it stopped?";

std::uint32_t workers_for(const Plan& plan) {
  std::size_t descriptors = 0;
  for (const auto& client : planned_clients(plan))
    descriptors += plan.scenario.clients[client.group].proxy ? kThroughAProxy : 1;
  rlimit limit{};
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  const auto each =
      std::max(limit.rlim_cur, kReservedDescriptors + kLeastForClients) - kReservedDescriptors;
  return static_cast<std::uint32_t>(std::max<std::size_t>(1, (descriptors + each - 1) / each));
}

class Interrupts {
 public:
  Interrupts() {
    ::sigemptyset(&mask_);
    ::sigaddset(&mask_, SIGINT);
    ::sigaddset(&mask_, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &mask_, &before_);
    fd_ = ScopedFd(::signalfd(-1, &mask_, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] int first() const { return first_; }
  [[nodiscard]] int count() const { return count_; }
  // Whether running trials are given up, too.
  [[nodiscard]] bool is_final() const {
    return count_ > 1 || (count_ == 1 && now() > came_ + kFinishLimit);
  }
  void read() {
    signalfd_siginfo info{};
    while (::read(fd_.get(), &info, sizeof info) == sizeof info) {
      if (count_++ > 0) continue;
      first_ = static_cast<int>(info.ssi_signo);
      came_ = now();
    }
  }

 private:
  sigset_t mask_{};
  sigset_t before_{};
  ScopedFd fd_;
  int first_ = 0;
  int count_ = 0;
  TimePoint came_{};  // the first
};

struct Running {
  TrialJob job;
  std::uint32_t slot = 0;
  ScopedFd lifeline;
  TimePoint begun;
  Nanoseconds longest{};
  std::string received{};
  bool is_killed = false;  // because it took longer
};

// A trial process that ended without a result, or was killed. `cut_short`: why lastcall could not
// wait for it; empty if it did.
TrialResult without_result(const Running& trial, const std::string& cut_short) {
  const auto& plan = trial.job.plan;
  const auto doing = said_on_lifeline(trial.received).doing;
  const auto meanwhile = doing.empty() ? " before it began" : " while it " + doing;
  const auto limit = plan.scenario.budget.trial_timeout
                         ? exact_duration(trial.longest) + " ([budget] trial_timeout)"
                         : human_duration(trial.longest) + ", the most that its plan allows,";
  TrialResult result;
  result.seed = plan.seed;
  result.traced = plan.traced;
  result.duration = now() - trial.begun;
  result.kept = true;
  if (trial.is_killed) {
    result.broken = "the trial took longer than " + limit + " and was killed" + meanwhile +
                    "; was its process stopped?";
  } else if (!cut_short.empty()) {
    result.broken = cut_short;
  } else {
    result.broken = "the trial process ended without a result" + meanwhile + "; was it killed?";
  }
  return result;
}

class Pool {
 public:
  Pool(ForkServer& server, const TrialPoolOptions& options) : server_(server), options_(options) {
    for (std::uint32_t slot = 0; slot < options.jobs; ++slot) free_slots_.insert(slot);
  }

  Result<int> run() {
    for (;;) {
      while (interrupts_.count() == 0 && !free_slots_.empty() && more_) {
        if (auto started = start_next(); !started) {
          broken_ = started.error();
          more_ = false;  // those that run finish first
        }
      }
      if (running_.empty() && broken_) return *broken_;
      if (running_.empty()) return interrupts_.first();
      if (auto polled = wait(); !polled) {
        if (cut_short_.empty()) cut_short_ = polled.error().message();
        while (!running_.empty()) finish(running_.begin());
        return polled.error();
      }
      options_.tick(running_.size());
    }
  }

 private:
  Result<void> start_next() {
    auto job = options_.next();
    more_ = job.has_value();
    if (!more_) return {};
    std::error_code ec;
    std::filesystem::create_directories(job->directory, ec);
    if (ec) return Error{"create", job->directory, ec.value(), ""};
    // Where the target of an earlier trial, if it is of this user, may have put something.
    if (auto written = write_regular(job->directory + "/plan.json", to_json(job->plan)); !written)
      return written.error();
    // Without one a replay says why, and needs --trust.
    (void)write_origin(job->directory, job->plan);
    const auto slot = *free_slots_.begin();
    auto lifeline = server_.conduct({.directory = job->directory,
                                     .tools = options_.tools,
                                     .keep = options_.keep,
                                     .slot = slot,
                                     .workers = workers_for(job->plan),
                                     .sidecars = !job->plan.scenario.sidecars.empty(),
                                     .calibrates = job->calibrates});
    if (!lifeline) return lifeline.error();
    free_slots_.erase(slot);
    const auto longest = longest_trial(job->plan);
    running_.push_back({std::move(*job), slot, std::move(*lifeline), now(), longest});
    return {};
  }

  Result<void> wait() {
    std::vector<pollfd> watched{{interrupts_.fd(), POLLIN, 0}, {server_.control(), 0, 0}};
    for (const auto& trial : running_) watched.push_back({trial.lifeline.get(), POLLIN, 0});
    if (::poll(watched.data(), watched.size(), kTickMilliseconds) < 0 && errno != EINTR) {
      return Error{"wait for trials", "", errno, ""};
    }
    if (watched[0].revents != 0) interrupts_.read();
    if ((watched[1].revents & (POLLHUP | POLLERR)) != 0) return server_gone();
    receive_from({watched.begin() + 2, watched.end()});
    if (interrupts_.is_final()) give_up();
    return kill_late_trials();
  }

  // From here, because a trial process that is stopped, or spins, can do nothing about it itself.
  Result<void> kill_late_trials() {
    for (auto& trial : running_) {
      const auto late = now() - trial.begun - trial.longest;
      if (late <= Nanoseconds(0)) continue;
      if (!std::exchange(trial.is_killed, true)) {
        // A fork server that cannot be told is gone, which shows at once, or does not answer.
        (void)server_.kill(trial.job.directory);
      } else if (late > kKillLimit) {
        cut_short_ = kServerSilent;
        return Error{"end the trial in", trial.job.directory, 0, kServerSilent};
      }
    }
    return {};
  }

  void receive_from(std::span<const pollfd> sockets) {
    auto trial = running_.begin();
    for (const auto& socket : sockets) {
      const auto current = trial++;
      if (socket.revents != 0) receive(current);
    }
  }

  // What its trials had said by then counts; the others were cut short.
  Error server_gone() {
    cut_short_ = kServerGone;
    for (const auto limit = now() + kServerGoneLimit; !running_.empty() && now() < limit;) {
      std::vector<pollfd> sockets;
      for (const auto& trial : running_) sockets.push_back({trial.lifeline.get(), POLLIN, 0});
      (void)::poll(sockets.data(), sockets.size(), kTickMilliseconds);
      receive_from(sockets);
    }
    return {"conduct trials", "", 0, kServerGone};
  }

  void receive(std::list<Running>::iterator trial) {
    char block[16 * 1024];
    const auto n = ::read(trial->lifeline.get(), block, sizeof block);
    if (n > 0) {
      trial->received.append(block, static_cast<std::size_t>(n));
    } else {
      finish(trial);
    }
  }

  // With the result that came whole, if one did.
  void finish(std::list<Running>::iterator trial) {
    auto sent = trial_result_from_json(said_on_lifeline(trial->received).result);
    auto result = sent ? std::move(*sent) : without_result(*trial, cut_short_);
    free_slots_.insert(trial->slot);
    options_.done(trial->job, std::move(result));
    running_.erase(trial);
  }

  // Closing the sockets tells the trial processes; they end their targets. Their directories stay.
  void give_up() { running_.clear(); }

  ForkServer& server_;
  const TrialPoolOptions& options_;
  Interrupts interrupts_;
  std::set<std::uint32_t> free_slots_;
  std::list<Running> running_;
  bool more_ = true;
  std::optional<Error> broken_;  // why no further trial can be started
  std::string cut_short_;        // why those that run cannot finish
};

}  // namespace

Result<int> run_trials(ForkServer& server, const TrialPoolOptions& options) {
  return Pool(server, options).run();
}

}  // namespace lastcall

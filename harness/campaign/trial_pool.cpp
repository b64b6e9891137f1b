#include "campaign/trial_pool.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <list>
#include <set>
#include <span>
#include <vector>

namespace lastcall {
namespace {

// Descriptors a worker needs beside one a client: its sockets, segment, epoll and libraries' own.
constexpr rlim_t kReservedDescriptors = 200;
constexpr int kTickMilliseconds = 200;
// The kernel kills trials with the fork server, within milliseconds unless it holds them.
constexpr auto kServerGoneLimit = std::chrono::seconds(5);
constexpr const char* kServerGone = "the fork server ended; was it killed?";

std::uint32_t workers_for(std::size_t clients) {
  rlimit limit{};
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  const auto each =
      std::max<rlim_t>(limit.rlim_cur, 2 * kReservedDescriptors) - kReservedDescriptors;
  return static_cast<std::uint32_t>(std::max<std::size_t>(1, (clients + each - 1) / each));
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
  void read() {
    signalfd_siginfo info{};
    while (::read(fd_.get(), &info, sizeof info) == sizeof info) {
      if (count_++ == 0) first_ = static_cast<int>(info.ssi_signo);
    }
  }

 private:
  sigset_t mask_{};
  sigset_t before_{};
  ScopedFd fd_;
  int first_ = 0;
  int count_ = 0;
};

struct Running {
  TrialJob job;
  std::uint32_t slot = 0;
  ScopedFd result;
  std::string received;
};

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
      if (auto polled = wait(); !polled) return polled.error();
      options_.tick(running_.size());
    }
  }

 private:
  Result<void> start_next() {
    auto job = options_.next();
    more_ = job.has_value();
    if (!more_) return {};
    std::error_code ec;
    // An earlier campaign or replay may have left a trial of the same name: what lay in its {dir}
    // is not this one's.
    if (std::filesystem::is_directory(job->directory, ec))
      std::filesystem::remove_all(job->directory, ec);
    std::filesystem::create_directories(job->directory, ec);
    std::ofstream plan(job->directory + "/plan.json", std::ios::binary);
    plan << to_json(job->plan);
    if (!plan.flush()) return Error{"write", job->directory + "/plan.json", errno, ""};
    const auto slot = *free_slots_.begin();
    const auto clients = planned_clients(job->plan).size();
    auto result = server_.conduct({.directory = job->directory,
                                   .tools = options_.tools,
                                   .keep = options_.keep,
                                   .slot = slot,
                                   .workers = workers_for(clients),
                                   .sidecars = !job->plan.scenario.sidecars.empty()});
    if (!result) return result.error();
    free_slots_.erase(slot);
    running_.push_back({std::move(*job), slot, std::move(*result), {}});
    return {};
  }

  Result<void> wait() {
    std::vector<pollfd> watched{{interrupts_.fd(), POLLIN, 0}, {server_.control(), 0, 0}};
    for (const auto& trial : running_) watched.push_back({trial.result.get(), POLLIN, 0});
    if (::poll(watched.data(), watched.size(), kTickMilliseconds) < 0 && errno != EINTR) {
      return Error{"wait for trials", "", errno, ""};
    }
    if (watched[0].revents != 0) interrupts_.read();
    if ((watched[1].revents & (POLLHUP | POLLERR)) != 0) return server_gone();
    receive_from({watched.begin() + 2, watched.end()});
    if (interrupts_.count() > 1) give_up();
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
    is_server_gone_ = true;
    for (const auto limit = now() + kServerGoneLimit; !running_.empty() && now() < limit;) {
      std::vector<pollfd> sockets;
      for (const auto& trial : running_) sockets.push_back({trial.result.get(), POLLIN, 0});
      (void)::poll(sockets.data(), sockets.size(), kTickMilliseconds);
      receive_from(sockets);
    }
    while (!running_.empty()) finish(running_.begin());
    return {"conduct trials", "", 0, kServerGone};
  }

  void receive(std::list<Running>::iterator trial) {
    char block[16 * 1024];
    const auto n = ::read(trial->result.get(), block, sizeof block);
    if (n > 0) {
      trial->received.append(block, static_cast<std::size_t>(n));
    } else {
      finish(trial);
    }
  }

  void finish(std::list<Running>::iterator trial) {
    auto result = trial_result_from_json(trial->received);
    TrialResult ended;
    if (result) {
      ended = std::move(*result);
    } else {
      ended.seed = trial->job.plan.seed;
      ended.traced = trial->job.plan.traced;
      ended.broken = is_server_gone_ ? kServerGone
                                     : "the trial process ended without a result; was it killed?";
      ended.kept = true;
    }
    free_slots_.insert(trial->slot);
    options_.done(trial->job, std::move(ended));
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
  bool is_server_gone_ = false;
};

}  // namespace

Result<int> run_trials(ForkServer& server, const TrialPoolOptions& options) {
  return Pool(server, options).run();
}

}  // namespace lastcall

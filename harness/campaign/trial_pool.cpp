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
#include <iterator>
#include <list>
#include <set>
#include <vector>

#include "base/remove_tree.hpp"
#include "campaign/origin.hpp"

namespace lastcall {
namespace {

// Descriptors of a worker besides those of its clients: its sockets, segment, epoll and libraries'
// own.
constexpr rlim_t kReservedDescriptors = 200;
constexpr rlim_t kLeastForClients = 20;
// The client's own, and the two of the relay, which stay open a moment longer.
constexpr std::size_t kThroughAProxy = 3;
constexpr int kTickMilliseconds = 200;

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
  std::vector<std::string> warnings;
};

class Pool {
 public:
  Pool(ForkServer& server, const TrialPoolOptions& options) : server_(server), options_(options) {
    for (std::uint32_t slot = 0; slot < options.jobs; ++slot) free_slots_.insert(slot);
  }

  Result<int> run() {
    for (;;) {
      while (interrupts_.count() == 0 && !free_slots_.empty() && more_) {
        if (auto started = start_next(); !started) return started.error();
      }
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
    auto warnings = make_room(job->directory);
    std::filesystem::create_directories(job->directory, ec);
    if (ec) return Error{"create", job->directory, ec.value(), ""};
    std::ofstream plan(job->directory + "/plan.json", std::ios::binary);
    plan << to_json(job->plan);
    if (!plan.flush()) return Error{"write", job->directory + "/plan.json", errno, ""};
    // Without one a replay says why, and needs --trust.
    (void)write_origin(job->directory, job->plan);
    const auto slot = *free_slots_.begin();
    auto result = server_.conduct({.directory = job->directory,
                                   .tools = options_.tools,
                                   .keep = options_.keep,
                                   .slot = slot,
                                   .workers = workers_for(job->plan),
                                   .sidecars = !job->plan.scenario.sidecars.empty()});
    if (!result) return result.error();
    free_slots_.erase(slot);
    running_.push_back({std::move(*job), slot, std::move(*result), {}, std::move(warnings)});
    return {};
  }

  // An earlier campaign or replay may have left a trial of the same name: what lay in its {dir} is
  // not this one's, which takes another folder if that cannot be removed. Returns what stays.
  static std::vector<std::string> make_room(std::string& directory) {
    constexpr int kMostNames = 100;
    std::vector<std::string> stays;
    const auto wanted = directory;
    for (int i = 2; i <= kMostNames; ++i) {
      const auto removed = remove_tree(directory);
      if (removed) break;
      stays.push_back(removed.error().message());
      directory = wanted + "-" + std::to_string(i);
    }
    return stays;
  }

  Result<void> wait() {
    std::vector<pollfd> watched{{interrupts_.fd(), POLLIN, 0}, {server_.control(), 0, 0}};
    for (const auto& trial : running_) watched.push_back({trial.result.get(), POLLIN, 0});
    if (::poll(watched.data(), watched.size(), kTickMilliseconds) < 0 && errno != EINTR) {
      return Error{"wait for trials", "", errno, ""};
    }
    if (watched[0].revents != 0) interrupts_.read();
    if ((watched[1].revents & (POLLHUP | POLLERR)) != 0) {
      return Error{"conduct trials", "", 0, "the fork server ended; was it killed?"};
    }
    auto trial = running_.begin();
    for (std::size_t i = 2; i < watched.size(); ++i) {
      const auto current = trial++;
      if (watched[i].revents != 0) receive(current);
    }
    if (interrupts_.count() > 1) give_up();
    return {};
  }

  void receive(std::list<Running>::iterator trial) {
    char block[16 * 1024];
    const auto n = ::read(trial->result.get(), block, sizeof block);
    if (n > 0) {
      trial->received.append(block, static_cast<std::size_t>(n));
      return;
    }
    auto result = trial_result_from_json(trial->received);
    TrialResult ended;
    if (result) {
      ended = std::move(*result);
    } else {
      ended.seed = trial->job.plan.seed;
      ended.traced = trial->job.plan.traced;
      ended.broken = "the trial process ended without a result; was it killed?";
      ended.kept = true;
      if (const auto done = make_removable(trial->job.directory); !done)
        ended.warnings.push_back(done.error().message());
    }
    std::ranges::move(trial->warnings, std::back_inserter(ended.warnings));
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
};

}  // namespace

Result<int> run_trials(ForkServer& server, const TrialPoolOptions& options) {
  return Pool(server, options).run();
}

}  // namespace lastcall

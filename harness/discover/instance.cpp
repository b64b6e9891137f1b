#include "discover/instance.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <thread>

#include "base/signal_names.hpp"
#include "target/process_tree.hpp"

namespace lastcall {
namespace {

using namespace std::chrono_literals;

constexpr Nanoseconds kLook = 20ms;
// Servers that listen at several ports open them one right after the other.
constexpr Nanoseconds kSettled = 400ms;
// A program that uses no processor for so long, and listens nowhere, waits for something else.
constexpr Nanoseconds kQuietWithoutPort = 2s;
// Less than this in kQuietWithoutPort is none: timers that tick.
constexpr Nanoseconds kSomeWork = 30ms;
// What was killed is gone within milliseconds, unless a disk holds it up.
constexpr Nanoseconds kKillLimit = 2s;
constexpr off_t kMostOutput = 64 << 10;

std::vector<std::string> environment_of(const InstanceOptions& options) {
  std::map<std::string, std::string> all;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view text = *one;
    if (const auto equals = text.find('='); equals != text.npos)
      all.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  for (const auto& [name, value] : options.command.environment)
    all[name] = expand_placeholders(value, options.ports);
  std::vector<std::string> environment;
  for (const auto& [name, value] : all) environment.push_back(name + "=" + value);
  return environment;
}

}  // namespace

std::string InstanceEnd::text() const {
  return by_signal ? signal_name(value) : "exit " + std::to_string(value);
}

Instance::Instance(Launched launched, ScopedFd output)
    : launched_(std::move(launched)), output_(std::move(output)), began_(now()) {}

Result<Instance> Instance::start(const InstanceOptions& options) {
  // What it daemonises is still ours to find and to end.
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const auto path = find_executable(options.command.words.front(), search_path(options.tools));
  if (!path) return path.error();
  ScopedFd output(::memfd_create("output", MFD_CLOEXEC));
  if (!output) return Error{"keep the output of", *path, errno, ""};
  std::vector<std::string> words;
  for (const auto& word : options.command.words)
    words.push_back(expand_placeholders(word, options.ports));
  Launcher launcher;
  launcher.environment = environment_of(options);
  auto launched = launcher(*path, words, StandardStreams{output.get(), output.get()},
                           WorkingDirectory{options.directory});
  if (!launched) return launched.error();
  const auto problem = read_start_problem(*launched);
  Instance instance(std::move(*launched), std::move(output));
  if (problem)
    return Error{problem->tried[0] == '\0' ? "execute" : problem->tried, *path,
                 problem->error_number, ""};
  return instance;
}

Instance::~Instance() {
  if (launched_.pid > 0 && launched_.pidfd) (void)stop(SIGKILL, kKillLimit);
}

std::vector<pid_t> Instance::processes() const {
  std::vector<pid_t> pids;
  for (const auto& process : descendants()) {
    if (process.alive()) pids.push_back(process.pid);
  }
  return pids;
}

void Instance::note_end() {
  siginfo_t info{};
  while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) {
    if (info.si_pid == launched_.pid)
      ended_ = InstanceEnd{info.si_code != CLD_EXITED, info.si_status};
    info = {};
  }
}

ComeUp Instance::come_up(Nanoseconds limit, const volatile int* interrupted) {
  ComeUp seen;
  auto settled_since = now();
  auto quiet_since = now();
  auto work = processor_time_of_tree();
  while (now() - began_ < limit) {
    if (interrupted != nullptr && *interrupted != 0) {
      seen.was_interrupted = true;
      return seen;
    }
    note_end();
    const auto pids = processes();
    auto listeners = listeners_of(pids);
    std::erase_if(listeners, [](const Listener& one) { return !one.is_reachable(); });
    const bool changed = listeners != seen.listeners;
    seen.listeners = std::move(listeners);
    seen.ended = ended_;
    seen.in_background = ended_ && !pids.empty();
    if (changed) settled_since = now();
    if (!seen.listeners.empty() && seen.first_listener == Nanoseconds(0))
      seen.first_listener = now() - began_;
    if (pids.empty()) return seen;
    if (!seen.listeners.empty() && now() - settled_since >= kSettled) return seen;
    if (const auto used = processor_time_of_tree(); used - work > kSomeWork) {
      work = used;
      quiet_since = now();
    }
    if (seen.listeners.empty() && now() - quiet_since >= kQuietWithoutPort) return seen;
    std::this_thread::sleep_for(kLook);
  }
  return seen;
}

std::optional<InstanceEnd> Instance::stop(int signal, Nanoseconds limit) {
  note_end();
  if (!ended_) (void)::kill(launched_.pid, signal);
  for (const auto until = now() + limit; !ended_ && now() < until; note_end())
    std::this_thread::sleep_for(kLook / 4);
  const auto by_itself = ended_;
  for (const auto until = now() + kKillLimit; has_children() && now() < until; note_end()) {
    (void)signal_descendants(SIGKILL);
    std::this_thread::sleep_for(kLook / 4);
  }
  launched_.pidfd.reset();
  return by_itself;
}

std::string Instance::program() const {
  std::error_code gone;
  const auto exe =
      std::filesystem::read_symlink("/proc/" + std::to_string(launched_.pid) + "/exe", gone);
  return gone ? "" : exe.filename().string();
}

std::string Instance::output() const {
  const auto size = ::lseek(output_.get(), 0, SEEK_END);
  const auto from = std::max<off_t>(0, size - kMostOutput);
  std::string text(static_cast<std::size_t>(std::max<off_t>(0, size - from)), '\0');
  const auto count = ::pread(output_.get(), text.data(), text.size(), from);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, count)));
  return text;
}

}  // namespace lastcall

#include "trial/helper_command.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/process/v2/process.hpp>
#include <boost/process/v2/start_dir.hpp>
#include <boost/process/v2/stdio.hpp>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/as_tuple.hpp"
#include "base/durations.hpp"
#include "base/result.hpp"
#include "base/rethrow.hpp"
#include "base/scoped_fd.hpp"
#include "base/signal_names.hpp"
#include "target/launcher.hpp"

namespace lastcall {
namespace {

namespace asio = boost::asio;
namespace process = boost::process::v2;
using boost::system::error_code;

constexpr std::size_t kOutputLimit = std::size_t{1} << 20;
// Of standard error the end is kept.
constexpr std::size_t kErrorLimit = std::size_t{16} << 10;
// `over` is asked so often; nobody wakes a helper when a trial is given up.
constexpr auto kGlance = std::chrono::milliseconds(50);
// What a helper has written is read at once; only a descendant of it keeps the pipes open longer.
constexpr auto kPipeGrace = std::chrono::milliseconds(200);
// A process that was killed needs a moment to end.
constexpr auto kKillGrace = std::chrono::seconds(1);
constexpr std::size_t kWordsLimit = 1000;

// Who the helper is.
struct Identity {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;
};

Result<std::optional<Identity>> identity_of(const std::string& user) {
  if (user.empty()) return std::optional<Identity>();
  errno = 0;
  const passwd* entry = ::getpwnam(user.c_str());
  if (entry == nullptr) return Error{"find the user", user, errno, ""};
  Identity identity{entry->pw_uid, entry->pw_gid, std::vector<gid_t>(64)};
  auto count = static_cast<int>(identity.groups.size());
  (void)::getgrouplist(user.c_str(), identity.group, identity.groups.data(), &count);
  identity.groups.resize(static_cast<std::size_t>(std::min(count, 64)));
  return std::optional(std::move(identity));
}

// In the child, last: a session of its own, so that all of it can be killed; another user; and an
// end with the trial process (after the change of user, which clears it, prctl(2)). Boost's
// launcher calls exit() after a failed exec, which would run our own clean-up in the child.
struct Detachment {
  const std::optional<Identity>& identity;
  pid_t parent;

  error_code on_exec_setup(process::posix::default_launcher&, const process::filesystem::path&,
                           const char* const*) const {
    const auto failure = [] { return error_code(errno, boost::system::system_category()); };
    if (::setsid() < 0) return failure();
    for (int signal = 1; signal < NSIG; ++signal) (void)::signal(signal, SIG_DFL);
    // A traced trial blocks SIGCHLD.
    sigset_t none;
    ::sigemptyset(&none);
    if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0) return failure();
    if (identity) {
      if (::setgroups(identity->groups.size(), identity->groups.data()) != 0) return failure();
      if (::setgid(identity->group) != 0 || ::setuid(identity->user) != 0) return failure();
    }
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return failure();
    // Boost's launcher means to close what is inherited, and misses what lies below its own pipe.
    if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return failure();
    if (::getppid() != parent) {
      errno = ESRCH;
      return failure();
    }
    return {};
  }
  template <class... Arguments>
  void on_exec_error(Arguments&&...) const {
    ::_exit(127);  // tidy: after fork
  }
};

// What a run and its readers share; a reader may outlive the run by one handler.
struct Run {
  explicit Run(const asio::any_io_executor& executor)
      : wake(executor), out(executor), err(executor) {}
  asio::steady_timer wake;
  asio::posix::stream_descriptor out;
  asio::posix::stream_descriptor err;
  std::string error_text;
  HelperResult result;
  int open = 2;
  bool ended = false;
};

asio::awaitable<void> read_out(std::shared_ptr<Run> run) {
  std::array<char, 4096> buffer{};
  for (;;) {
    auto [ec, n] = co_await run->out.async_read_some(asio::buffer(buffer), kTuple);
    if (ec) break;
    const auto kept = std::min(n, kOutputLimit - run->result.out.size());
    run->result.out.append(buffer.data(), kept);
    run->result.out_is_cut = run->result.out_is_cut || kept < n;
  }
  --run->open;
  run->wake.cancel();
}

asio::awaitable<void> read_err(std::shared_ptr<Run> run) {
  std::array<char, 4096> buffer{};
  for (;;) {
    auto [ec, n] = co_await run->err.async_read_some(asio::buffer(buffer), kTuple);
    if (ec) break;
    run->error_text.append(buffer.data(), n);
    if (run->error_text.size() > 2 * kErrorLimit) {
      run->error_text.erase(0, run->error_text.size() - kErrorLimit);
    }
  }
  --run->open;
  run->wake.cancel();
}

// Waits until `holds()`, `over()` or `until`.
template <class Predicate>
asio::awaitable<void> wait(Run& run, Predicate holds, const std::function<bool()>& over,
                           TimePoint until) {
  while (!holds() && !over() && now() < until) {
    run.wake.expires_at(std::min(until, now() + kGlance));
    co_await run.wake.async_wait(kTuple);
  }
}

Result<std::string> executable_of(const HelperCommand& command) {
  const auto& word = command.words.front();
  const bool relative = word.find('/') != std::string::npos && !word.starts_with('/');
  auto found = find_executable(relative ? command.directory + "/" + word : word, command.path);
  if (!found) return found.error();
  return std::filesystem::absolute(*found).string();
}

struct Pipe {
  ScopedFd reading;
  ScopedFd writing;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error{"create a pipe", "", errno, ""};
  return Pipe{ScopedFd(ends[0]), ScopedFd(ends[1])};
}

// The pid. Waiting and killing are ours: Boost's process is let go of at once, because it would
// wait for the pid itself and kill it when destroyed.
Result<pid_t> launch(const HelperCommand& command, Run& run) {
  auto executable = executable_of(command);
  if (!executable) return executable.error();
  auto identity = identity_of(command.user);
  if (!identity) return identity.error();
  auto out = make_pipe();
  if (!out) return out.error();
  auto err = make_pipe();
  if (!err) return err.error();
  const ScopedFd input(::open(command.input.c_str(), O_RDONLY | O_CLOEXEC));
  if (!input) return Error{"open", command.input, errno, ""};

  auto environment = command.environment;
  environment.push_back("PATH=" + command.path);
  std::vector<const char*> variables;
  for (const auto& variable : environment) variables.push_back(variable.c_str());
  variables.push_back(nullptr);
  process::default_process_launcher launcher;
  launcher.env = variables.data();
  error_code failed;
  // The launcher lets the child register again what its context watches. With ours that fails now
  // and then, for what is just being closed, and the child would go on as a second trial.
  asio::io_context nothing_watched;
  try {
    launcher(nothing_watched.get_executor(), failed, *executable,
             std::vector<std::string>(command.words.begin() + 1, command.words.end()),
             process::process_stdio{input.get(), out->writing.get(), err->writing.get()},
             process::process_start_dir(command.directory), Detachment{*identity, ::getpid()})
        .detach();
  } catch (const boost::system::system_error& error) {
    // It opens a pidfd of the child, which may have ended by then and been waited for by the
    // tracer.
    if (launcher.pid <= 0) return Error{"execute", *executable, error.code().value(), ""};
  }
  if (failed) return Error{"execute", *executable, failed.value(), ""};
  const auto pid = launcher.pid;
  run.out.assign(out->reading.release());
  run.err.assign(err->reading.release());
  return pid;
}

}  // namespace

std::string last_line(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const auto end = text.find_last_not_of(kBlank);
  if (end == std::string_view::npos) return {};
  text = text.substr(0, end + 1);
  const auto newline = text.rfind('\n');
  text = newline == std::string_view::npos ? text : text.substr(newline + 1);
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return std::string(text.substr(0, kWordsLimit));
}

std::string HelperResult::text() const {
  if (!problem.empty()) return problem;
  const auto end = how == EndKind::exited ? "exit " + std::to_string(value) : signal_name(value);
  return last_words.empty() ? end : end + ": " + last_words;
}

asio::awaitable<HelperResult> run_helper(ChildEnds& ends, HelperCommand command,
                                         std::function<bool()> over) {
  const auto executor = co_await asio::this_coro::executor;
  const auto run = std::make_shared<Run>(executor);
  const auto pid = launch(command, *run);
  if (!pid) {
    run->result.problem = pid.error().message();
    co_return run->result;
  }
  ends.expect(*pid, [run](const siginfo_t& info) {
    run->result.how = info.si_code == CLD_EXITED ? EndKind::exited : EndKind::signalled;
    run->result.value = info.si_status;
    run->ended = true;
    run->wake.cancel();
  });
  asio::co_spawn(executor, read_out(run), kRethrow);
  asio::co_spawn(executor, read_err(run), kRethrow);
  const auto never = [] { return false; };
  const auto has_ended = [&] { return run->ended; };
  co_await wait(*run, has_ended, over, now() + command.limit);
  if (!run->ended) {
    run->result.problem =
        over() ? "the trial was over first" : "not done within " + human_duration(command.limit);
  } else {
    co_await wait(
        *run, [&] { return run->open == 0; }, never, now() + kPipeGrace);
  }
  (void)::kill(-*pid, SIGKILL);  // whoever is left of its session
  co_await wait(*run, has_ended, never, now() + kKillGrace);
  ends.forget(*pid);
  error_code ignored;
  run->out.close(ignored);
  run->err.close(ignored);
  run->result.last_words = last_line(run->error_text);
  co_return run->result;
}

}  // namespace lastcall

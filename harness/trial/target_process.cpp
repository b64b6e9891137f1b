#include "trial/target_process.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "checkers/service_view.hpp"
#include "client/trigger_board.hpp"
#include "target/launch_options.hpp"
#include "target/process_tree.hpp"
#include "trial/processor_watch.hpp"
#include "trial/runtime_env.hpp"

namespace lastcall {
namespace {

namespace asio = boost::asio;

// Datagrams that are heard in a row: more than a socket's queue has (net.unix.max_dgram_qlen), few
// enough to look after everything else while a target goes on sending.
constexpr int kHeardInARow = 1000;
// Blocks that are read when the output is over. All who could write are gone, unless one has given
// its pipe away; the pipes of most have one block.
constexpr int kLastBlocks = 4096;

std::map<std::string, std::string> own_environment() {
  std::map<std::string, std::string> variables;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view text = *one;
    if (const auto equals = text.find('='); equals != text.npos)
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

// A small fixed environment, so that a trial does not depend on who runs it, unless the scenario
// wants that.
std::vector<std::string> environment_of(const TargetProcess::Start& start, const std::string& path,
                                        const std::string& notify_address) {
  const auto& dir = start.placeholders.at("dir");
  std::map<std::string, std::string> variables{
      {"PATH", path}, {"HOME", dir}, {"TMPDIR", dir + "/tmp"}, {"LANG", "C.UTF-8"}};
  if (start.target.inherits_environment) variables = own_environment();
  variables["NOTIFY_SOCKET"] = notify_address;
  for (const auto& [name, value] : start.target.environment) {
    variables[name] = expand_placeholders(value, start.placeholders);
  }
  help_runtimes(variables, dir, start.tracing != nullptr);
  std::vector<std::string> environment;
  for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
  return environment;
}

// What the user needs besides the command: its folder, its output, and a way to notify.
Result<void> make_room_for(const User& user, const std::string& dir, const std::string& notify,
                           std::initializer_list<int> pipes) {
  if (user.name.empty()) return {};
  if (auto given = hand_over(dir, user); !given) return given.error();
  // So that it can open /dev/stdout.
  for (const int pipe : pipes) {
    if (::fchown(pipe, user.uid, user.gid) != 0)
      return Error{"give " + user.name, "its output", errno, ""};
  }
  // An abstract name asks for no permission.
  if (!notify.starts_with('@') && ::chmod(notify.c_str(), 0666) != 0)
    return Error{"let everybody notify", notify, errno, ""};
  return {};
}

}  // namespace

TargetProcess::TargetProcess(asio::io_context& io, EventSink& events, Changes& changes,
                             ChildEnds& ends, TargetListener listener)
    : events_(events),
      changes_(changes),
      ends_(ends),
      listener_(std::move(listener)),
      child_signals_(io, SIGCHLD),
      traced_ends_(io),
      out_{asio::posix::stream_descriptor(io),
           LineSplitter([this](const std::string& line, bool continues) {
             on_line(Stream::out, line, continues);
           }),
           std::vector<char>(64 * 1024)},
      err_{asio::posix::stream_descriptor(io),
           LineSplitter([this](const std::string& line, bool continues) {
             on_line(Stream::err, line, continues);
           }),
           std::vector<char>(64 * 1024)},
      notify_wait_(io) {}

TargetProcess::~TargetProcess() {
  end_tree();
  ends_.forget(launched_.pid);
  if (notify_wait_.is_open()) static_cast<void>(notify_wait_.release());
  if (traced_ends_.is_open()) static_cast<void>(traced_ends_.release());
}

Result<pid_t> TargetProcess::start(Start start) {
  int out[2];
  int err[2];
  if (::pipe2(out, O_CLOEXEC) != 0) return Error{"create a pipe", "", errno, ""};
  if (::pipe2(err, O_CLOEXEC) != 0) return Error{"create a pipe", "", errno, ""};
  out_.pipe.assign(out[0]);
  err_.pipe.assign(err[0]);
  out_.pipe.non_blocking(true);
  err_.pipe.non_blocking(true);
  const ScopedFd out_end(out[1]);
  const ScopedFd err_end(err[1]);

  std::vector<std::string> command;
  for (const auto& word : start.target.command) {
    command.push_back(expand_placeholders(word, start.placeholders));
  }
  for (const auto& expression : start.target.ready.logs)
    ready_lines_.push_back({Pattern(expression), false});
  notify_.emplace(std::move(start.notify));
  notify_wait_.assign(notify_->fd());
  auto launched = launch(start, command, out_end.get(), err_end.get());
  if (!launched) return launched.error();
  launched_ = std::move(*launched);
  if (start.tracing != nullptr) {
    tracing_ = start.tracing;
    tracing_->follow(launched_.pid);
    traced_ends_.assign(tracing_->ends_fd());
    ends_.let_wait([this] { return tracing_->next_end(); });
  }
  limits_ = start.limits;
  auto settings = service_settings(start.target, launched_.pid);
  settings.start_limit = now() + longest_start(start.target);
  service_.emplace(settings);
  std::string line;
  for (const auto& word : command) line += (line.empty() ? "" : " ") + word;
  again_ = start.again;
  if (again_) {
    events_.record(RecoveryStarted{launched_.pid});
  } else {
    events_.record(TargetStarted{launched_.pid, line});
  }
  ends_.expect(launched_.pid, [this](const siginfo_t& info) { note_end(info); });
  read_output(out_);
  read_output(err_);
  read_notifications();
  wait_for_children();
  return launched_.pid;
}

Result<Launched> TargetProcess::launch(const Start& start, std::vector<std::string> command,
                                       int out, int err) {
  const auto& target = start.target;
  const auto path = search_path(start.tools);
  auto executable = find_executable(command.front(), path);
  if (!executable) return executable.error();
  *executable = std::filesystem::absolute(*executable).string();
  const auto program = *executable;
  if (target.shell) {
    command.front() = program;
    command = below_a_shell(command);
    *executable = command.front();
  }
  User user;
  if (!target.user.empty()) {
    auto found = find_user(target.user);
    if (!found) return found.error();
    user = std::move(*found);
  }
  if (!may_reach(program, user)) {
    return Error{"run the target as user '" + user.name + "'", "", 0,
                 "it may not reach " + program};
  }
  if (auto made = make_room_for(user, start.placeholders.at("dir"), notify_->address(), {out, err});
      !made)
    return made.error();
  Launcher launcher;
  launcher.environment = environment_of(start, path, notify_->address());
  const auto groups = start.limits == nullptr ? std::vector<int>() : start.limits->groups();
  DescriptorLimit descriptors;
  if (const auto limit = target.limits.find(Resource::descriptors); limit != target.limits.end())
    descriptors.most = limit->second;
  working_directory_ = (std::filesystem::path(start.placeholders.at("dir")) /
                        expand_placeholders(target.directory, start.placeholders))
                           .string();
  return launcher(*executable, command, StandardStreams{out, err},
                  WatchdogVariables(target.service.watchdog), PidNamespace{target.pid1},
                  JoinGroups{groups}, descriptors,
                  start.tracing == nullptr ? TraceMe() : start.tracing->initialiser(), user,
                  WorkingDirectory{working_directory_});
}

void TargetProcess::read_output(Output& output) {
  // Waits, then reads at once: no bytes are ever between a finished read and its handler, where
  // drain_output() would overtake and overwrite them.
  output.pipe.async_wait(asio::posix::stream_descriptor::wait_read, [this, &output](auto ec) {
    if (!ec) ec = read_once(output);
    if (!ec || ec == asio::error::would_block) read_output(output);
  });
}

boost::system::error_code TargetProcess::read_once(Output& output) {
  boost::system::error_code ec;
  const auto n = output.pipe.read_some(asio::buffer(output.buffer), ec);
  output.lines.feed({output.buffer.data(), n});
  return ec;
}

void TargetProcess::on_line(Stream stream, const std::string& line, bool continues) {
  events_.record(TargetOutput{stream, line, continues});
  if (continues) return;  // readiness and triggers look at where a line begins
  for (auto& ready : ready_lines_) {
    if (ready.came || !ready.pattern.found_in(line)) continue;
    ready.came = true;
    changes_.notify();
  }
  listener_.on_line(line);
}

void TargetProcess::read_notifications() {
  notify_wait_.async_wait(asio::posix::stream_descriptor::wait_read, [this](auto ec) {
    if (ec || !notify_) return;
    hear();
    read_notifications();
  });
}

Nanoseconds TargetProcess::waited_for_processor() {
  return waits_.look(pids_of_target(tracing_ != nullptr)).value_or(Nanoseconds(0));
}

void TargetProcess::hear() {
  for (int i = 0; notify_ && i < kHeardInARow; ++i) {
    const auto datagram = notify_->receive();
    if (!datagram) break;
    const auto at = now();
    events_.record(at, Notification{datagram->pid, datagram->text, datagram->descriptors});
    listener_.on_notification(*datagram);
    static_cast<void>(
        service_->notified(at, {datagram->pid, datagram->text, datagram->descriptors}));
    if (listener_.on_service) listener_.on_service();
    changes_.notify();
  }
}

void TargetProcess::wait_for_children() {
  const auto again = [this](auto ec, auto...) {
    if (!ec) wait_for_children();
  };
  if (tracing_ == nullptr) {
    child_signals_.async_wait(again);
  } else {
    traced_ends_.async_wait(asio::posix::stream_descriptor::wait_read, again);
  }
  reap();  // also who ended before somebody waited
}

void TargetProcess::trace_is_over() {
  if (tracing_ == nullptr) return;
  static_cast<void>(traced_ends_.release());
  tracing_ = nullptr;
  ends_.wait_here();
  wait_for_children();
}

void TargetProcess::reap() {
  ends_.reap();
  changes_.notify();
}

void TargetProcess::note_end(const siginfo_t& info) {
  const auto at = now();
  hear();  // what it said came before its end
  const auto problem = read_start_problem(launched_);
  exec_problem_ = problem ? problem->text() : "";
  if (problem && problem->tried == WorkingDirectory::kTried)
    exec_problem_ += ": " + working_directory_;
  if (problem && is_shortage(problem->error_number) && listener_.on_shortage)
    listener_.on_shortage({"execute the command", "", problem->error_number,
                           std::string(remedy_for_fork(problem->error_number))});
  if (!problem) {
    killed_ = info.si_code == CLD_KILLED && info.si_status == SIGKILL;
    if (killed_ && limits_ != nullptr && limits_->out_of_memory()) {
      events_.record(at, TargetForced{SIGKILL, "the kernel, at the memory limit"});
      events_.record(at, KillSent{launched_.pid, 0, "", "",
                                  "out of memory: it used more than its limit (memory)"});
      killed_ = false;
    }
    record_end(at, info);
  }
  ended_ = true;
}

void TargetProcess::record_end(TimePoint at, const siginfo_t& info) {
  const auto how = info.si_code == CLD_EXITED ? EndKind::exited : EndKind::signalled;
  how_it_ended_ = ExpectedEnd{how == EndKind::signalled, info.si_status};
  if (again_) {
    events_.record(at, RecoveryEnded{how, info.si_status});
  } else {
    events_.record(at, TargetEnded{how, info.si_status, info.si_code == CLD_DUMPED});
  }
}

int TargetProcess::send(int signal, Recipient to) const {
  const auto sent = [](int result) { return result == 0 ? 0 : errno; };
  switch (to) {
    case Recipient::process:
      return to_process(pidfd())(signal);
    case Recipient::group:
      return sent(::kill(-launched_.pid, signal));  // the launcher made it a group leader
    case Recipient::child: {
      const auto children = children_of(launched_.pid);
      return children.empty() ? ESRCH : sent(::kill(children.front(), signal));
    }
    case Recipient::tree:
      return signal_descendants(signal) > 0 ? 0 : ESRCH;
  }
  return EINVAL;
}

void TargetProcess::force(int signal, const std::string& reason) {
  events_.record(TargetForced{signal, reason});
  signal_descendants(signal);
}

void TargetProcess::force_main(int signal, const std::string& reason) {
  const pid_t main = service_->main_pid();
  const auto tree = descendants();
  if (std::ranges::find(tree, main, &ProcessInfo::pid) == tree.end()) return;  // MAINPID of another
  events_.record(TargetForced{signal, reason});
  (void)::kill(main, signal);
}

bool TargetProcess::tree_is_empty() {
  reap();
  return !has_children();
}

void TargetProcess::end_tree() {
  const auto limit = now() + std::chrono::seconds(1);
  while (!tree_is_empty() && now() < limit) {
    signal_descendants(SIGKILL);
    // The tracer's thread waits for children, and the processes that it traces end when it does.
    if (tracing_ == nullptr) kill_groups_of_children();
    reap();
    std::this_thread::sleep_for(
        std::chrono::microseconds(200));  // a killed process needs a moment to end
  }
}

void TargetProcess::end_left_processes() {
  const auto alive = std::ranges::count_if(descendants(), &ProcessInfo::alive);
  if (alive > 0) events_.record(LeftProcessesEnded{static_cast<std::uint32_t>(alive)});
  end_tree();
}

void TargetProcess::drain_output() {
  for (auto* output : {&out_, &err_}) {
    if (!output->pipe.is_open()) continue;
    for (int i = 0; i < kLastBlocks && !read_once(*output); ++i) {
    }
    output->lines.finish();
    boost::system::error_code ec;
    output->pipe.close(ec);
    if (auto loss = output->lines.loss(); !loss.empty())
      events_.record(EventsLost{"output", std::move(loss)});
  }
}

void TargetProcess::stop_listening() {
  boost::system::error_code ignored;
  child_signals_.cancel(ignored);
  if (notify_wait_.is_open()) static_cast<void>(notify_wait_.release());
  notify_.reset();
}

}  // namespace lastcall

#include "trial/target_process.hpp"

#include <fcntl.h>
#include <sys/wait.h>

#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "target/process_tree.hpp"

namespace lastcall {
namespace {

namespace asio = boost::asio;

// A small fixed environment, so that a trial does not depend on who runs it.
std::vector<std::string> environment_of(const TargetProcess::Start& start, const std::string& path,
                                        const std::string& notify_address) {
  const auto& dir = start.placeholders.at("dir");
  std::map<std::string, std::string> variables{{"PATH", path},
                                               {"HOME", dir},
                                               {"TMPDIR", dir + "/tmp"},
                                               {"LANG", "C.UTF-8"},
                                               {"NOTIFY_SOCKET", notify_address}};
  for (const auto& [name, value] : start.target.environment) {
    variables[name] = expand_placeholders(value, start.placeholders);
  }
  std::vector<std::string> environment;
  for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
  return environment;
}

std::string search_path(const std::string& tools) {
  const char* inherited = std::getenv("PATH");
  return tools + ":" + (inherited == nullptr ? "" : inherited) +
         ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

}  // namespace

TargetProcess::TargetProcess(asio::io_context& io, SegmentWriter& segment, Changes& changes)
    : segment_(segment),
      changes_(changes),
      child_signals_(io, SIGCHLD),
      out_{asio::posix::stream_descriptor(io),
           LineSplitter([this](const std::string& line) { on_line(Stream::out, line); }),
           std::vector<char>(64 * 1024)},
      err_{asio::posix::stream_descriptor(io),
           LineSplitter([this](const std::string& line) { on_line(Stream::err, line); }),
           std::vector<char>(64 * 1024)},
      notify_wait_(io) {}

TargetProcess::~TargetProcess() {
  end_tree();
  if (notify_wait_.is_open()) static_cast<void>(notify_wait_.release());
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
  const auto path = search_path(start.tools);
  auto executable = find_executable(command.front(), path);
  if (!executable) return executable.error();
  *executable = std::filesystem::absolute(*executable).string();
  if (const auto* log = std::get_if<ReadyLog>(&start.target.ready.by)) ready_pattern_.emplace(log->pattern);

  notify_.emplace(std::move(start.notify));
  notify_wait_.assign(notify_->fd());
  Launcher launcher;
  launcher.environment = environment_of(start, path, notify_->address());
  auto launched =
      launcher(*executable, command, StandardStreams{out_end.get(), err_end.get()},
               WorkingDirectory{expand_placeholders(start.target.directory, start.placeholders)});
  if (!launched) return launched.error();
  launched_ = std::move(*launched);
  std::string line;
  for (const auto& word : command) line += (line.empty() ? "" : " ") + word;
  segment_.record(TargetStarted{launched_.pid, line});
  read_output(out_);
  read_output(err_);
  read_notifications();
  wait_for_children();
  return launched_.pid;
}

void TargetProcess::read_output(Output& output) {
  // Waits, then reads at once: no bytes are ever between a finished read and its handler, where drain_output()
  // would overtake and overwrite them.
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

void TargetProcess::on_line(Stream stream, const std::string& line) {
  segment_.record(TargetOutput{stream, line});
  if (ready_pattern_ && !logged_ready_ && std::regex_search(line, *ready_pattern_)) {
    logged_ready_ = true;
    changes_.notify();
  }
}

void TargetProcess::read_notifications() {
  notify_wait_.async_wait(asio::posix::stream_descriptor::wait_read, [this](auto ec) {
    if (ec) return;
    while (auto datagram = notify_->receive()) {
      segment_.record(Notification{datagram->pid, datagram->text});
      if (("\n" + datagram->text + "\n").find("\nREADY=1\n") != std::string::npos) {
        notified_ready_ = true;
        changes_.notify();
      }
    }
    read_notifications();
  });
}

void TargetProcess::wait_for_children() {
  child_signals_.async_wait([this](auto ec, int) {
    if (ec) return;
    reap();
    wait_for_children();
  });
  reap();  // who ended before the handler was there
}

void TargetProcess::reap() {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) break;
    if (info.si_pid == launched_.pid) note_end(info);
  }
  changes_.notify();
}

void TargetProcess::note_end(const siginfo_t& info) {
  const auto at = now();
  int problem = 0;
  if (::read(launched_.exec_status.get(), &problem, sizeof problem) == sizeof problem) {
    exec_problem_ = std::strerror(problem);
  } else {
    const auto how = info.si_code == CLD_EXITED ? EndKind::exited : EndKind::signalled;
    segment_.record(at, TargetEnded{how, info.si_status, info.si_code == CLD_DUMPED});
  }
  end_time_ = at;
  ended_ = true;
}

void TargetProcess::force(int signal, const std::string& reason) {
  segment_.record(TargetForced{signal, reason});
  signal_descendants(signal);
}

std::vector<std::string> TargetProcess::live_descendants() const {
  std::vector<std::string> live;
  for (const auto& process : descendants()) {
    if (process.state != 'Z' && process.state != 'X' && process.pid != launched_.pid) {
      live.push_back(std::to_string(process.pid) + " " + process.command);
    }
  }
  return live;
}

void TargetProcess::end_tree() {
  const auto limit = now() + std::chrono::seconds(1);
  while (!descendants().empty() && now() < limit) {
    signal_descendants(SIGKILL);
    reap();
    std::this_thread::sleep_for(std::chrono::microseconds(200));  // a killed process needs a moment to end
  }
}

void TargetProcess::drain_output() {
  for (auto* output : {&out_, &err_}) {
    if (!output->pipe.is_open()) continue;
    while (!read_once(*output)) {
    }
    output->lines.finish();
    boost::system::error_code ec;
    output->pipe.close(ec);
    if (const auto lost = output->lines.lost_lines(); lost > 0) {
      segment_.record(EventsLost{"trial", std::to_string(lost) + " lines of output beyond the limit"});
    }
  }
}

}  // namespace lastcall

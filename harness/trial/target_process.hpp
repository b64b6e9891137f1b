// The target of one trial: its process, output and notifications, recorded as they come. The trial process is
// the only waiter for it and for every orphan it leaves. One thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>
#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "scenario/placeholders.hpp"
#include "base/result.hpp"
#include "history/segment.hpp"
#include "scenario/scenario.hpp"
#include "target/launcher.hpp"
#include "target/line_splitter.hpp"
#include "target/notify_socket.hpp"
#include "trial/changes.hpp"

namespace lastcall {

class TargetProcess {
 public:
  TargetProcess(boost::asio::io_context& io, SegmentWriter& segment, Changes& changes);
  TargetProcess(const TargetProcess&) = delete;
  TargetProcess& operator=(const TargetProcess&) = delete;
  // Ends whatever is left of the tree.
  ~TargetProcess();

  struct Start {
    const Target& target;
    const Placeholders& placeholders;
    std::string tools;       // the folder of lastcall's own binary, looked through first
    NotifySocket notify;
  };
  // Spawns; an error here means that nothing runs.
  Result<pid_t> start(Start start);

  [[nodiscard]] int pidfd() const { return launched_.pidfd.get(); }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] std::optional<TimePoint> end_time() const { return end_time_; }
  // The command could not be executed: why. Set before `ended`.
  [[nodiscard]] const std::string& exec_problem() const { return exec_problem_; }
  // READY=1 came; a line of output matched the readiness pattern.
  [[nodiscard]] bool notified_ready() const { return notified_ready_; }
  [[nodiscard]] bool logged_ready() const { return logged_ready_; }

  // Sends `signal` to the whole tree, recorded with its reason.
  void force(int signal, const std::string& reason);
  // Live processes of the tree, the target itself aside.
  [[nodiscard]] std::vector<std::string> live_descendants() const;
  // Kills the tree and reaps until nothing is left; at most a second, processes in an uninterruptible sleep stay.
  void end_tree();
  // Reads what is left in the pipes.
  void drain_output();

 private:
  struct Output {
    boost::asio::posix::stream_descriptor pipe;
    LineSplitter lines;
    std::vector<char> buffer;
  };
  void read_output(Output& output);
  boost::system::error_code read_once(Output& output);  // what is there; never blocks
  void read_notifications();
  void wait_for_children();
  void reap();
  void note_end(const siginfo_t& info);
  void on_line(Stream stream, const std::string& line);

  SegmentWriter& segment_;
  Changes& changes_;
  Launched launched_;
  boost::asio::signal_set child_signals_;
  Output out_;
  Output err_;
  std::optional<NotifySocket> notify_;
  boost::asio::posix::stream_descriptor notify_wait_;
  std::optional<std::regex> ready_pattern_;
  std::string exec_problem_;
  bool ended_ = false;
  std::optional<TimePoint> end_time_;
  bool notified_ready_ = false;
  bool logged_ready_ = false;
};

}  // namespace lastcall

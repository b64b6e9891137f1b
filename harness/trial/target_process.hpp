// The target of one trial: its process, output and notifications, recorded as they come. The trial
// process is the only waiter for it and for every orphan it leaves; the ends of other children go
// to whoever expects them. One thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/pattern.hpp"
#include "history/event_sink.hpp"
#include "target/launcher.hpp"
#include "target/limits.hpp"
#include "target/line_splitter.hpp"
#include "target/notify_socket.hpp"
#include "target/resources.hpp"
#include "trial/changes.hpp"
#include "trial/child_ends.hpp"
#include "trial/service_process.hpp"
#include "trial/tracing.hpp"

namespace lastcall {

// Who is told what the target says, after it was recorded.
struct TargetListener {
  std::function<void(const std::string&)> on_line;
  std::function<void(const NotifySocket::Datagram&)> on_notification;  // before it counts
  std::function<void()> on_service{};  // what counts of it has changed the service's state
  // It could not be executed because this machine ran out of something.
  std::function<void(const Error&)> on_shortage{};
};

class TargetProcess final : public ServiceProcess {
 public:
  TargetProcess(boost::asio::io_context& io, EventSink& events, Changes& changes, ChildEnds& ends,
                TargetListener listener);
  // Ends whatever is left of the tree.
  ~TargetProcess() override;

  Result<pid_t> start(Start start) override;
  [[nodiscard]] pid_t pid() const { return launched_.pid; }
  [[nodiscard]] int pidfd() const { return launched_.pidfd.get(); }
  [[nodiscard]] bool ended() const override { return ended_; }
  // By SIGKILL of a sender that is not recorded yet.
  [[nodiscard]] bool killed() const { return killed_; }
  // How it ended, if it was executed.
  [[nodiscard]] const std::optional<ExpectedEnd>& how_it_ended() const { return how_it_ended_; }
  [[nodiscard]] const std::string& exec_problem() const override { return exec_problem_; }
  [[nodiscard]] bool notified_ready() const override { return service_ && service_->ready(); }
  [[nodiscard]] bool logged_ready(std::size_t pattern) const override {
    return pattern < ready_lines_.size() && ready_lines_[pattern].came;
  }

  [[nodiscard]] ServiceState& service() override { return service_.value(); }
  void hear() override;
  Nanoseconds waited_for_processor() override;

  [[nodiscard]] int send(int signal, Recipient to) const override;
  // Sends `signal` to the whole tree, recorded with its reason.
  void force(int signal, const std::string& reason);
  void force_main(int signal, const std::string& reason) override;
  // Whether nobody of the tree is there any more. Reaps who has ended.
  [[nodiscard]] bool tree_is_empty();
  void end_tree() override;
  // The same after its end; recorded if somebody of the tree was alive.
  void end_left_processes();
  // The tracer does not wait for children any more.
  void trace_is_over();
  void drain_output() override;
  // Nothing is heard or reaped here any more; the notification socket's name is free again.
  void stop_listening();

 private:
  struct Output {
    boost::asio::posix::stream_descriptor pipe;
    LineSplitter lines;
    std::vector<char> buffer;
  };
  // As the scenario says: the user, the namespace, the limits.
  Result<Launched> launch(const Start& start, std::vector<std::string> command, int out, int err);
  void read_output(Output& output);
  boost::system::error_code read_once(Output& output);  // what is there; never blocks
  void read_notifications();
  void wait_for_children();
  void reap();
  void record_end(TimePoint at, const siginfo_t& info);
  void note_end(const siginfo_t& info);
  void on_line(Stream stream, const std::string& line, bool continues);

  EventSink& events_;
  Changes& changes_;
  ChildEnds& ends_;
  TargetListener listener_;
  Launched launched_;
  Tracing* tracing_ = nullptr;
  boost::asio::signal_set child_signals_;              // if it is not traced
  boost::asio::posix::stream_descriptor traced_ends_;  // if it is
  Output out_;
  Output err_;
  std::optional<NotifySocket> notify_;
  std::optional<ServiceState> service_;
  ProcessorWaits waits_;
  const TargetLimits* limits_ = nullptr;
  boost::asio::posix::stream_descriptor notify_wait_;
  struct ReadyLine {
    Pattern pattern;
    bool came = false;
  };
  std::vector<ReadyLine> ready_lines_;
  std::string working_directory_;
  std::string exec_problem_;
  bool again_ = false;
  bool ended_ = false;
  bool killed_ = false;
  std::optional<ExpectedEnd> how_it_ended_;
};

}  // namespace lastcall

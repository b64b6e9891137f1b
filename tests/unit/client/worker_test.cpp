// A client worker in a process of its own, whose trial is this test.
#include "client/worker.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <variant>

#include "client/control.hpp"
#include "client/trigger_board.hpp"
#include "plan/plan.hpp"
#include "scenario/parse.hpp"
#include "unit/few_descriptors.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Ends {
  ScopedFd ours;
  ScopedFd theirs;
};

Ends socket_pair() {
  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  return {ScopedFd(ends[0]), ScopedFd(ends[1])};
}

std::string message(Control control) { return {static_cast<char>(control)}; }

class Worker : public ::testing::Test {
 protected:
  void TearDown() override {
    control_.ours.reset();
    trial_.ours.reset();
    if (pid_ > 0) (void)::waitpid(pid_, nullptr, 0);
  }
  // A worker that has got the assignment of a trial with one client.
  void begin(const std::string& segment, int free_descriptors = 100) {
    constexpr auto kText =
        "about = 'one client'\n[target]\ncommand = ['true']\nready = { log = 'ready' }\n"
        "[[clients]]\nurl = 'http://127.0.0.1:{port}/'\n"
        "[[faults]]\nwhat = 'stop'\nwhen = { phase = 'load', at = '10ms' }\n";
    const auto parsed = parse_scenario(kText, "s.toml");
    ASSERT_TRUE(std::holds_alternative<Scenario>(parsed));
    const auto plan = folder_.write(
        "plan.json", to_json(draw_plan("s.toml", kText, std::get<Scenario>(parsed), 1)));
    pid_ = ::fork();
    ASSERT_GE(pid_, 0);
    if (pid_ == 0) {
      control_.ours.reset();
      trial_ = {};
      const testing::FewDescriptors few(free_descriptors);
      serve_as_client_worker(control_.theirs.get());
      ::_exit(0);
    }
    control_.theirs.reset();
    const auto board = TriggerBoard::create();
    ASSERT_TRUE(board);
    const ScopedFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    const Assignment assignment{
        .plan = plan, .segment = segment, .certificate = "", .placeholders = {{"port", "9"}}};
    ASSERT_TRUE(send_message(control_.ours.get(), "trial", {trial_.theirs.get()}));
    trial_.theirs.reset();
    ASSERT_TRUE(
        send_message(trial_.ours.get(), to_text(assignment), {pidfd.get(), board->memory_fd()}));
  }
  std::string next() {
    auto received = receive_message(trial_.ours.get());
    return received ? received->text : received.error().message();
  }
  void say(Control control) { EXPECT_TRUE(send_message(trial_.ours.get(), message(control))); }

  testing::ScratchFolder folder_;
  Ends control_ = socket_pair();
  Ends trial_ = socket_pair();
  pid_t pid_ = -1;
};

TEST_F(Worker, IsReadyAndDoneAtTheEnd) {
  begin(folder_ / "clients.seg");
  EXPECT_EQ(next(), message(Control::ready));
  say(Control::end);
  EXPECT_EQ(next(), message(Control::done));
}

TEST_F(Worker, WithoutDescriptorsSaysSoAndEnds) {
  // For its socket, the two of the assignment, the segment and epoll(7), not for what comes then.
  begin(folder_ / "clients.seg", 5);
  EXPECT_THAT(next(), AllOf(StartsWith(message(Control::broken)), HasSubstr("Too many open files"),
                            HasSubstr("ulimit -n")));
  EXPECT_EQ(next(), "") << "the end of the socket";
}

TEST_F(Worker, ThatCannotWriteItsSegmentSaysSo) {
  begin("/dev/full");
  EXPECT_EQ(next(), message(Control::ready));
  say(Control::end);
  EXPECT_THAT(next(), AllOf(StartsWith(message(Control::broken)), HasSubstr("/dev/full"),
                            HasSubstr("No space left on device"), HasSubstr("free some space")));
  EXPECT_EQ(next(), message(Control::done));
}

}  // namespace
}  // namespace lastcall

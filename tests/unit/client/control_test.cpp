// What the trial process and its workers share: messages and the trigger board.
#include "client/control.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/trigger_board.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

struct Ends {
  ScopedFd trial;
  ScopedFd worker;
};
Ends socket_pair() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  return {ScopedFd(ends[0]), ScopedFd(ends[1])};
}

TEST(Assignment, ComesBackFromItsText) {
  const Assignment sent{
      "/t/plan.json", "/t/clients-2.seg", "", 2, 5, {{"port", "12000"}, {"dir", "/a \"b\"\n"}}};
  const auto received = assignment_from(to_text(sent));
  ASSERT_TRUE(received.has_value()) << received.error().message();
  EXPECT_EQ(received->plan, sent.plan);
  EXPECT_EQ(received->segment, sent.segment);
  EXPECT_EQ(received->certificate, "");
  EXPECT_EQ(received->slice, 2U);
  EXPECT_EQ(received->slices, 5U);
  EXPECT_EQ(received->placeholders, sent.placeholders);
}

TEST(Assignment, ThatIsNoneIsAnError) {
  for (const auto* text : {"", "[]", "{}", "{\"plan\":1}", "{\"plan\":"}) {
    EXPECT_TRUE(assignment_from(text).has_error()) << text;
  }
}

TEST(Heard, ComesBackFromItsText) {
  const auto first = heard_in(heard_text({3, connection_id({70'000}, 2), {9}, "a \"b\"/é", 2}));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->group, 3U);
  EXPECT_EQ(first->connection, connection_id({70'000}, 2));
  EXPECT_EQ(first->request.value, 9U);
  EXPECT_EQ(first->id, "a \"b\"/é");
  EXPECT_EQ(first->message, 2U);
  for (const char* text : {"", "K", "K{}", "Kx", "R{}"}) EXPECT_FALSE(heard_in(text)) << text;
}

TEST(Control, BringsMessagesOneByOne) {
  const auto ends = socket_pair();
  ASSERT_TRUE(send_message(ends.trial.get(), "L").has_value());
  ASSERT_TRUE(send_message(ends.trial.get(), std::string(10'000, 'a')).has_value());
  EXPECT_EQ(receive_message(ends.worker.get())->text, "L");
  EXPECT_EQ(receive_message(ends.worker.get())->text, std::string(10'000, 'a'));
}

TEST(Control, PassesDescriptorsOn) {
  const auto ends = socket_pair();
  int first[2];
  int second[2];
  ASSERT_EQ(::pipe(first), 0);
  ASSERT_EQ(::pipe(second), 0);
  ASSERT_TRUE(send_message(ends.trial.get(), "two", {first[1], second[1]}).has_value());
  for (const int fd : {first[1], second[1]}) ::close(fd);
  const auto before = testing::open_descriptors();
  {
    const auto message = receive_message(ends.worker.get());
    ASSERT_TRUE(message.has_value());
    ASSERT_EQ(message->descriptors.size(), 2U);
    EXPECT_EQ(::write(message->descriptors[0].get(), "1", 1), 1);
    EXPECT_EQ(::write(message->descriptors[1].get(), "2", 1), 1);
  }
  EXPECT_EQ(testing::open_descriptors(), before) << "they are closed with the message";
  char byte = 0;
  EXPECT_EQ(::read(first[0], &byte, 1), 1);
  EXPECT_EQ(byte, '1');
  EXPECT_EQ(::read(second[0], &byte, 1), 1);
  EXPECT_EQ(byte, '2');
  for (const int fd : {first[0], second[0]}) ::close(fd);
}

TEST(Control, SeesTheOtherEndClose) {
  auto ends = socket_pair();
  ASSERT_TRUE(send_message(ends.trial.get(), "E").has_value());
  ends.trial.reset();
  EXPECT_EQ(receive_message(ends.worker.get())->text, "E");
  const auto closed = receive_message(ends.worker.get());
  ASSERT_TRUE(closed.has_value());
  EXPECT_EQ(closed->text, "");
  EXPECT_TRUE(send_message(ends.worker.get(), "D").has_error())
      << "and SIGPIPE does not end the process";
}

TEST(TriggerBoard, CountsOverProcesses) {
  auto board = TriggerBoard::create();
  ASSERT_TRUE(board.has_value());
  constexpr int kEach = 10'000;
  const pid_t other = ::fork();
  ASSERT_GE(other, 0);
  for (int i = 0; i < kEach; ++i) board->count(ClientEvent::sent);
  if (other == 0) ::_exit(0);
  ::waitpid(other, nullptr, 0);
  EXPECT_EQ(board->counted(ClientEvent::sent), 2U * kEach);
  EXPECT_EQ(board->counted(ClientEvent::connected), 0U);
  EXPECT_EQ(board->count(ClientEvent::connected), 1U);
}

TEST(TriggerBoard, IsTheSameForWhoeverAttachesToItsMemory) {
  auto board = TriggerBoard::create();
  ASSERT_TRUE(board.has_value());
  board->count(ClientEvent::acknowledged);
  auto attached = TriggerBoard::attach(ScopedFd(::dup(board->memory_fd())));
  ASSERT_TRUE(attached.has_value());
  EXPECT_EQ(attached->count(ClientEvent::acknowledged), 2U);
  EXPECT_TRUE(attached->begin_stop());
  EXPECT_FALSE(board->begin_stop());
}

TEST(TriggerBoard, KnowsTheLongestResponseAndWhoStillWaits) {
  using std::chrono::seconds;
  auto board = TriggerBoard::create();
  ASSERT_TRUE(board.has_value());
  const TimePoint begin{seconds(100)};
  EXPECT_EQ(board->longest_response(begin), seconds(0));
  board->answered_after(seconds(3));
  board->answered_after(seconds(2));
  EXPECT_EQ(board->longest_response(begin), seconds(3));
  board->waits_since(0, begin);
  board->waits_since(1, begin + seconds(1));
  EXPECT_EQ(board->longest_response(begin + seconds(2)), seconds(3));
  EXPECT_EQ(board->longest_response(begin + seconds(5)), seconds(5));
  board->waits_since(0, std::nullopt);
  EXPECT_EQ(board->longest_response(begin + seconds(5)), seconds(4));
  board->waits_since(1, std::nullopt);
  EXPECT_EQ(board->longest_response(begin + seconds(5)), seconds(3));
}

TEST(TriggerBoard, LetsExactlyOneOfManyProcessesBeginTheStop) {
  auto board = TriggerBoard::create();
  ASSERT_TRUE(board.has_value());
  std::vector<pid_t> others;
  for (int i = 0; i < 8; ++i) {
    others.push_back(::fork());
    if (others.back() == 0) ::_exit(board->begin_stop() ? 1 : 0);
  }
  int began = 0;
  for (const pid_t other : others) {
    int status = 0;
    ::waitpid(other, &status, 0);
    began += WEXITSTATUS(status);
  }
  EXPECT_EQ(began, 1);
  EXPECT_FALSE(board->begin_stop());
}

}  // namespace
}  // namespace lastcall

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <vector>

#include "reference_server/bounded_queue.hpp"
#include "reference_server/send_queue.hpp"

namespace reference_server {
namespace {

namespace asio = boost::asio;

class Queues : public testing::Test {
 protected:
  void spawn(asio::awaitable<void> work) { asio::co_spawn(io_, std::move(work), asio::detached); }
  // Until everybody waits.
  void settle() {
    io_.restart();
    io_.poll();
  }
  asio::io_context io_;
};

asio::awaitable<void> push_all(BoundedQueue<int>& queue, int count, int& pushed, bool& refused) {
  for (int i = 0; i < count; ++i) {
    const bool taken = co_await queue.push(i);
    if (!taken) {
      refused = true;
      co_return;
    }
    ++pushed;
  }
}

asio::awaitable<void> pop_all(BoundedQueue<int>& queue, std::vector<int>& popped, bool& over) {
  for (;;) {
    auto item = co_await queue.pop();
    if (!item) break;
    popped.push_back(*item);
  }
  over = true;
}

TEST_F(Queues, AFullQueueSuspendsWhoFillsIt) {
  BoundedQueue<int> queue(io_.get_executor(), 3);
  int pushed = 0;
  bool refused = false;
  spawn(push_all(queue, 10, pushed, refused));
  settle();
  EXPECT_EQ(pushed, 3);
  EXPECT_EQ(queue.size(), 3U);

  std::vector<int> popped;
  bool over = false;
  spawn(pop_all(queue, popped, over));
  settle();
  EXPECT_EQ(pushed, 10);
  EXPECT_EQ(popped, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_FALSE(over);
  queue.close();
  settle();
  EXPECT_TRUE(over);
  EXPECT_FALSE(refused);
}

TEST_F(Queues, ACloseRefusesWhoWaitsAndGivesWhatIsThere) {
  BoundedQueue<int> queue(io_.get_executor(), 2);
  int pushed = 0;
  bool refused = false;
  spawn(push_all(queue, 5, pushed, refused));
  settle();
  queue.close();
  std::vector<int> popped;
  bool over = false;
  spawn(pop_all(queue, popped, over));
  settle();
  EXPECT_TRUE(refused);
  EXPECT_EQ(popped, (std::vector<int>{0, 1}));
  EXPECT_TRUE(over);
}

asio::awaitable<void> take(Permits& permits, int& taken) {
  co_await permits.take();
  ++taken;
}

TEST_F(Queues, PermitsAreGivenToSoManyAndNoMore) {
  Permits permits(io_.get_executor(), 2);
  int taken = 0;
  for (int i = 0; i < 4; ++i) spawn(take(permits, taken));
  settle();
  EXPECT_EQ(taken, 2);
  permits.give_back();
  settle();
  EXPECT_EQ(taken, 3);
}

asio::awaitable<void> send_all(SendQueue& queue, std::vector<Frame>& sent, bool& over) {
  for (;;) {
    auto frame = co_await queue.next();
    if (!frame) break;
    sent.push_back(*frame);
  }
  over = true;
}

TEST_F(Queues, ASendQueueIsBounded) {
  SendQueue queue(io_.get_executor(), 2);
  EXPECT_EQ(queue.push({}), SendQueue::Pushed::taken);
  EXPECT_EQ(queue.push({}), SendQueue::Pushed::taken);
  EXPECT_EQ(queue.push({}), SendQueue::Pushed::full);
}

TEST_F(Queues, PingsTakeNoRoomFromAnswersAndOneWaitsAtMost) {
  SendQueue queue(io_.get_executor(), 1);
  EXPECT_EQ(queue.push({Frame::Kind::ping, "", {}}), SendQueue::Pushed::taken);
  EXPECT_EQ(queue.push({Frame::Kind::ping, "", {}}), SendQueue::Pushed::full);
  EXPECT_EQ(queue.push({}), SendQueue::Pushed::taken);
  EXPECT_EQ(queue.push({}), SendQueue::Pushed::full);
}

TEST_F(Queues, AClosedSendQueueRefusesAndSendsTheCloseFrameLast) {
  SendQueue queue(io_.get_executor(), 2);
  EXPECT_EQ(queue.push({Frame::Kind::text, "one", {}}), SendQueue::Pushed::taken);
  EXPECT_EQ(queue.push({Frame::Kind::text, "two", {}}), SendQueue::Pushed::taken);
  queue.close(boost::beast::websocket::close_code::going_away);
  // The ping routine is about to send: it is refused, and that is all.
  EXPECT_EQ(queue.push({Frame::Kind::ping, "", {}}), SendQueue::Pushed::closed);
  queue.close(boost::beast::websocket::close_code::internal_error);

  std::vector<Frame> sent;
  bool over = false;
  spawn(send_all(queue, sent, over));
  settle();
  ASSERT_EQ(sent.size(), 3U);
  EXPECT_EQ(sent[1].text, "two");
  EXPECT_EQ(sent[2].kind, Frame::Kind::close);
  EXPECT_EQ(sent[2].code, boost::beast::websocket::close_code::going_away);
  EXPECT_TRUE(over);
}

TEST_F(Queues, AnAbandonedSendQueueEndsItsWriter) {
  SendQueue queue(io_.get_executor(), 2);
  std::vector<Frame> sent;
  bool over = false;
  spawn(send_all(queue, sent, over));
  settle();
  EXPECT_FALSE(over);
  queue.abandon();
  settle();
  EXPECT_TRUE(over);
  EXPECT_EQ(queue.push({}), SendQueue::Pushed::closed);
}

}  // namespace
}  // namespace reference_server

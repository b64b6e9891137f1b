#include "client/connection_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/error.hpp>

#include "unit/client/event_words.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace error = boost::asio::error;

class Counted final : public TriggerCounter {
 public:
  void happened(ClientEvent event) override { names.emplace_back(name(event)); }
  void request_begins(TimePoint sent) override { waiting.push_back(sent); }
  void request_ends(TimePoint sent, bool answered) override {
    EXPECT_EQ(waiting.at(ended.size()), sent);
    ended.push_back(answered);
  }
  std::vector<std::string> names;
  std::vector<TimePoint> waiting;
  std::vector<bool> ended;
};

class ConnectionLogOf : public ::testing::Test {
 protected:
  std::vector<std::string> recorded() {
    EXPECT_TRUE(segment_.finish().has_value());
    return testing::words_of(folder_ / "log.seg");
  }
  void receive(const std::string& bytes) {
    log_.received(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  }
  void send(const std::string& bytes) {
    log_.sent(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  }
  void upgrade() {
    log_.expect_websocket();
    send("GET / HTTP/1.1\r\n\r\n");
    receive("HTTP/1.1 101 Switching Protocols\r\n\r\n");
  }

  testing::ScratchFolder folder_;
  SegmentWriter segment_ = *SegmentWriter::create(folder_ / "log.seg");
  Counted counted_;
  ConnectionLog log_{connection_id({3}, 1), &segment_, &counted_};
};

TEST_F(ConnectionLogOf, RequestsAreTimedOnlyWhereItIsAskedFor) {
  log_.request_sent({0}, 5);
  log_.request_ended(RequestEnd::ok, 200, 2);
  EXPECT_THAT(counted_.waiting, IsEmpty());
  log_.time_requests();
  for (const auto end : {RequestEnd::ok, RequestEnd::refused, RequestEnd::unknown}) {
    log_.request_sent({1}, 5);
    log_.request_ended(end, 0, 2);
    log_.request_ended(end, 0, 2);  // an answer that nobody awaits
  }
  log_.request_sent({2}, 5);
  log_.misbehaved("reset", true);
  EXPECT_THAT(counted_.ended, ElementsAre(true, true, false, false));
  EXPECT_EQ(counted_.waiting.size(), 4U);
}
TEST_F(ConnectionLogOf, EachEndOfTheStreamIsRecordedOnce) {
  for (int i = 0; i < 2; ++i) {
    log_.socket_error(error::eof);
    log_.fin_sent();
    log_.socket_error(error::connection_reset);
    log_.socket_error(error::broken_pipe);
    log_.close_notify(Direction::sent);
    log_.close_notify(Direction::received);
  }
  EXPECT_TRUE(log_.was_reset());
  EXPECT_THAT(recorded(), ElementsAre("fin received", "fin sent", "reset", "close_notify sent",
                                      "close_notify received"));
}

TEST_F(ConnectionLogOf, OtherSocketErrorsSayNothingAboutTheServer) {
  log_.socket_error({});
  log_.socket_error(error::operation_aborted);
  log_.socket_error(error::bad_descriptor);
  EXPECT_FALSE(log_.was_reset());
  EXPECT_THAT(recorded(), IsEmpty());
}

TEST_F(ConnectionLogOf, AnAnswerBeginsOnceWithTheFirstByteOfAnHttpResponse) {
  receive("nobody asked");
  log_.request_sent({0}, 10);
  receive("");
  receive("HTTP/1.1 ");
  receive("200 OK\r\n\r\n");
  log_.request_ended(RequestEnd::ok, 200, 0);
  receive("nobody asked");
  log_.request_sent({1}, 10);
  receive("HTTP");
  EXPECT_THAT(recorded(),
              ElementsAre("request_sent 0 10", "answer_began 0", "request_ended 0 ok 200 0",
                          "request_sent 1 10", "answer_began 1"));
}

TEST_F(ConnectionLogOf, WebSocketBytesBeginNoAnswer) {
  upgrade();
  log_.request_sent({0}, 5);
  receive("\x81\x02hi");
  log_.request_ended(RequestEnd::ok, 0, 2);
  EXPECT_THAT(recorded(), ElementsAre("request_sent 0 5", "request_ended 0 ok 0 2"));
}

TEST_F(ConnectionLogOf, CloseFramesOfBothSidesAreRecordedWithCodeAndReason) {
  upgrade();
  receive(
      "\x88\x05\x03\xe9"
      "bye");
  send(std::string("\x88\x82\0\0\0\0\x03\xe9", 8));
  EXPECT_THAT(recorded(), ElementsAre("close_frame received 1001 bye", "close_frame sent 1001"));
}

TEST_F(ConnectionLogOf, BytesAfterTheCloseFrameAreRecordedAsTheyCome) {
  upgrade();
  receive(std::string("\x88\x00\x81\x02hi", 6));
  receive("");
  receive("xyz");
  EXPECT_THAT(recorded(), ElementsAre("close_frame received 1005", "bytes_after_close websocket 4",
                                      "bytes_after_close websocket 3"));
}

TEST_F(ConnectionLogOf, BytesAfterCloseNotifyAreRecordedIfThereAreAny) {
  log_.after_close_notify(0);
  log_.after_close_notify(29);
  EXPECT_THAT(recorded(), ElementsAre("bytes_after_close tls 29"));
}

TEST_F(ConnectionLogOf, PlainHttpIsNotReadAsFrames) {
  receive("HTTP/1.1 101 \r\n\r\n" + std::string("\x88\x00more", 6));
  EXPECT_THAT(recorded(), IsEmpty());
}

TEST_F(ConnectionLogOf, AnUnansweredRequestEndsUnknownBeforeItsConnection) {
  log_.request_sent({7}, 1);
  log_.ended(ConnectionEndReason::reset, "gone");
  EXPECT_THAT(recorded(), ElementsAre("request_sent 7 1", "request_ended 7 unknown 0 0",
                                      "connection_ended reset gone"));
}

TEST_F(ConnectionLogOf, AnAnsweredRequestDoesNotEndTwice) {
  log_.request_sent({0}, 1);
  log_.request_ended(RequestEnd::refused, 503, 9);
  log_.request_ended(RequestEnd::ok, 200, 9);
  log_.ended(ConnectionEndReason::server_closed, "");
  EXPECT_THAT(recorded(), ElementsAre("request_sent 0 1", "request_ended 0 refused 503 9",
                                      "connection_ended server_closed"));
}

TEST_F(ConnectionLogOf, TriggersCountWhatHappened) {
  log_.up(Layer::tcp);
  log_.up(Layer::tls);
  log_.request_sent({0}, 1);
  log_.request_ended(RequestEnd::ok, 200, 0);
  log_.request_sent({1}, 1);
  log_.request_ended(RequestEnd::refused, 503, 0);
  EXPECT_THAT(counted_.names, ElementsAre("connected", "sent", "acknowledged", "sent"));
}

TEST(ConnectionLog, WithoutASegmentRecordsNothing) {
  ConnectionLog log({}, nullptr, nullptr);
  log.up(Layer::tcp);
  log.request_sent({0}, 1);
  log.ended(ConnectionEndReason::harness, "");
}

}  // namespace
}  // namespace lastcall

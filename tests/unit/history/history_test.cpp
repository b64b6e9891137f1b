#include "history/history.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/history/one_of_each.hpp"

namespace lastcall {
namespace {

using testing::at_ms;

const ConnectionId kA = connection_id(ClientId{0}, 0);
const ConnectionId kB = connection_id(ClientId{1}, 2);

Segment whole(std::vector<Event> events) {
  return {.events = std::move(events), .complete = true, .lost = 0, .problem = ""};
}
Event line(int ms, std::string text) {
  return {at_ms(ms), TargetOutput{Stream::out, std::move(text), false}};
}

std::string lines(const History& history) {
  std::string text;
  for (const auto& [i, output] : history.all<TargetOutput>()) text += output->line + " ";
  return text;
}

TEST(Merge, OrdersByTimeAndEqualTimesBySource) {
  const auto history =
      History::merge({{"trial", whole({line(1, "a1"), line(3, "a3"), line(5, "a5")})},
                      {"clients-0", whole({line(1, "b1"), line(2, "b2"), line(5, "b5")})},
                      {"clients-1", whole({line(0, "c0"), line(5, "c5")})}});
  EXPECT_EQ(lines(history), "c0 a1 b1 b2 a3 a5 b5 c5 ");
  EXPECT_FALSE(history.first<EventsLost>());
}

TEST(Merge, KeepsTheOrderOfASourceEvenWhereItsTimesGoBack) {
  const auto history =
      History::merge({{"trial", whole({line(5, "a5"), line(2, "a2"), line(6, "a6")})},
                      {"clients-0", whole({line(4, "b4")})}});
  EXPECT_EQ(lines(history), "b4 a5 a2 a6 ");
}

TEST(Merge, NoSourcesGiveAnEmptyHistory) {
  EXPECT_TRUE(History::merge({}).events().empty());
  EXPECT_TRUE(History::merge({{"trial", whole({})}}).events().empty());
}

TEST(Merge, IncompleteAndOverflowedSegmentsSayWhatIsLostAtTheEnd) {
  Segment cut{.events = {line(9, "x")},
              .complete = false,
              .lost = 0,
              .problem = "byte 40: cut off inside a record"};
  Segment full{.events = {line(1, "y")}, .complete = true, .lost = 3, .problem = ""};
  const auto history =
      History::merge({{"trial", whole({})}, {"clients-0", cut}, {"clients-1", full}});
  const auto lost = history.all<EventsLost>();
  ASSERT_EQ(lost.size(), 2U);
  EXPECT_EQ(lost[0].body->source, "clients-0");
  EXPECT_EQ(lost[0].body->reason, "byte 40: cut off inside a record");
  EXPECT_EQ(lost[1].body->source, "clients-1");
  EXPECT_EQ(lost[1].body->reason, "3 events did not fit");
  EXPECT_EQ(history.time(lost[1]), at_ms(9));
}

TEST(First, GivesTheEventAndItsIndex) {
  const auto history = History::of({{at_ms(0), TargetReady{}}, line(1, "a"), line(2, "b")});
  const auto found = history.first<TargetOutput>();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->body->line, "a");
  EXPECT_EQ(history.time(*found), at_ms(1));
  EXPECT_EQ(history.until<TargetOutput>(), found->index);
  EXPECT_EQ(history.until<EventsLost>(), 3U);
}

TEST(Of, SortsByTimeAndKeepsTheOrderOfEquals) {
  EXPECT_EQ(lines(History::of({line(2, "c"), line(1, "a"), line(2, "d"), line(1, "b")})),
            "a b c d ");
}

TEST(Stop, IsTheFirstFaultThatBeginsIt) {
  EXPECT_FALSE(History::of({{at_ms(1), FaultInvoked{FaultId{0}, 0, "SIGUSR1", 10, false}}}).stop());
  const auto history = History::of({{at_ms(1), FaultInvoked{FaultId{0}, 0, "SIGUSR1", 10, false}},
                                    {at_ms(2), FaultInvoked{FaultId{1}, 0, "SIGTERM", 15, true}},
                                    {at_ms(3), FaultInvoked{FaultId{1}, 1, "SIGTERM", 15, true}}});
  const auto stop = history.stop();
  ASSERT_TRUE(stop);
  EXPECT_EQ(stop->index, 1U);
  EXPECT_EQ(stop->body->step, 0U);
  EXPECT_EQ(stop->body->signal, 15);
}

TEST(Exchange, IsTheConnectionAndTheRequestOfAnEvent) {
  const auto sent = exchange_of(RequestSent{kB, RequestId{3}, 10, 0});
  EXPECT_EQ(sent.connection, kB);
  EXPECT_EQ(sent.request, RequestId{3});
  const auto fin = exchange_of(Fin{kA, Direction::sent});
  EXPECT_EQ(fin.connection, kA);
  EXPECT_FALSE(fin.request);
  EXPECT_FALSE(exchange_of(TargetReady{}).connection);
}

TEST(Connections, AreBuiltFromTheirFirstEventsOfAKind) {
  const auto history = History::of({
      {at_ms(0), ConnectInvoked{kA, 4}},
      {at_ms(1), ConnectInvoked{kB, 5}},
      {at_ms(2), LayerUp{kA, Layer::tcp}},
      {at_ms(3), LayerFailed{kB, Layer::tcp, "refused"}},
      {at_ms(4), LayerUp{kA, Layer::tls}},
      {at_ms(5), LayerUp{kA, Layer::websocket}},
      {at_ms(6), CloseFrame{kA, Direction::received, 1001, ""}},
      {at_ms(7), CloseFrame{kA, Direction::received, 1000, ""}},
      {at_ms(8), CloseFrame{kA, Direction::sent, 1001, ""}},
      {at_ms(9), BytesAfterClose{kA, Layer::websocket, 3}},
      {at_ms(10), CloseNotify{kA, Direction::received}},
      {at_ms(11), CloseNotify{kA, Direction::sent}},
      {at_ms(12), Fin{kA, Direction::received}},
      {at_ms(13), Fin{kA, Direction::sent}},
      {at_ms(14), Reset{kA}},
      {at_ms(15), ConnectionEnded{kA, ConnectionEndReason::server_closed, ""}},
  });
  ASSERT_EQ(history.connections().size(), 2U);
  const auto& a = history.connections()[0];
  EXPECT_EQ(a.id, kA);
  EXPECT_EQ(a.group, 4U);
  EXPECT_EQ(a.invoked, 0U);
  EXPECT_EQ(a.tcp_up, 2U);
  EXPECT_EQ(a.tls_up, 4U);
  EXPECT_EQ(a.websocket_up, 5U);
  EXPECT_EQ(a.close_frame_received, 6U);
  EXPECT_EQ(a.close_frame_sent, 8U);
  EXPECT_EQ(a.after_close, std::vector<EventIndex>{9});
  EXPECT_EQ(a.close_notify_received, 10U);
  EXPECT_EQ(a.close_notify_sent, 11U);
  EXPECT_EQ(a.fin_received, 12U);
  EXPECT_EQ(a.fin_sent, 13U);
  EXPECT_EQ(a.reset, 14U);
  EXPECT_EQ(a.ended, 15U);
  EXPECT_FALSE(a.failed);
  EXPECT_EQ(history.connections()[1].failed, 3U);
}

TEST(Connections, JoinRequestsWithTheirAnswers) {
  const auto history = History::of({
      {at_ms(0), ConnectInvoked{kA, 0}},
      {at_ms(1), RequestSent{kA, RequestId{0}, 10}},
      {at_ms(2), RequestSent{kA, RequestId{1}, 10}},
      {at_ms(3), AnswerBegan{kA, RequestId{0}}},
      {at_ms(4), AnswerEndedByEof{kA, RequestId{0}}},
      {at_ms(4), RequestEnded{kA, RequestId{0}, RequestEnd::ok, 200, 5}},
      {at_ms(5),
       RequestEnded{kA, RequestId{9}, RequestEnd::ok, 200, 5}},  // was never sent: ignored
  });
  const auto& requests = history.connections().at(0).requests;
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].sent, 1U);
  EXPECT_EQ(requests[0].answer_began, 3U);
  EXPECT_EQ(requests[0].ended_by_eof, 4U);
  EXPECT_EQ(requests[0].ended, 5U);
  EXPECT_EQ(requests[0].end, RequestEnd::ok);
  EXPECT_FALSE(requests[1].ended_by_eof);
  EXPECT_FALSE(requests[1].ended);
  EXPECT_EQ(requests[1].end, RequestEnd::unknown);
}

TEST(Connections, OneWhoseBeginningWasLostIsStillThere) {
  const auto history = History::of({{at_ms(0), Reset{kB}}});
  ASSERT_EQ(history.connections().size(), 1U);
  EXPECT_EQ(history.connections()[0].reset, 0U);
}

}  // namespace
}  // namespace lastcall

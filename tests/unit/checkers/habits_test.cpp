// What clients were doing on the connections that a target still had, which habits a stop met, and
// what the other checkers make of idle, quiet and late clients.
#include "checkers/habits.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkers/group_answers.hpp"
#include "unit/checkers/history_builder.hpp"

namespace lastcall::habits_test {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using testing::h;
using ::testing::HasSubstr;
using testing::HistoryBuilder;
using ::testing::IsEmpty;
using testing::said;
using ::testing::StartsWith;

const std::string kHung = "fail 1: still running 5 s after SIGTERM";

std::string deadline(HistoryBuilder story) {
  return said(story.wait(5000).event(DeadlinePassed{}).forced().signalled(SIGKILL), "deadline");
}
HistoryBuilder served(Protocol protocol = Protocol::http) {
  return h(protocol).ready().client(0).up(0).round_trips(0, 0, 1);
}
HistoryBuilder with(HistoryBuilder story, std::uint32_t client, Behaviour behaviour) {
  story.plan.groups.resize(1);
  story.plan.groups[0].overrides[client].behaviour = behaviour;
  return story;
}

TEST(HeldBy, NamesWhatWasNotClosedWhileOthersWere) {
  const auto others_close = [](HistoryBuilder story) {
    return deadline(story.client(7).up(7).stop().fin(7).closed(7));
  };
  EXPECT_EQ(others_close(served()),
            kHung + ": held by 1 connection idle after an answer (clients \"users\", client 1)");
  EXPECT_EQ(
      others_close(h(Protocol::http).ready().client(0).up(0)),
      kHung + ": held by 1 connection that never said anything (clients \"users\", client 1)");
  EXPECT_EQ(others_close(h().ready().client(0).up(0)),
            kHung +
                ": held by 1 connection upgraded to a WebSocket, without a message (clients "
                "\"users\", client 1)");
  EXPECT_EQ(others_close(served().sent(0, 1)),
            kHung + ": held by 1 connection waiting for an answer (clients \"users\", client 1)");
  EXPECT_EQ(others_close(served().misbehaved(0, "slow-reader")),
            kHung + ": held by 1 connection with a slow reader (clients \"users\", client 1)");
  EXPECT_EQ(others_close(served().misbehaved(0, "half-open").closed(0)),
            kHung +
                ": held by 1 connection whose client is gone without a word (clients \"users\", "
                "client 1)");
  EXPECT_EQ(others_close(served()), others_close(served().client(8).failed(8, Layer::tcp)));
  EXPECT_EQ(others_close(served().fin(0).closed(0)), kHung);
}
TEST(HeldBy, OfWhomOnlyTheTargetHasClosed) {
  EXPECT_EQ(deadline(served().stop().fin(0).misbehaved(0, "never-closes")),
            kHung +
                ": held by 1 connection that only the target has closed (clients \"users\", "
                "client 1)");
}
TEST(HeldBy, CountsThemByWhatTheyWereDoing) {
  auto story = served(Protocol::ws).client(1).up(1).client(2).up(2).client(3).up(3).sent(3, 0);
  EXPECT_EQ(deadline(story.stop()),
            kHung +
                ": 1 connection idle after an answer (clients \"users\", client 1), 2 "
                "connections upgraded to a WebSocket, without a message (first: clients "
                "\"users\", client 2) and 1 connection waiting for an answer (clients "
                "\"users\", client 4) still open");
}
TEST(HeldBy, SaysNothingOfThoseWhoCameLateUnlessTheyWereAnswered) {
  EXPECT_EQ(deadline(h(Protocol::http).ready().stop().client(1).up(1).sent(1, 0)), kHung);
  EXPECT_THAT(deadline(h(Protocol::http).ready().stop().client(1).up(1).sent(1, 0).began(1, 0)),
              HasSubstr("1 connection waiting for an answer"));
}
TEST(HeldBy, IsNotSaidWhereThreadsWaitForOneAnother) {
  EXPECT_THAT(deadline(served().stop().event(ThreadsStuck{false, true, "a cycle"})),
              ::testing::EndsWith(": a cycle"));
}
TEST(HeldBy, IsSaidOfAnIdleTailToo) {
  const auto held = [](const HistoryBuilder& b) {
    return checkers::idle_tail_held_by(b.plan, b.history());
  };
  EXPECT_EQ(held(served().client(1).up(1).stop().fin(1).closed(1).wait(900).exited(0)),
            "held by 1 connection idle after an answer (clients \"users\", client 1)");
  EXPECT_EQ(held(served().stop().fin(0).closed(0).wait(900).exited(0)), "");
  EXPECT_EQ(held(served().stop()), "");
}

TEST(HabitsTried, AreThoseThatTheStopMet) {
  const auto tried = [](const HistoryBuilder& b) { return habits_tried(b.plan, b.history()); };
  using enum Behaviour;
  EXPECT_THAT(tried(served().stop()), IsEmpty());
  EXPECT_THAT(tried(with(served().stop(), 0, idle)), ElementsAre(idle));
  EXPECT_THAT(tried(with(h(Protocol::http).ready().client(0).up(0).stop(), 0, idle)), IsEmpty())
      << "it was not answered yet";
  EXPECT_THAT(tried(with(served().sent(0, 9).stop().answered(0, 9), 0, idle)), IsEmpty())
      << "it waited for an answer at the stop";
  EXPECT_THAT(tried(with(served().fin(0).closed(0).stop(), 0, idle)), IsEmpty());
  EXPECT_THAT(tried(with(h().ready().client(0).up(0).stop(), 0, quiet)), ElementsAre(quiet));
  EXPECT_THAT(tried(with(h().ready().client(0).stop().up(0), 0, quiet)), IsEmpty());
  EXPECT_THAT(tried(with(served().stop(), 0, never_closes)), ElementsAre(never_closes));
  const auto left = [&](HistoryBuilder story) { return tried(with(story, 0, leaves)); };
  EXPECT_THAT(left(served().fin(0, Direction::sent).stop()), ElementsAre(leaves));
  EXPECT_THAT(left(served().fin(0).fin(0, Direction::sent).closed(0).stop()), IsEmpty())
      << "the server was the first";
  EXPECT_THAT(left(served().stop().fin(0, Direction::sent)), IsEmpty());
  EXPECT_THAT(left(served(Protocol::ws).close_frame(0, 1000, Direction::sent).stop()),
              ElementsAre(leaves));
  EXPECT_THAT(left(served(Protocol::tls).close_notify(0, Direction::sent).stop()),
              ElementsAre(leaves));
  EXPECT_THAT(tried(with(served().misbehaved(0, "reset").stop(), 0, reset)), ElementsAre(reset));
  EXPECT_THAT(tried(with(served().disturbed(0).stop(), 0, reset)), IsEmpty());
  EXPECT_THAT(tried(with(served().stop().misbehaved(0, "reset"), 0, reset)), IsEmpty());
  EXPECT_THAT(
      tried(with(h(Protocol::http).ready().stop().client(3).failed(3, Layer::tcp), 3, late)),
      ElementsAre(late));
  EXPECT_THAT(tried(with(h().ready().stop().exited(0).client(3).failed(3, Layer::tcp), 3, late)),
              IsEmpty());
  EXPECT_THAT(tried(with(served(), 0, idle)), IsEmpty()) << "there was no stop";
  auto drain = h(Protocol::http).ready().stop().client(0).up(0).exited(0);
  drain.plan.scenario.clients[0].during_drain = true;
  EXPECT_THAT(tried(drain), ElementsAre(late));
}

TEST(IdleClient, HasNoRequestInFlight) {
  EXPECT_EQ(
      said(with(served().stop().fin(0).closed(0).exited(0), 0, Behaviour::idle),
           "in-flight-finished"),
      "not-applicable 0: no request was demonstrably taken on and unanswered at the stop: raise "
      "count in [[clients]], or name a url whose answers take longer");
  const auto under_way = [](auto... answer) {
    auto story =
        h(Protocol::http).ready().client(0).up(0).sent(0, 0).written(0, 0, 2).sockets("40000:2");
    story.stop();
    (answer(story), ...);
    return said(with(story.fin(0).closed(0).exited(0), 0, Behaviour::idle), "in-flight-finished");
  };
  EXPECT_THAT(under_way([](auto& s) { s.answered(0, 0); }), StartsWith("pass 1"));
  EXPECT_THAT(under_way([](auto& s) { s.answered(0, 0, RequestEnd::unknown); }),
              StartsWith("fail 1"));
}
TEST(IdleClient, IsOwedItsGoodbye) {
  EXPECT_THAT(said(with(served(Protocol::ws).stop().close_frame(0, 1001).fin(0).closed(0).exited(0),
                        0, Behaviour::idle),
                   "close-handshake"),
              StartsWith("pass 1"));
  EXPECT_THAT(said(with(served(Protocol::ws).stop().fin(0).closed(0).exited(0), 0, Behaviour::idle),
                   "close-handshake"),
              StartsWith("fail 1: 1 of 1 connections got no Close frame"));
}
TEST(QuietClient, IsOwedItsCloseFrame) {
  const auto quiet = [](const HistoryBuilder& b) {
    return said(with(b, 0, Behaviour::quiet), "close-handshake");
  };
  const auto stopped = [] { return h().ready().client(0).up(0).stop(); };
  EXPECT_THAT(quiet(stopped().close_frame(0, 1001).fin(0).closed(0).exited(0)),
              StartsWith("pass 1"));
  EXPECT_THAT(quiet(stopped().fin(0).closed(0).exited(0)), StartsWith("fail 1"));
  EXPECT_EQ(said(with(stopped(), 0, Behaviour::quiet), "serves"), "pass 1: ");
}
TEST(LateClient, IsJudgedByStopsAcceptingAndByNothingElse) {
  const auto late = [](HistoryBuilder story) {
    return with(story.client(1).failed(1, Layer::tcp).closed(1).wait(40).exited(0), 1,
                Behaviour::late);
  };
  const auto stopped = [] { return served().stop().fin(0).closed(0).wait(150); };
  EXPECT_EQ(said(late(stopped()), "stops-accepting"), "pass 1: ");
  EXPECT_EQ(said(late(stopped()), "serves"), "pass 1: ");
  EXPECT_THAT(said(late(stopped()), "in-flight-finished"), StartsWith("not-applicable"));
  EXPECT_THAT(said(late(stopped().client(2).up(2).round_trips(2, 0, 1)), "stops-accepting"),
              StartsWith("fail 3: 1 request on a new connection was answered"));
}
TEST(LateClient, DoesNotHideAnIdleTail) {
  const auto tail = [](const HistoryBuilder& b) {
    return checkers::idle_tail(b.plan, b.history());
  };
  const auto stopped = [] { return served().stop().fin(0).closed(0).wait(48); };
  EXPECT_EQ(tail(stopped().exited(0)), milliseconds(49));
  const auto refused = stopped().client(1).failed(1, Layer::tcp).closed(1).wait(46).exited(0);
  EXPECT_EQ(tail(with(refused, 1, Behaviour::late)), milliseconds(98));
  const auto in_backlog = stopped().client(1).up(1).reset(1).wait(45).exited(0);
  EXPECT_EQ(tail(with(in_backlog, 1, Behaviour::late)), milliseconds(98));
  const auto turned_away = stopped().client(1).up(1).sent(1, 0).answered(1, 0, RequestEnd::refused);
  EXPECT_EQ(tail(with(HistoryBuilder(turned_away).fin(1).wait(44).exited(0), 1, Behaviour::late)),
            milliseconds(98));
  const auto answered = stopped().client(1).up(1).round_trips(1, 0, 1).wait(8).exited(0);
  EXPECT_EQ(tail(with(answered, 1, Behaviour::late)), milliseconds(9));
}
TEST(IdleAndQuietClients, LeaveTheTailMeasured) {
  for (const auto behaviour : {Behaviour::idle, Behaviour::quiet}) {
    const auto story = served(Protocol::ws).stop().wait(99).exited(0);
    EXPECT_EQ(checkers::idle_tail(with(story, 0, behaviour).plan, story.history()),
              milliseconds(100));
  }
}
TEST(GroupAnswersOfACrowd, QuietClientsDoNotSpeakForTheOthers) {
  auto story = h().ready().event(PhaseBegan{Phase::load});
  story.plan.scenario.clients[0].count = 2;
  story.client(0).up(0).client(1).up(1).sent(0, 0).answered(0, 0).reset(0).wait(200).stop();
  const auto answers = [&](Behaviour second) {
    const auto b = with(story, 1, second);
    return name(group_answers(b.plan, b.history()).at(0));
  };
  EXPECT_EQ(answers(Behaviour::quiet), "fell-silent");
  EXPECT_EQ(answers(Behaviour::steady), "talking");
  EXPECT_EQ(answers(Behaviour::idle), "talking");
}
TEST(GroupAnswersOfACrowd, WhoWasToGoDoesNotSpeakForTheOthers) {
  const auto answers = [](HistoryBuilder story, Behaviour second, bool stays = false) {
    story.plan.scenario.clients[0].count = 2;
    story.sent(1, 0).answered(1, 0);
    if (second == Behaviour::reset) story.misbehaved(1, "reset");
    if (!stays) story.closed(1, ConnectionEndReason::finished);
    const auto b = with(story.wait(200).stop(), 1, second);
    return name(group_answers(b.plan, b.history()).at(0));
  };
  const auto both = [] {
    return h(Protocol::http).ready().event(PhaseBegan{Phase::load}).client(0).up(0).client(1).up(1);
  };
  for (const auto behaviour : {Behaviour::leaves, Behaviour::reset}) {
    EXPECT_EQ(answers(both().sent(0, 0).answered(0, 0).reset(0), behaviour), "fell-silent");
    EXPECT_EQ(answers(both().sent(0, 0).answered(0, 0).reset(0), behaviour, true), "talking");
    EXPECT_EQ(answers(both().sent(0, 0).answered(0, 0), behaviour), "talking");
  }
  auto all = h(Protocol::http).ready().event(PhaseBegan{Phase::load}).client(0).up(0).sent(0, 0);
  all.answered(0, 0).closed(0, ConnectionEndReason::finished).wait(200).stop();
  all.all_are(Behaviour::leaves);
  EXPECT_EQ(name(group_answers(all.plan, all.history()).at(0)), "talking");
}
TEST(LeavingClient, MayBeAnsweredAsTheServerLikesButForItsCloseFrame) {
  const auto leaves = [](const HistoryBuilder& b) {
    return said(with(b, 0, Behaviour::leaves), "serves");
  };
  const auto closed = [](Protocol protocol) {
    auto story = served(protocol);
    return is_websocket(protocol) ? story.close_frame(0, 1000, Direction::sent)
                                  : story.fin(0, Direction::sent);
  };
  const auto finished = ConnectionEndReason::finished;
  EXPECT_EQ(leaves(closed(Protocol::http).fin(0).closed(0, finished).stop()), "pass 1: ");
  EXPECT_EQ(leaves(closed(Protocol::http).closed(0, finished).stop()), "pass 1: ");
  EXPECT_EQ(leaves(closed(Protocol::http).event(Reset{testing::connection(0)}).stop()), "pass 1: ");
  EXPECT_EQ(leaves(closed(Protocol::ws).close_frame(0, 1000).fin(0).closed(0, finished).stop()),
            "pass 2: ");
  const std::string unanswered =
      "fail 2: 1 of 1 connections got no Close frame in answer to their own, first: "
      "clients \"users\", client 1";
  EXPECT_EQ(leaves(closed(Protocol::ws).fin(0).closed(0, finished).stop()), unanswered);
  EXPECT_EQ(leaves(closed(Protocol::ws).wait(2000).closed(0, ConnectionEndReason::timeout).stop()),
            unanswered);
}
TEST(GroupAnswersOfACrowd, AGroupOfQuietOrLateClientsIsNotAsked) {
  for (const auto behaviour : {Behaviour::quiet, Behaviour::late}) {
    auto story = h().ready().event(PhaseBegan{Phase::load}).stop().exited(0);
    story.all_are(behaviour);
    EXPECT_EQ(name(group_answers(story.plan, story.history()).at(0)), "not-asked");
  }
}

}  // namespace
}  // namespace lastcall::habits_test

#include "checkers/group_answers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/checkers/history_builder.hpp"

namespace lastcall::group_answers_test {
namespace {

using testing::h;
using testing::HistoryBuilder;

// What group_answers() says of the first group.
std::string_view answers(const HistoryBuilder& b) {
  return name(group_answers(b.plan, b.history()).at(0));
}

HistoryBuilder load(Protocol protocol = Protocol::http, std::uint32_t clients = 2) {
  auto story = h(protocol).ready().event(PhaseBegan{Phase::load});
  story.plan.scenario.clients[0].count = clients;
  story.plan.groups.resize(1);
  for (std::uint32_t n = 0; n < clients; ++n) story.client(n).up(n);
  return story;
}

TEST(GroupAnswers, OneAnswerToWhatWasSentBeforeTheStopIsEnough) {
  EXPECT_EQ(answers(load().sent(0, 0).answered(0, 0).stop().exited(0)), "talking");
  EXPECT_EQ(answers(load().sent(0, 0).answered(0, 0, RequestEnd::refused).stop().exited(0)),
            "talking");
  EXPECT_EQ(answers(load().sent(0, 0).stop().answered(0, 0).exited(0)), "talking");
  EXPECT_EQ(answers(load().sent(0, 0).stop().answered(0, 0, RequestEnd::refused).exited(0)),
            "unanswered")
      << "the stop refused it";
  EXPECT_EQ(answers(load().stop().sent(0, 0).answered(0, 0).exited(0)), "unanswered");
  EXPECT_EQ(answers(load().sent(0, 0).stop().exited(0)), "unanswered");
  EXPECT_EQ(answers(load().sent(0, 0).answered(0, 0, RequestEnd::unknown).closed(0).stop()),
            "unanswered");
  EXPECT_EQ(answers(load().stop().exited(0)), "unanswered");
}
TEST(GroupAnswers, AQuietWebSocketIsAnsweredByItsUpgrade) {
  EXPECT_EQ(answers(load(Protocol::ws).stop().exited(0)), "talking");
  EXPECT_EQ(answers(load(Protocol::ws).sent(0, 0).stop().exited(0)), "unanswered");
  EXPECT_EQ(answers(load(Protocol::ws, 0).client(0).failed(0, Layer::websocket).stop()),
            "unanswered");
}
TEST(GroupAnswers, FallsSilentWhenEveryClientHasGoneLongBefore) {
  const auto gone = [] {
    auto story = load().wait(20);
    for (const std::uint32_t n : {0U, 1U})
      story.sent(n, 0).answered(n, 0).sent(n, 1).answered(n, 1, RequestEnd::unknown).closed(n);
    return story;
  };
  const ConnectInvoked back{connection_id(ClientId{0}, 1), 0};
  EXPECT_EQ(answers(gone().wait(200).stop().exited(0)), "fell-silent");
  EXPECT_EQ(answers(gone().wait(50).stop().exited(0)), "gone-lately");
  EXPECT_EQ(answers(gone().wait(200).event(back).stop().exited(0)), "talking");
  auto returns = gone().wait(200).stop().exited(0);
  returns.plan.scenario.clients[0].reconnect = {Nanoseconds(0), std::chrono::seconds(1)};
  EXPECT_EQ(answers(returns), "gone-lately");
  auto more = gone().wait(200).stop().exited(0);
  more.plan.scenario.clients[0].count = 3;  // one is still to come
  EXPECT_EQ(answers(more), "talking");
}
TEST(GroupAnswers, WhomTheServerHasClosedHasGoneThoughItStaysOpen) {
  const auto closed = [](Protocol protocol, auto&& goodbye, int wait) {
    auto story = load(protocol).all_are(Behaviour::never_closes);
    story.plan.scenario.clients[0].message = {"{id}"};
    for (const std::uint32_t n : {0U, 1U}) goodbye(story.sent(n, 0).answered(n, 0), n);
    story.wait(wait).stop().closed(0, ConnectionEndReason::harness);
    return answers(story.closed(1, ConnectionEndReason::harness).exited(0));
  };
  const auto fin = [](auto& s, auto n) { s.fin(n); };
  const auto own_fin = [](auto& s, auto n) { s.fin(n, Direction::sent); };
  const auto close_frame = [](auto& s, auto n) { s.close_frame(n, 1000); };
  const auto close_notify = [](auto& s, auto n) { s.close_notify(n); };
  EXPECT_EQ(closed(Protocol::tcp, fin, 200), "fell-silent");
  EXPECT_EQ(closed(Protocol::tcp, fin, 50), "gone-lately");
  EXPECT_EQ(closed(Protocol::ws, close_frame, 200), "fell-silent");
  EXPECT_EQ(closed(Protocol::tls, close_notify, 200), "fell-silent");
  EXPECT_EQ(closed(Protocol::tcp, own_fin, 200), "talking");
}
// Both clients were answered once, and then wait so long.
HistoryBuilder waiting(int ms, Protocol protocol = Protocol::http) {
  auto story = load(protocol).round_trips(0, 0, 1).round_trips(1, 0, 1);
  return story.sent(0, 1).sent(1, 1).wait(ms);
}
TEST(GroupAnswers, StallWhenAllWhoAreLeftHaveWaitedForLong) {
  const auto refused = [](HistoryBuilder story) {
    story.stop().answered(0, 1, RequestEnd::refused).answered(1, 1, RequestEnd::refused);
    return answers(story.exited(0));
  };
  EXPECT_EQ(refused(waiting(1'100)), "stalled");
  EXPECT_EQ(refused(waiting(350)), "talking");
  EXPECT_EQ(answers(waiting(1'100, Protocol::ws).stop().fin(0).closed(0)), "stalled");
  EXPECT_EQ(answers(waiting(1'100).fault(SIGKILL).signalled(SIGKILL)), "stalled");
  EXPECT_EQ(refused(load().round_trips(0, 0, 1).sent(0, 1).closed(1).wait(1'100)), "stalled");
  EXPECT_EQ(refused(load().round_trips(0, 0, 1).sent(0, 1).wait(1'100).closed(1)), "gone-lately");
}
TEST(GroupAnswers, DoNotStallWhereSomebodyIsAnsweredOrHasNotAsked) {
  EXPECT_EQ(answers(waiting(1'100).began(1, 1).stop()), "talking");
  EXPECT_EQ(answers(waiting(1'100).answered(1, 1).stop()), "talking");
  EXPECT_EQ(answers(waiting(1'100).answered(1, 1).sent(1, 2).stop()), "talking");
  EXPECT_EQ(answers(waiting(1'100).stop().answered(1, 1)), "talking") << "a long poll";
  auto more = waiting(1'100).stop();
  more.plan.scenario.clients[0].count = 3;  // one is still to come
  EXPECT_EQ(answers(more), "talking");
}
TEST(GroupAnswers, DoNotStallWhereAnAnswerMayTakeSoLong) {
  const auto after = [](int ms) {
    auto story = load().sent(0, 0).wait(300).answered(0, 0);
    return answers(story.sent(0, 1).sent(1, 0).wait(ms).stop().exited(0));
  };
  EXPECT_EQ(after(2'350), "talking");
  EXPECT_EQ(after(2'450), "stalled");
}
TEST(GroupAnswers, DoNotStallByWhatLastcallDidOrLagged) {
  EXPECT_EQ(answers(waiting(1'100).lag(800, "clients-0").stop()), "talking");
  EXPECT_EQ(answers(waiting(0).fault(SIGSTOP).done().wait(1'100).fault(SIGCONT).done().stop()),
            "talking");
  EXPECT_EQ(answers(waiting(0)
                        .event(FaultInvoked{FaultId{1}, 0, "limit memory", 0, false})
                        .wait(1'100)
                        .stop()),
            "talking");
  EXPECT_EQ(answers(waiting(1'100).disturbed(0).stop()), "talking");
  EXPECT_EQ(answers(waiting(0).fault(SIGHUP).done().wait(1'100).stop()), "stalled");
}
TEST(GroupAnswers, WhoHasSaidAllOfItsMessagesIsDone) {
  auto story = load();
  story.plan.scenario.clients[0].messages = 1;
  for (const std::uint32_t n : {0U, 1U}) story.sent(n, 0).answered(n, 0).closed(n);
  EXPECT_EQ(answers(story.wait(200).stop().exited(0)), "talking");
}
TEST(GroupAnswers, WhoWentByItselfOrByAFaultIsNotSilent) {
  const auto ended = [](auto&& end) {
    auto story = load();
    for (const std::uint32_t n : {0U, 1U}) end(story.sent(n, 0).answered(n, 0), n);
    return answers(story.wait(200).stop().exited(0));
  };
  EXPECT_EQ(ended([](auto& s, auto n) { s.closed(n, ConnectionEndReason::finished); }), "talking");
  EXPECT_EQ(ended([](auto& s, auto n) { s.disturbed(n).reset(n); }), "talking");
  EXPECT_EQ(ended([](auto& s, auto n) { s.misbehaved(n, "abort-clients").reset(n); }), "talking");
  EXPECT_EQ(ended([](auto& s, auto n) { s.reset(n); }), "fell-silent");
}
TEST(GroupAnswers, AreNotAskedOfThoseWhoAreMeantToSayNothing) {
  auto silent = load().stop().exited(0).all_are(Behaviour::silent);
  EXPECT_EQ(answers(silent), "not-asked");
  auto late = load().stop().exited(0);
  late.plan.scenario.clients[0].during_drain = true;
  EXPECT_EQ(answers(late), "not-asked");
  auto quiet = load(Protocol::tcp).stop().exited(0);
  quiet.plan.scenario.clients[0].message = {""};
  EXPECT_EQ(answers(quiet), "not-asked");
  quiet.plan.scenario.clients[0].opening = {{.send = "", .expect = "220"}};
  EXPECT_EQ(answers(quiet), "unanswered");
  auto greeted = load(Protocol::tcp).event(LayerUp{testing::connection(0), Layer::script});
  greeted.plan.scenario.clients[0].message = {""};
  greeted.plan.scenario.clients[0].opening = {{.send = "", .expect = "220"}};
  EXPECT_EQ(answers(greeted.stop().exited(0)), "talking");
}
TEST(GroupAnswers, WhatTheStopCutsSaysNothingWhereTheScenarioLetsIt) {
  const auto allowed = [](HistoryBuilder story) {
    story.plan.scenario.properties["in-flight-finished"].judged = false;
    return answers(story.exited(0));
  };
  EXPECT_EQ(allowed(load().sent(0, 0).stop()), "not-asked");
  EXPECT_EQ(allowed(load().sent(0, 0).stop().answered(0, 0, RequestEnd::refused)), "not-asked");
  EXPECT_EQ(allowed(waiting(1'100).stop()), "not-asked");
  EXPECT_EQ(allowed(load().stop()), "unanswered");
  EXPECT_EQ(allowed(load().sent(0, 0).answered(0, 0, RequestEnd::unknown).closed(0).stop()),
            "unanswered");
}

// What the answers of two groups were, the second of which may want a status.
std::vector<int> refusals(const std::vector<int>& first, const std::vector<int>& second,
                          std::vector<int> wanted = {}) {
  auto story = h(Protocol::http).ready();
  auto& groups = story.plan.scenario.clients;
  groups.push_back(groups[0]);
  groups[1].status = std::move(wanted);
  story.client(0).up(0).client(1, 1).up(1);
  for (std::uint32_t n = 0; const auto* statuses : {&first, &second}) {
    for (std::uint32_t r = 0; r < statuses->size(); ++r) {
      const int status = (*statuses)[r];
      const auto end = status == 200 ? RequestEnd::ok : RequestEnd::refused;
      story.sent(n, r).event(RequestEnded{testing::connection(n), RequestId{r}, end, status, 1});
    }
    ++n;
  }
  return only_refusals(story.plan, story.stop().history());
}
TEST(OnlyRefusals, AreOneAndTheSame4xxInEveryAnswerOfAGroup) {
  using Statuses = std::vector<int>;
  EXPECT_EQ(refusals({404, 404}, {401}), (Statuses{404, 401}));
  EXPECT_EQ(refusals({404, 200}, {200, 404}), (Statuses{0, 0}));
  EXPECT_EQ(refusals({404, 403}, {404, 403, 404}), (Statuses{0, 0}));
  EXPECT_EQ(refusals({503}, {}), (Statuses{0, 0}));
  EXPECT_EQ(refusals({404}, {404}, {200}), (Statuses{404, 0})) << "who says what it wants is right";
}
TEST(OnlyRefusals, AreThoseBeforeTheStop) {
  const auto answered = [](HistoryBuilder story) {
    const RequestEnded no{testing::connection(0), RequestId{0}, RequestEnd::refused, 404, 1};
    return story.sent(0, 0).event(no);
  };
  const auto found = [](const HistoryBuilder& b) {
    return only_refusals(b.plan, b.history()).at(0);
  };
  EXPECT_EQ(found(answered(load()).stop().sent(0, 1).answered(0, 1)), 404);
  EXPECT_EQ(found(answered(load().stop())), 0);
  EXPECT_EQ(found(answered(load()).fault(SIGKILL).signalled(SIGKILL)), 404) << "without a stop too";
  EXPECT_EQ(found(answered(load().disturbed(0)).stop()), 0);
}

TEST(GroupAnswers, AKillIsAStop) {
  const auto killed = [](HistoryBuilder story) {
    return answers(story.fault(SIGKILL).signalled(SIGKILL));
  };
  EXPECT_EQ(killed(load().sent(0, 0)), "unanswered");
  EXPECT_EQ(killed(load().sent(0, 0).answered(0, 0)), "talking");
  EXPECT_EQ(killed(load().sent(0, 0).answered(0, 0).closed(0).closed(1).wait(200)), "fell-silent");
  EXPECT_EQ(answers(load().sent(0, 0).stop().fault(SIGKILL).signalled(SIGKILL)), "unanswered");
  EXPECT_EQ(answers(load().sent(0, 0).fault_to_child(SIGKILL).exited(1)), "not-asked");
}
TEST(GroupAnswers, AreNotAskedOfATrialWithoutAStopOfALoad) {
  EXPECT_EQ(answers(load().exited(1)), "not-asked");
  EXPECT_EQ(answers(load().exited(1).stop()), "not-asked");
  EXPECT_EQ(answers(h(Protocol::http).stop().exited(0)), "not-asked");
  auto start = load().stop().exited(0);
  start.plan.faults = {{PhaseMoment{Phase::start, {}}, SendSignals{}}};
  EXPECT_EQ(answers(start), "not-asked");
}

TEST(GroupAnswers, WhatTheFirstWasToldInPlaceOfAnAnswerIsKnown) {
  const auto told = [](const HistoryBuilder& b) {
    return heard_instead(b.plan, b.history()).at(0);
  };
  const auto failed = [](std::uint32_t n, std::string said) {
    return LayerFailed{testing::connection(n), Layer::script, "opening", std::move(said)};
  };
  EXPECT_EQ(told(load().sent(0, 0).answered(0, 0).stop()), "");
  auto story = load(Protocol::tcp, 0).client(0).event(failed(0, "")).client(1);
  EXPECT_EQ(told(story.stop().event(failed(1, "-NOAUTH")).client(2).event(failed(2, "-BUSY"))),
            "-NOAUTH");
  const RequestEnded unknown{
      testing::connection(1), RequestId{0}, RequestEnd::unknown, 0, 0, "-NOAUTH"};
  EXPECT_EQ(told(load(Protocol::tcp).sent(1, 0).event(unknown).stop()), "-NOAUTH");
}

}  // namespace
}  // namespace lastcall::group_answers_test

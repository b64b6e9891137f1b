// What prompt-exit finds: waits for a time that held up the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>

#include "unit/checkers/history_builder.hpp"

namespace lastcall::prompt_exit_test {
namespace {

using std::chrono::milliseconds;
using testing::h;
using ::testing::HasSubstr;
using testing::HistoryBuilder;

constexpr std::int32_t kServer = 80;  // its first thread, too
constexpr std::int32_t kWorker = 81;  // a thread of it
constexpr std::int32_t kChild = 90;   // a process below it

// Its thread "server" called exit later, unless it is said otherwise.
TargetSlept slept(int ms, const char* call = "clock_nanosleep") {
  const std::int64_t time = std::int64_t{ms} * 1'000'000;
  return {.pid = kServer,
          .tid = kServer,
          .thread = "server",
          .call = call,
          .requested = time,
          .slept = time,
          .alone = std::string_view(call) == "clock_nanosleep",
          .was_going_on = false,
          .then = AfterWait::exit_called,
          .place = "wait_a_bit()+0x12"};
}
TargetSlept as_the_stop_began(TargetSlept wait) {
  wait.was_going_on = true;
  return wait;
}
TargetSlept of_thread(TargetSlept wait, const char* name, AfterWait then) {
  wait.tid = kWorker;
  wait.thread = name;
  wait.then = then;
  return wait;
}
// Ends after its whole time.
HistoryBuilder& sleeps(HistoryBuilder& b, const TargetSlept& wait) {
  return b.wait(static_cast<int>(wait.slept / 1'000'000) - 1).event(wait);
}

// One client, idle after an answer.
HistoryBuilder serving() {
  return h(Protocol::http)
      .event(TargetStarted{kServer, "server"})
      .event(TraceBegan{true})
      .ready()
      .client(0)
      .up(0)
      .sent(0, 0)
      .written(0, 0, 100)
      .answered(0, 0)
      .event(FiltersWoke{});
}
HistoryBuilder stopped() { return serving().stop(); }
// And both of its connection's ends were closed.
HistoryBuilder alone() { return stopped().fin(0).closed(0); }

HistoryBuilder& exits(HistoryBuilder& b) {
  return b.event(ExitCalled{kServer, kServer, 0, "server"}).exited(0).event(SleepsWatched{1, 0});
}
std::optional<IdleWaits> waits(HistoryBuilder b) {
  exits(b);
  return checkers::idle_waits(b.plan, b.history());
}
// In milliseconds; -1: nothing is known.
std::int64_t length(HistoryBuilder b) {
  const auto found = waits(std::move(b));
  return found ? found->length / milliseconds(1) : -1;
}
std::string text(HistoryBuilder b) { return waits(std::move(b)).value_or(IdleWaits{}).text; }

HistoryBuilder after(HistoryBuilder b, const std::vector<TargetSlept>& all) {
  for (const auto& wait : all) sleeps(b, wait);
  return b;
}

TEST(IdleWaits, AFixedSleepIsFound) {
  const auto found = waits(after(alone(), {slept(1000)}));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->length, milliseconds(1000));
  EXPECT_EQ(found->text,
            "the main thread (server, 80) began clock_nanosleep(1.00 s) after its last connection "
            "was gone, in wait_a_bit()+0x12");
}
TEST(IdleWaits, AFixedSleepIsFoundAlsoIfIdleClientsAreThere) {
  EXPECT_EQ(text(after(stopped(), {slept(1000)})),
            "the main thread (server, 80) began clock_nanosleep(1.00 s) after the stop signal, in "
            "wait_a_bit()+0x12");
}
TEST(IdleWaits, BegunBeforeTheLastObligationIsToldFromBegunAfter) {
  // 10 ms after the stop one leaves; the sleep has gone on for 7 ms then.
  const auto one_leaves = stopped().wait(9).fin(0).closed(0);
  EXPECT_EQ(text(HistoryBuilder(one_leaves).wait(92).event(slept(100))),
            "the main thread (server, 80) was still in clock_nanosleep(100 ms), begun before its "
            "last connection was gone, and went on only when it was over, 93.0 ms later: a flag "
            "that is polled, or a fixed sleep, in wait_a_bit()+0x12");
  EXPECT_THAT(text(HistoryBuilder(one_leaves).wait(92).event(slept(100, "poll"))),
              HasSubstr(", 93.0 ms later: a flag that is polled, or a time-out, in "));
  auto both = HistoryBuilder(one_leaves).wait(92).event(slept(100, "poll"));
  EXPECT_THAT(text(after(both, {slept(100, "poll")})),
              HasSubstr("waited in poll(100 ms) 2 times, the first begun before its last "
                        "connection was gone, in "));
}
TEST(IdleWaits, WhichGoodbyeWasTheLastIsSaid) {
  const auto two = [] { return serving().client(1).up(1).sent(1, 0).answered(1, 0).stop(); };
  const auto after_that = [](HistoryBuilder story) {
    const auto said = text(after(std::move(story), {slept(200)}));
    const auto from = said.find(" after ");
    return from == std::string::npos ? said : said.substr(from + 7, said.find(", in ") - from - 7);
  };
  EXPECT_EQ(after_that(two().close_frame(1, 1001)), "its last Close frame");
  EXPECT_EQ(after_that(two().close_frame(1, 1001, Direction::sent)), "a client's Close frame");
  EXPECT_EQ(after_that(two().close_notify(1)), "its last close_notify");
  EXPECT_EQ(after_that(two().fin(1)), "its last FIN");
  EXPECT_EQ(after_that(two().fin(1).closed(1)), "its last FIN");
  EXPECT_EQ(after_that(two().fin(1, Direction::sent)), "a client's FIN");
  EXPECT_EQ(after_that(two().reset(1)), "its last reset");
  EXPECT_EQ(after_that(two().closed(1, ConnectionEndReason::finished)),
            "the end of a client's connection");
}
TEST(IdleWaits, ALoopThatPollsIsFound) {
  const auto poll = slept(100, "poll");
  EXPECT_EQ(length(after(alone(), {poll, poll, poll})), 300);
  EXPECT_THAT(text(after(alone(), {poll, poll, poll})),
              HasSubstr("waited in poll(100 ms) 3 times after its last connection was gone"));
}
TEST(IdleWaits, ATimeOutThatRanOutIsFound) {
  EXPECT_EQ(length(after(alone(), {slept(200, "epoll_wait")})), 200);
  EXPECT_EQ(length(after(alone(), {slept(300, "futex")})), 300);
}
TEST(IdleWaits, AFlagThatIsPolledIsFoundWhoeverIsThere) {
  const auto poll = as_the_stop_began(slept(60));
  EXPECT_EQ(length(after(stopped(), {poll})), 60);
  EXPECT_EQ(text(after(stopped(), {poll})),
            "the main thread (server, 80) was still in clock_nanosleep(60.0 ms), begun before the "
            "stop signal, and went on only when it was over, 60.0 ms later: a flag that is polled, "
            "or a fixed sleep, in wait_a_bit()+0x12");
  EXPECT_EQ(length(after(stopped(), {as_the_stop_began(slept(60, "epoll_wait"))})), 60);
  // Also if the filters had been awake for long: it began 50 ms before the stop.
  EXPECT_EQ(length(serving().wait(100).stop().wait(29).event(slept(80, "poll"))), 30);
}
TEST(IdleWaits, AFlagThatIsPolledIsFoundAlsoIfOthersServeMeanwhile) {
  // An answer to what came before the stop is an obligation, those to what came after it are none.
  auto story = serving().sent(0, 1).stop().answered(0, 1).wait(50);
  story.sent(0, 2).answered(0, 2).client(1).up(1).sent(1, 0).answered(1, 0).fin(1).closed(1);
  EXPECT_EQ(length(HistoryBuilder(story).event(as_the_stop_began(slept(60)))), 59);
  EXPECT_EQ(length(story.event(slept(60))), 3);
}
TEST(IdleWaits, WhatSomebodyElseJoinsHoldsUpTheEndToo) {
  const auto acceptor =
      of_thread(as_the_stop_began(slept(80, "poll")), "acceptor", AfterWait::thread_ended);
  EXPECT_THAT(text(after(stopped(), {acceptor})),
              HasSubstr("acceptor (81) was still in poll(80.0 ms)"));
  // But not if something else came after it.
  EXPECT_EQ(length(after(stopped(), {acceptor}).wait(30)), 0);
}
TEST(IdleWaits, AChildHoldsUpTheEndOfItsParent) {
  auto wait = slept(500);
  wait.pid = wait.tid = kChild;
  auto story = after(alone(), {wait});
  story.event(ExitCalled{kChild, kChild, 0, "worker"});
  story.event(ProcessEnded{kChild, "worker", EndKind::exited, 0});
  EXPECT_EQ(length(story), 500);
  EXPECT_THAT(text(story),
              ::testing::StartsWith("the main thread of a child process (server, 90) "));
  EXPECT_EQ(length(story.wait(50)), 0) << "the parent had something else to do";
}

TEST(IdleWaits, ARequestIsAnObligationUntilTheServerCutsIt) {
  const auto open = [](const char* sockets) {
    return serving().sent(0, 1).written(0, 1, 200).sockets(sockets).stop();
  };
  const auto limit = slept(300, "futex");
  EXPECT_EQ(length(after(open("40000:200"), {limit})), 0);
  EXPECT_EQ(length(after(open("40000:200"), {slept(300)})), 0) << "another thread may be at work";
  EXPECT_EQ(length(after(open("40000:200"), {as_the_stop_began(slept(90))})), 0);
  EXPECT_EQ(length(after(open("40000:200"), {slept(10, "poll"), slept(10, "poll")})), 0);
  EXPECT_EQ(length(after(open("40000:100+100"), {slept(300)})), 300) << "nobody had read it";
  // Cut after 300 ms, and then idle.
  EXPECT_EQ(length(after(after(open("40000:200"), {limit}).reset(0), {slept(200, "poll")})), 200);
}
TEST(IdleWaits, AConnectionIsAnObligationUntilItIsClosed) {
  EXPECT_EQ(length(after(stopped(), {slept(300, "epoll_wait")})), 0);
  EXPECT_EQ(length(after(stopped(), {slept(50), slept(50), slept(50)})), 0) << "it looks for it";
  // A client leaves within the second of two intervals.
  auto left = after(stopped(), {slept(100, "poll")});
  left.wait(39).fin(0, Direction::sent).closed(0, ConnectionEndReason::finished);
  auto second = slept(100, "poll");
  EXPECT_EQ(length(left.wait(58).event(second)), 0) << "no longer than the stop had taken";
}
TEST(IdleWaits, ThePartAfterTheLastObligationCounts) {
  auto story = stopped().wait(9).fin(0).closed(0);  // 10 and 11 ms after the stop
  EXPECT_EQ(length(story.wait(89).event(slept(100, "poll"))), 90);
}
TEST(IdleWaits, APollThatBacksOffNoMoreThanDoublesTheStop) {
  const auto shutdown = [](bool backs_off) {
    auto story = serving().sent(0, 1).written(0, 1, 200).sockets("40000:200").stop();
    for (const int ms : {1, 2, 4, 8, 16, 32, 64}) {
      if (ms >= 8) {
        sleeps(story, slept(ms, "epoll_pwait"));
      } else {
        story.wait(ms);
      }
    }
    story.wait(9).answered(0, 1).fin(0).closed(0);  // 139 ms after the stop
    auto last = slept(backs_off ? 130 : 400, "epoll_pwait");
    return story.wait(static_cast<int>(last.slept / 1'000'000) - 13).event(last);
  };
  EXPECT_EQ(length(shutdown(true)), 0);
  EXPECT_EQ(length(shutdown(false)), 388);
}
TEST(IdleWaits, APollThatARuntimeBeginsAgainIsThatOfBefore) {
  const auto polled = [](int ms, const char* call) {
    auto story = stopped().wait(149).fin(0).closed(0);  // 151 ms after the stop
    return length(story.wait(ms + 3).event(slept(ms, call)));
  };
  EXPECT_EQ(polled(120, "epoll_pwait"), 0);
  EXPECT_EQ(polled(120, "futex"), 0);
  EXPECT_EQ(polled(120, "poll"), 120);
  EXPECT_EQ(polled(300, "futex"), 300);
}
TEST(IdleWaits, WhoeverWaitsForAChildDoesNotIdle) {
  const auto child_ends = [](HistoryBuilder story) {
    return story.event(ProcessEnded{kChild, "worker", EndKind::signalled, SIGKILL});
  };
  EXPECT_EQ(length(child_ends(after(alone(), {slept(300)}))), 0);
  auto story = after(child_ends(after(alone(), {slept(300)})), {slept(200)});
  EXPECT_THAT(text(story), HasSubstr("clock_nanosleep(200 ms) after its last child had ended"));
  EXPECT_EQ(length(story), 200);
}

TEST(IdleWaits, OfOtherThreadsOnlyWhatEndsWithTheTarget) {
  const auto ticker = [](int ms) {
    return of_thread(slept(ms, "futex"), "ticker", AfterWait::went_on);
  };
  EXPECT_EQ(length(after(alone(), {ticker(100)})), 100);
  EXPECT_EQ(length(after(alone(), {ticker(100)}).wait(3)), 0);
  EXPECT_EQ(length(after(alone(), {ticker(10), ticker(10)})), 0) << "as Go's sysmon";
}
TEST(IdleWaits, OfTheJvmItselfAreNoneOfTheProgram) {
  std::vector<TargetSlept> exit(30,
                                of_thread(slept(10, "futex"), "VM Thread", AfterWait::exit_called));
  EXPECT_EQ(length(after(alone(), exit)), 0);
  for (auto& wait : exit) wait.thread = "SIGTERM handler";
  EXPECT_EQ(length(after(alone(), exit)), 290) << "but for the first, which may be of before";
}
TEST(IdleWaits, WhatCameBetweenThemAndTheEndDecides) {
  EXPECT_EQ(length(after(alone(), {slept(100, "poll")}).wait(20)), 0);
  EXPECT_EQ(length(after(alone(), {slept(100)}).wait(20)), 100)
      << "a file is written after a sleep";
  EXPECT_EQ(length(after(alone(), {slept(100)}).wait(60)), 0);
  EXPECT_EQ(length(after(alone(), {slept(100, "poll")}).wait(99).event(ProcessorUsed{100'000'000})),
            100)
      << "time at work is none";
  EXPECT_EQ(length(after(alone(), {slept(100, "poll")}).wait(99).lag(100, "target")), 100);
  EXPECT_EQ(length(after(after(alone(), {slept(100, "poll")}).wait(30), {slept(100, "poll")})), 100)
      << "the first belongs to something else";
}
TEST(IdleWaits, TimeAtWorkIsNoIdling) {
  auto story = alone().wait(299).event(ProcessorUsed{300'000'000});  // another thread's
  EXPECT_EQ(length(story.event(slept(300, "futex"))), 1);
}
TEST(IdleWaits, AreNotLongerThanAskedFor) {
  auto held_up = slept(100, "poll");
  held_up.slept = 400'000'000;
  EXPECT_EQ(length(alone().wait(399).event(held_up)), 100);
}
// As readiness must be away for this long.
HistoryBuilder drains(HistoryBuilder b, int ms) {
  auto& told = settings<property::DrainsHealth>(b.plan);
  told.url = "http://127.0.0.1:{port}/health";
  told.visible = milliseconds(ms);
  return b;
}
TEST(IdleWaits, CountFromWhenReadinessHasBeenAwayAsPromised) {
  EXPECT_EQ(length(drains(after(stopped(), {slept(1000)}), 1000)), 0);
  EXPECT_EQ(length(drains(after(stopped(), {slept(3000)}), 1000)), 2000);
  EXPECT_EQ(length(drains(after(alone(), {slept(100, "poll"), slept(100, "poll")}), 60)), 142);
  auto not_judged = drains(after(stopped(), {slept(1000)}), 1000);
  not_judged.plan.scenario.properties["drains-health"].judged = false;
  EXPECT_EQ(length(not_judged), 1000);
}
TEST(IdleWaits, AreNothingWithoutOne) { EXPECT_EQ(length(alone().wait(500)), 0); }
TEST(IdleWaits, AreNotKnownIfNobodySawThem) {
  const auto known = [](const HistoryBuilder& b) {
    return checkers::idle_waits(b.plan, b.history()).has_value();
  };
  EXPECT_FALSE(known(alone().exited(0)));
  EXPECT_TRUE(known(alone().exited(0).event(SleepsWatched{0, 0})));
  EXPECT_FALSE(known(alone().event(TraceFailed{"EPERM"}).exited(0).event(SleepsWatched{0, 0})));
  EXPECT_FALSE(known(alone().exited(0).event(SleepsWatched{0, 0}).lost("ends")));
  EXPECT_FALSE(known(alone().forced().signalled(SIGKILL).event(SleepsWatched{0, 0})));
  EXPECT_TRUE(known(alone().lag(80).exited(0).event(SleepsWatched{0, 0})));
}

std::optional<Nanoseconds> tail(const HistoryBuilder& b) {
  return checkers::idle_tail(b.plan, b.history());
}
TEST(IdleTail, TimeAtWorkIsLeftOut) {
  // An interpreter that takes 100 ms of a processor to end.
  EXPECT_EQ(tail(alone().wait(104).event(ProcessorUsed{100'000'000}).exited(0)), milliseconds(6));
  // The last look comes after the end; what was used before the tail does not matter.
  EXPECT_EQ(tail(stopped()
                     .wait(200)
                     .event(ProcessorUsed{190'000'000})
                     .fin(0)
                     .closed(0)
                     .wait(104)
                     .exited(0)
                     .wait(9)
                     .event(ProcessorUsed{100'000'000})),
            milliseconds(5));
}
TEST(IdleTail, ARequestIsAnObligationUntilTheServerCutsIt) {
  const auto open = [] { return serving().sent(0, 1).stop().wait(300); };
  EXPECT_EQ(tail(open().fin(0).closed(0).exited(0)), milliseconds(0));
  EXPECT_EQ(tail(open().fin(0).closed(0).wait(200).exited(0)), milliseconds(201));
  EXPECT_EQ(tail(open().answered(0, 1).wait(200).exited(0)), milliseconds(201));
}
TEST(IdleTail, BeginsWhenReadinessHasBeenAwayAsPromised) {
  EXPECT_EQ(tail(drains(alone().wait(299).exited(0), 100)), milliseconds(202));
  EXPECT_EQ(tail(drains(alone().wait(49).exited(0), 100)), milliseconds(0));
}
TEST(IdleTail, WhoIsTurnedAwayIsNoObligation) {
  auto story = alone().wait(100).client(1).failed(1, Layer::tcp);
  EXPECT_EQ(tail(story.closed(1, ConnectionEndReason::unconnected).wait(49).exited(0)),
            milliseconds(153));
}
TEST(IdleTail, ATrialThatLastcallsLagSpoilsIsCountedWhereABoundIsAskedFor) {
  auto story = alone().wait(100).lag(20).exited(0);
  const auto not_judged = [&] { return testing::verdict(story, "prompt-exit").not_judged; };
  EXPECT_EQ(tail(story), std::nullopt);
  EXPECT_TRUE(not_judged().empty());
  settings<property::PromptExit>(story.plan).within = milliseconds(50);
  EXPECT_EQ(not_judged(), (std::vector<Counted>{{"in which lastcall itself lagged", 1}}));
  story = alone().wait(100).exited(0);
  settings<property::PromptExit>(story.plan).within = milliseconds(50);
  EXPECT_TRUE(not_judged().empty());
}

}  // namespace
}  // namespace lastcall::prompt_exit_test

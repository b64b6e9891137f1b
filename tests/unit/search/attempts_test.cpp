#include "search/attempts.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace lastcall::attempts_test {
namespace {

CodePoint at(const std::string& function, PointKind kind, std::uint64_t within = 0) {
  return {.module = "/p",
          .offset = 0x1000 + within,
          .function = function,
          .within = within,
          .kind = kind};
}

Calibration of_a_server() {
  Calibration calibration;
  calibration.points = {at("push", PointKind::entry), at("close", PointKind::entry),
                        at("push", PointKind::atomic, 9), at("write", PointKind::library)};
  calibration.visits = {
      {.point = 0, .thread = 1, .thread_name = "ping", .phase = HuntPhase::run, .times = 30},
      {.point = 0, .thread = 1, .phase = HuntPhase::stop, .times = 1},
      {.point = 1, .thread = 0, .phase = HuntPhase::stop, .times = 1},
      {.point = 2, .thread = 1, .phase = HuntPhase::run, .times = 30},
      {.point = 3, .thread = 0, .phase = HuntPhase::start, .times = 1}};
  calibration.is_signalled = true;
  calibration.calls = 5;
  return calibration;
}

std::string text_of(const Attempt& attempt) {
  std::string text;
  for (const auto& hold : attempt.holds) {
    text += point_text(hold.point) + "/" + std::to_string(hold.thread) + "/" +
            std::to_string(static_cast<int>(hold.phase)) + "/" + std::to_string(hold.nth) + " ";
  }
  if (attempt.signal_at_call) text += "call " + std::to_string(*attempt.signal_at_call);
  return text;
}

TEST(Attempts, EveryPlaceOfEveryThreadIsTriedBeforeAnyIsTriedAgain) {
  Attempts attempts(of_a_server(), 1);
  std::set<std::string> seen;
  const auto planned = attempts.planned();
  for (std::size_t i = 0; i < planned; ++i) seen.insert(text_of(*attempts.next()));
  EXPECT_EQ(seen.size(), planned);
  for (const auto* one :
       {"push/1/1/1 ", "push/1/2/1 ", "close/0/2/1 ", "push+0x9/1/1/1 ", "call 1", "call 5"})
    EXPECT_TRUE(seen.contains(one)) << one;
}

TEST(Attempts, WhatCameBeforeTheProgramWasReadyIsNotHeld) {
  Attempts attempts(of_a_server(), 1);
  for (int i = 0; i < 200; ++i) {
    const auto attempt = attempts.next();
    for (const auto& hold : attempt->holds) EXPECT_NE(hold.phase, HuntPhase::start);
  }
}

TEST(Attempts, TheSignalComesAtAHoldBeforeTheStopAndOnceOnly) {
  Attempts attempts(of_a_server(), 3);
  for (int i = 0; i < 300; ++i) {
    int sending = 0;
    const auto attempt = attempts.next();
    for (const auto& hold : attempt->holds) {
      sending += hold.sends_signal ? 1 : 0;
      if (hold.sends_signal) {
        EXPECT_EQ(hold.phase, HuntPhase::run);
      }
    }
    EXPECT_LE(sending, 1);
  }
}

TEST(Attempts, AProgramThatNobodySignalsIsNeverSignalled) {
  auto calibration = of_a_server();
  calibration.is_signalled = false;
  Attempts attempts(calibration, 3);
  for (int i = 0; i < 300; ++i) {
    const auto attempt = attempts.next();
    EXPECT_FALSE(attempt->signal_at_call);
    for (const auto& hold : attempt->holds) EXPECT_FALSE(hold.sends_signal);
  }
}

TEST(Attempts, ASeedGivesOneOrderAndAnotherSeedAnother) {
  const auto order = [](std::uint64_t seed) {
    Attempts attempts(of_a_server(), seed);
    std::string all;
    for (int i = 0; i < 60; ++i) {
      const auto attempt = attempts.next();
      all += text_of(*attempt) + (attempt->exit_barrier ? "b" : "") + ";";
    }
    return all;
  };
  EXPECT_EQ(order(7), order(7));
  EXPECT_NE(order(7), order(8));
}

TEST(Attempts, ThreadsOfARuntimeThatMovesItsWorkAreAnyThread) {
  auto calibration = of_a_server();
  calibration.threads_are_stable = false;
  calibration.visits.push_back({.point = 0, .thread = 4, .phase = HuntPhase::run, .times = 3});
  Attempts attempts(calibration, 1);
  std::map<std::string, int> seen;
  for (std::size_t i = attempts.planned(); i > 0; --i) {
    const auto attempt = attempts.next();
    ++seen[text_of(*attempt)];
    for (const auto& hold : attempt->holds) EXPECT_EQ(hold.thread, kAnyThread);
  }
  EXPECT_EQ(seen["push/-1/1/1 "], 1);
}

TEST(Attempts, BothValuesOfTheExitBarrierAndPairsAreTried) {
  Attempts attempts(of_a_server(), 5);
  std::set<bool> barriers;
  bool pairs = false;
  for (int i = 0; i < 300; ++i) {
    const auto attempt = attempts.next();
    barriers.insert(attempt->exit_barrier);
    pairs = pairs || attempt->holds.size() == 2;
  }
  EXPECT_EQ(barriers.size(), 2U);
  EXPECT_TRUE(pairs);
}

TEST(Attempts, WhereSeveralThreadsComeAllAreHeldTogether) {
  auto calibration = of_a_server();
  const auto holds_all = [&] {
    Attempts attempts(calibration, 1);
    bool found = false;
    for (std::size_t i = attempts.planned(); i > 0; --i) {
      const auto attempt = attempts.next();
      for (const auto& hold : attempt->holds)
        found = found || (hold.nth == kEveryTime && hold.thread == kAnyThread &&
                          hold.point.function == "close");
    }
    return found;
  };
  EXPECT_FALSE(holds_all());
  calibration.visits.push_back({.point = 1, .thread = 2, .phase = HuntPhase::stop, .times = 1});
  EXPECT_TRUE(holds_all());
  calibration.visits.back().times = 1000;
  EXPECT_FALSE(holds_all());
}

TEST(Attempts, MemoryThatOneThreadHasForItselfComesAfterWhatIsShared) {
  Calibration calibration;
  for (int i = 0; i < 10; ++i) {
    calibration.points.push_back(at("f" + std::to_string(i), PointKind::access, 4));
    calibration.visits.push_back(
        {.point = static_cast<std::size_t>(i), .thread = 1, .times = 1, .is_shared = i % 2 == 0});
  }
  Attempts attempts(calibration, 1);
  int shared_first = 0;
  for (int i = 0; i < 5; ++i) {
    const auto attempt = attempts.next();
    shared_first += (attempt->holds[0].point.function.back() - '0') % 2 == 0 ? 1 : 0;
  }
  EXPECT_GE(shared_first, 4);
}

TEST(Attempts, EveryOtherIsAtWhatALogSpeaksOf) {
  auto calibration = of_a_server();
  calibration.favoured = {"close", "push"};
  Attempts attempts(calibration, 9);
  std::string turns;
  for (int i = 0; i < 4; ++i) {
    const auto attempt = attempts.next();
    const bool is_favoured =
        !attempt->holds.empty() && calibration.favoured.contains(attempt->holds[0].point.function);
    turns += is_favoured ? 'f' : 'o';
  }
  EXPECT_EQ(turns, "fofo");
}

TEST(Attempts, AThreadThatComesToFewPlacesHasItsTurnBesideABusyOne) {
  Calibration calibration;
  for (std::size_t i = 0; i < 50; ++i) {
    calibration.points.push_back(at("f" + std::to_string(i), PointKind::entry));
    calibration.visits.push_back({.point = i, .thread = 0, .phase = HuntPhase::stop, .times = 1});
  }
  calibration.visits.push_back({.point = 0, .thread = 1, .phase = HuntPhase::stop, .times = 1});
  calibration.one_visit_a_hold = true;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Attempts attempts(calibration, seed);
    std::set<int> threads;
    for (int i = 0; i < 2; ++i) threads.insert(attempts.next()->holds.front().thread);
    EXPECT_EQ(threads, (std::set<int>{0, 1})) << seed;
  }
}

TEST(Attempts, OfOneVisitAHoldAreTheFirstTriedAndNeverAll) {
  Calibration calibration;
  calibration.points = {at("push", PointKind::entry)};
  calibration.visits = {
      {.point = 0, .thread = 1, .phase = HuntPhase::run, .times = 90, .first_tried = 45},
      {.point = 0, .thread = 2, .phase = HuntPhase::stop, .times = 7}};
  calibration.one_visit_a_hold = true;
  Attempts attempts(calibration, 1);
  std::set<std::string> first;
  for (int i = 0; i < 3; ++i) first.insert(text_of(*attempts.next()));
  for (const auto* one : {"push/1/1/45 ", "push/2/2/1 "}) EXPECT_TRUE(first.contains(one)) << one;
  for (int i = 0; i < 300; ++i) {
    const auto attempt = attempts.next();
    for (const auto& hold : attempt->holds) EXPECT_NE(hold.nth, kEveryTime);
  }
}

TEST(Calibration, ByThreadNameHasOneVisitForThreadsOfOneNameAndAnyThreadWhereItIsTheOnly) {
  Calibration calibration;
  calibration.points = {at("push", PointKind::entry), at("close", PointKind::entry)};
  calibration.visits = {
      {.point = 0, .thread = 1, .thread_name = "ping", .phase = HuntPhase::run, .times = 3},
      {.point = 0, .thread = 2, .thread_name = "ping", .phase = HuntPhase::run, .times = 4},
      {.point = 0, .thread = 3, .thread_name = "net", .phase = HuntPhase::run, .times = 5},
      {.point = 1, .thread = 1, .thread_name = "ping", .phase = HuntPhase::run, .times = 6}};
  const auto named = by_thread_name(calibration);
  ASSERT_EQ(named.visits.size(), 3U);
  EXPECT_EQ(named.visits[0].thread_name, "net");
  EXPECT_EQ(named.visits[1].thread_name, "ping");
  EXPECT_EQ(named.visits[1].times, 7U);
  EXPECT_EQ(named.visits[2].thread_name, "");
  EXPECT_EQ(named.visits[2].point, 1U);
}

TEST(Calibration, ByThreadNameThreadsOfOneNameHaveANumberOfTheirOwn) {
  Calibration calibration;
  calibration.points = {at("push", PointKind::entry), at("close", PointKind::entry)};
  calibration.visits = {{.point = 0, .thread = 4, .thread_name = "ping", .times = 1},
                        {.point = 1, .thread = 9, .thread_name = "ping", .times = 1},
                        {.point = 1, .thread = 4, .times = 1}};
  const auto named = by_thread_name(calibration);
  ASSERT_EQ(named.visits.size(), 3U);
  EXPECT_EQ(named.visits[1].thread, 4);
  EXPECT_GT(named.visits[0].thread, 9);
  EXPECT_EQ(named.visits[2].thread, named.visits[0].thread);
  EXPECT_EQ(named.named, std::set<int>{named.visits[0].thread});
}

TEST(Attempts, AThreadWithANameDoesNotWaitForManyWithout) {
  Calibration calibration;
  for (int thread = 0; thread < 20; ++thread) {
    for (int i = 0; i < 5; ++i) {
      calibration.visits.push_back(
          {.point = calibration.points.size(), .thread = thread, .times = 1});
      if (thread == 7) calibration.visits.back().thread_name = "jobs";
      calibration.points.push_back(at("f" + std::to_string(thread), PointKind::entry));
    }
  }
  Attempts attempts(by_thread_name(calibration), 1);
  int of_jobs = 0;
  for (int i = 0; i < 10; ++i) {
    const auto attempt = attempts.next();
    of_jobs += attempt->holds[0].point.function == "f7" ? 1 : 0;
  }
  EXPECT_EQ(of_jobs, 5);
}

// One hold of a place that a thread comes to again and again.
Attempt held_at(HuntPhase phase, std::uint64_t nth) {
  return {.holds = {{.point = at("again", PointKind::entry), .phase = phase, .nth = nth}}};
}

// The visits at which "again" is held in the next attempts, as trials see that many visits of it.
std::vector<std::uint64_t> corrections(Attempt attempt, const std::vector<std::uint64_t>& seen) {
  auto calibration = of_a_server();
  calibration.one_visit_a_hold = true;
  Attempts attempts(calibration, 1);
  std::vector<std::uint64_t> visits;
  for (const auto count : seen) {
    attempts.saw(attempt, count);
    const auto next = attempts.next();
    (void)attempts.next();  // of no correction, which come every other time
    if (next->holds.empty() || next->holds[0].point.function != "again") break;
    attempt = *next;
    visits.push_back(attempt.holds[0].nth);
  }
  return visits;
}

TEST(Attempts, AHoldThatNoThreadReachedIsMovedToAVisitThatThereWas) {
  using Visits = std::vector<std::uint64_t>;
  EXPECT_EQ(corrections(held_at(HuntPhase::stop, 90), {20, 17}), (Visits{20, 17}));
  EXPECT_EQ(corrections(held_at(HuntPhase::run, 90), {20}), (Visits{10}));
  EXPECT_EQ(corrections(held_at(HuntPhase::stop, 90), {0}), Visits{});
  EXPECT_EQ(corrections(held_at(HuntPhase::stop, 3), {2}), Visits{});  // is tried anyway
}

TEST(Attempts, AHoldOfAStopIsMovedToTheLastVisitUntilNoneComesAfterIt) {
  using Visits = std::vector<std::uint64_t>;
  EXPECT_EQ(corrections(held_at(HuntPhase::stop, 1), {13, 14, 14}), (Visits{13, 14}));
  EXPECT_EQ(corrections(held_at(HuntPhase::run, 1), {13}), Visits{});
  EXPECT_EQ(corrections(held_at(HuntPhase::stop, 1), {5, 6, 7, 8, 9}), (Visits{5, 6, 7}));
}

TEST(Attempts, NoLaterVisitIsTriedThanATrialSaw) {
  Calibration calibration;
  calibration.points = {at("push", PointKind::entry), at("pop", PointKind::entry)};
  calibration.points[1].offset = 0x2000;
  calibration.visits = {{.point = 0, .times = 90}, {.point = 1, .times = 90}};
  calibration.one_visit_a_hold = true;
  Attempts attempts(calibration, 1);
  attempts.saw({.holds = {{.point = calibration.points[0], .nth = 1}}}, 2);
  std::map<std::string, std::uint64_t> latest;
  for (std::size_t i = attempts.planned(); i > 0; --i) {
    const auto attempt = attempts.next();
    if (attempt->holds.size() != 1) break;  // another round
    auto& nth = latest[attempt->holds[0].point.function];
    nth = std::max(nth, attempt->holds[0].nth);
  }
  EXPECT_EQ(latest["push"], 2U);
  EXPECT_EQ(latest["pop"], 90U);
}

TEST(Attempts, WithoutAnyVisitThereIsNothingToTry) { EXPECT_FALSE(Attempts({}, 1).next()); }

}  // namespace
}  // namespace lastcall::attempts_test

#include "shutdown/signal_handler.hpp"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <latch>
#include <stdexcept>
#include <thread>
#include <vector>

#include "unit/shutdown/child_process.hpp"

namespace graceful::shutdown {
namespace {

using testing::Child;
using ::testing::HasSubstr;
using testing::hear;
using testing::say;
using namespace std::chrono_literals;

std::unique_ptr<SignalHandler> handler_without_kernel(SignalSettings settings = {}) {
  settings.from_kernel = false;
  auto started = SignalHandler::start(std::move(settings));
  EXPECT_TRUE(started.has_value());
  return std::move(*started);
}

std::unique_ptr<SignalHandler> handler(SignalSettings settings = {}) {
  auto started = SignalHandler::start(std::move(settings));
  if (!started) say("cannot start: " + started.error().message());
  return std::move(*started);
}

TEST(SignalHandler, EverySubscriberGetsTheOneReason) {
  const auto signals = handler_without_kernel();
  std::vector<Signal> heard;
  std::vector<Subscription> kept;
  for (int i = 0; i < 3; ++i) {
    kept.push_back(signals->subscribe([&](const Reason& why) { heard.push_back(why.signal); }));
  }
  EXPECT_EQ(SignalHandler::Taken::first, signals->request(Custom{"upgrade"}));
  EXPECT_EQ(SignalHandler::Taken::repeated, signals->request(Term{}));
  EXPECT_EQ((std::vector<Signal>(3, Custom{"upgrade"})), heard);
  EXPECT_EQ(Signal(Custom{"upgrade"}), signals->reason()->signal);
  EXPECT_EQ(Signal(Custom{"upgrade"}), signals->wait().signal);
}

TEST(SignalHandler, ALateSubscriberGetsTheReasonToo) {
  const auto signals = handler_without_kernel();
  signals->request(Interrupt{});
  std::string heard;
  const auto kept = signals->subscribe([&](const Reason& why) { heard = name_of(why.signal); });
  EXPECT_EQ("SIGINT", heard);
}

TEST(SignalHandler, EachOfManySubscribersRacingWithTheRequestIsToldExactlyOnce) {
  for (int round = 0; round < 200; ++round) {
    const auto signals = handler_without_kernel();
    std::atomic<int> told{0};
    std::latch together(3);
    std::vector<Subscription> first, second;
    const auto subscribe = [&](std::vector<Subscription>& kept) {
      together.arrive_and_wait();
      for (int i = 0; i < 20; ++i)
        kept.push_back(signals->subscribe([&](const Reason&) { ++told; }));
    };
    std::thread one(subscribe, std::ref(first));
    std::thread two(subscribe, std::ref(second));
    together.arrive_and_wait();
    signals->request(Term{});
    one.join();
    two.join();
    ASSERT_EQ(40, told);
  }
}

TEST(SignalHandler, ASubscriberThatThrowsDoesNotKeepTheOthersFromHearing) {
  const auto signals = handler_without_kernel();
  bool heard = false;
  const auto bad = signals->subscribe([](const Reason&) { throw std::runtime_error("mine"); });
  const auto good = signals->subscribe([&](const Reason&) { heard = true; });
  signals->request(Term{});
  EXPECT_TRUE(heard);
}

TEST(SignalHandler, ADroppedSubscriptionIsNotCalled) {
  const auto signals = handler_without_kernel();
  bool heard = false;
  {
    const auto dropped = signals->subscribe([&](const Reason&) { heard = true; });
  }
  signals->request(Term{});
  EXPECT_FALSE(heard);
}

TEST(SignalHandler, AWaitWithADeadlineEndsThere) {
  const auto signals = handler_without_kernel();
  EXPECT_FALSE(signals->wait_until(std::chrono::steady_clock::now() + 1ms).has_value());
}

TEST(SignalHandler, ARepeatedRequestIsToldWithThePolicyAndThatOfTheProgramIsNot) {
  std::vector<std::string> told;
  SignalSettings settings;
  settings.repeat = RepeatPolicy::hasten;
  settings.on_repeat = [&](RepeatPolicy policy, const Signal& signal) {
    EXPECT_EQ(RepeatPolicy::hasten, policy);
    told.push_back(name_of(signal));
  };
  const auto signals = handler_without_kernel(settings);
  signals->request(Term{});
  signals->request(Interrupt{});
  signals->request(Custom{"again"});
  EXPECT_EQ(std::vector<std::string>{"SIGINT"}, told);
}

CHILD_BODY(says_why_it_stops) {
  const auto signals = handler();
  say("ready");
  say(name_of(signals->wait().signal));
  return 0;
}

TEST(SignalHandler, SigtermAndSigintAreReasons) {
  const std::pair<int, std::string> cases[] = {{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}};
  for (const auto& [number, name] : cases) {
    Child child("says_why_it_stops");
    ASSERT_EQ("ready", child.read_line());
    child.signal(number);
    EXPECT_EQ(name, child.read_line());
    EXPECT_EQ(0, child.wait());
  }
}

CHILD_BODY(waits_long_after_the_signal) {
  if (!catch_signals_early()) return 3;
  ::raise(SIGTERM);
  say("raised");
  const auto signals = handler();
  say(name_of(signals->wait().signal));
  return 0;
}

TEST(SignalHandler, ASignalThatComesBeforeAnyoneWaitsIsNotLost) {
  Child child("waits_long_after_the_signal");
  EXPECT_EQ("raised", child.read_line());
  EXPECT_EQ("SIGTERM", child.read_line());
  EXPECT_EQ(0, child.wait());
}

TEST(SignalHandler, ASignalThatComesBeforeMainIsKeptIfTheParentBlockedIt) {
  Child child("waits_long_after_the_signal", {.blocked = {SIGTERM, SIGINT}});
  child.signal(SIGTERM);
  EXPECT_EQ("raised", child.read_line());
  EXPECT_EQ("SIGTERM", child.read_line());
  EXPECT_EQ(0, child.wait());
}

CHILD_BODY(reloads) {
  SignalSettings settings;
  settings.on_reload = [] { say("reload"); };
  const auto signals = handler(settings);
  say("ready");
  hear();
  say(signals->reason() ? "stopping" : "serving");
  signals->wait();
  return 0;
}

TEST(SignalHandler, SighupIsAReloadAndNotAStop) {
  Child child("reloads");
  ASSERT_EQ("ready", child.read_line());
  child.signal(SIGHUP);
  EXPECT_EQ("reload", child.read_line());
  child.tell("and now?");
  EXPECT_EQ("serving", child.read_line());
  child.signal(SIGTERM);
  EXPECT_EQ(0, child.wait());
}

CHILD_BODY(hangs_in_reload) {
  std::promise<void> let_go;
  SignalSettings settings;
  settings.on_reload = [&] {
    say("reload");
    let_go.get_future().wait();
  };
  const auto signals = handler(settings);
  say("ready");
  signals->wait();
  let_go.set_value();
  return 0;
}

TEST(SignalHandler, AReloadThatHangsDoesNotKeepAStopWaiting) {
  Child child("hangs_in_reload");
  ASSERT_EQ("ready", child.read_line());
  child.signal(SIGHUP);
  ASSERT_EQ("reload", child.read_line());
  child.signal(SIGTERM);
  EXPECT_EQ(0, child.wait());
}

TEST(SignalHandler, SigquitEndsTheProcessBySigquit) {
  Child child("says_why_it_stops");
  ASSERT_EQ("ready", child.read_line());
  child.signal(SIGQUIT);
  EXPECT_EQ(-SIGQUIT, child.wait());
  EXPECT_THAT(child.errors(), HasSubstr("SIGQUIT"));
}

CHILD_BODY(broadcasts_quit_first) {
  SignalSettings settings;
  settings.quit = QuitPolicy::after_broadcast;
  const auto signals = handler(settings);
  const auto kept = signals->subscribe([](const Reason& why) { say(name_of(why.signal)); });
  say("ready");
  hear();
  return 0;
}

TEST(SignalHandler, SubscribersMayBeToldOfSigquitBeforeTheProcessEndsByIt) {
  Child child("broadcasts_quit_first");
  ASSERT_EQ("ready", child.read_line());
  child.signal(SIGQUIT);
  EXPECT_EQ("SIGQUIT", child.read_line());
  EXPECT_EQ(-SIGQUIT, child.wait());
}

CHILD_BODY(requests_quit) {
  const auto signals = handler();
  signals->request(Quit{});
  return 0;
}

TEST(SignalHandler, AProgrammaticQuitEndsTheProcessAsTheSignalDoes) {
  Child child("requests_quit");
  EXPECT_EQ(-SIGQUIT, child.wait());
}

template <RepeatPolicy policy>
int stops_twice() {
  SignalSettings settings;
  settings.repeat = policy;
  if (policy != RepeatPolicy::force) {
    settings.on_repeat = [](RepeatPolicy, const Signal& signal) {
      say("again " + name_of(signal));
    };
  }
  const auto signals = handler(settings);
  say("ready");
  signals->wait();
  say("stopping");
  hear();
  return 0;
}
CHILD_BODY(ignores_repeats) { return stops_twice<RepeatPolicy::ignore>(); }
CHILD_BODY(forces_at_repeat) { return stops_twice<RepeatPolicy::force>(); }

TEST(SignalHandler, ManyMoreSignalsDuringTheStopNeitherReenterItNorCrash) {
  Child child("ignores_repeats");
  ASSERT_EQ("ready", child.read_line());
  child.signal(SIGTERM);
  ASSERT_EQ("stopping", child.read_line());
  for (int i = 0; i < 50; ++i) {
    child.signal(i % 2 == 0 ? SIGINT : SIGTERM);
    EXPECT_EQ(i % 2 == 0 ? "again SIGINT" : "again SIGTERM", child.read_line());
  }
  child.tell("end");
  EXPECT_EQ(0, child.wait());
}

TEST(SignalHandler, ASecondSigtermUnderForceEndsTheProcessWithOne) {
  Child child("forces_at_repeat");
  ASSERT_EQ("ready", child.read_line());
  child.signal(SIGTERM);
  ASSERT_EQ("stopping", child.read_line());
  child.signal(SIGTERM);
  EXPECT_EQ(1, child.wait());
  EXPECT_THAT(child.errors(), HasSubstr("second SIGTERM"));
}

CHILD_BODY(ends_after_its_handler) {
  { const auto signals = handler(); }
  ::raise(SIGTERM);
  return 0;
}

TEST(SignalHandler, ASignalAfterTheStopDoesNotSpoilTheExitCode) {
  EXPECT_EQ(0, Child("ends_after_its_handler").wait());
}

CHILD_BODY(starts_two) {
  const auto first = SignalHandler::start();
  const auto second = SignalHandler::start();
  say(second ? "started" : second.error().message());
  return 0;
}

TEST(SignalHandler, ASecondHandlerOfTheKernelsSignalsIsRefused) {
  Child child("starts_two");
  EXPECT_THAT(child.read_line(), HasSubstr("another one listens"));
  EXPECT_EQ(0, child.wait());
}

CHILD_BODY(forks) {
  const auto signals = handler();
  const pid_t grandchild = ::fork();
  if (grandchild == 0) {
    ::raise(SIGTERM);  // its own, by the default action; the parent's pipe hears nothing
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(grandchild, &status, 0);
  say(WIFSIGNALED(status) ? "signalled" : "exited");
  say(signals->wait_until(std::chrono::steady_clock::now() + 50ms) ? "stopping" : "serving");
  return 0;
}

TEST(SignalHandler, ASignalToAForkedChildDoesNotStopTheParent) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer holds signals back in a fork of a process with threads";
#endif
  Child child("forks");
  EXPECT_EQ("signalled", child.read_line());
  EXPECT_EQ("serving", child.read_line());
  EXPECT_EQ(0, child.wait());
}

// Processes in a name space of their own may be refused here; then there is nothing to see.
CHILD_BODY(is_pid_one) {
  if (::unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
    say("refused");
    return 0;
  }
  const pid_t init = ::fork();
  if (init == 0) {
    const auto signals = handler();
    say(::getpid() == 1 ? "ready" : "not the first");
    say(name_of(signals->wait().signal));
    ::_exit(7);
  }
  hear();
  ::kill(init, SIGTERM);
  int status = 0;
  ::waitpid(init, &status, 0);
  // Not by exit(3): with its first process the name space is over, and no new thread can be had for
  // what a leak checker does at exit.
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
}

TEST(SignalHandler, PidOneHearsASigtermToo) {
  Child child("is_pid_one");
  const auto line = child.read_line();
  if (line == "refused") GTEST_SKIP() << "no name space of its own here";
  ASSERT_EQ("ready", line);
  child.tell("stop");
  EXPECT_EQ("SIGTERM", child.read_line());
  EXPECT_EQ(7, child.wait());
}

}  // namespace
}  // namespace graceful::shutdown

#include "shutdown/coordinator.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <iterator>
#include <latch>
#include <stdexcept>
#include <thread>

#include "shutdown/asio.hpp"
#include "unit/scratch_folder.hpp"
#include "unit/shutdown/child_process.hpp"
#include "unit/shutdown/notify_listener.hpp"

namespace graceful::shutdown {
namespace {

using testing::Child;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::hear;
using ::testing::IsEmpty;
using testing::NotifyListener;
using testing::say;
using namespace std::chrono_literals;
using Builder = ShutdownCoordinator::Builder;

// A builder that does not listen to the kernel, and what happened in which order.
struct Stage {
  Builder builder;
  std::mutex mutex;
  std::vector<std::string> happened;
  std::vector<PhaseEvent> events;

  explicit Stage(RepeatPolicy repeat = RepeatPolicy::ignore) {
    SignalSettings signals;
    signals.from_kernel = false;
    signals.repeat = repeat;
    builder.signals(std::move(signals)).observe([this](const PhaseEvent& event) {
      const std::lock_guard lock(mutex);
      events.push_back(event);
      if (event.kind == PhaseEvent::Kind::began) happened.push_back(name_of(event.phase));
    });
  }
  void note(const std::string& what) {
    const std::lock_guard lock(mutex);
    happened.push_back(what);
  }
  std::unique_ptr<ShutdownCoordinator> build() {
    auto built = builder.build();
    EXPECT_TRUE(built.has_value());
    return built ? std::move(*built) : nullptr;
  }
  std::string refusal() {
    const auto built = builder.build();
    return built ? "" : built.error().message();
  }
  ShutdownReport stop() {
    const auto coordinator = build();
    coordinator->request_stop("the test");
    return coordinator->wait();
  }
};

TEST(Coordinator, AStopGoesThroughItsPhasesInOrderAndEndsWithZero) {
  Stage stage;
  stage.builder.stop_accepting("listener", [&] { stage.note("listener"); })
      .drain("statistics", [&] { stage.note("statistics"); })
      .resource(make_resource("cache", [&] { stage.note("cache"); }))
      .persist("state", [&] { stage.note("state"); })
      .end_loop([&] { stage.note("end_loop"); });
  const auto report = stage.stop();
  EXPECT_THAT(stage.happened,
              ElementsAre("Preparing", "listener", "Draining", "statistics", "Cleaning", "cache",
                          "Persisting", "state", "Exiting", "end_loop"));
  EXPECT_EQ(0, report.exit_code) << report.text();
  EXPECT_EQ(Signal(Custom{"the test"}), report.reason.signal);
  EXPECT_EQ(5U, report.phases.size());
}

std::ptrdiff_t threads_of_this_process() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

TEST(Coordinator, ItsThreadsHaveEndedWhenRunReturns) {
  Stage stage;
  const auto before = threads_of_this_process();
  auto stopping = stage.build();
  EXPECT_GT(threads_of_this_process(), before);
  EXPECT_EQ(stopping->run([] {}).exit_code, 0);
  EXPECT_EQ(threads_of_this_process(), before);
}

TEST(Coordinator, EachPhaseIsAnEventWithItsDuration) {
  Stage stage;
  std::promise<void> passes;
  stage.builder.drain("takes 20 ms", [&] { passes.get_future().wait_for(20ms); });
  const auto report = stage.stop();
  ASSERT_EQ(10U, stage.events.size());
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(PhaseEvent::Kind::began, stage.events[2 * i].kind);
    EXPECT_EQ(PhaseEvent::Kind::ended, stage.events[2 * i + 1].kind);
    EXPECT_EQ(report.phases[i].phase, stage.events[2 * i + 1].phase);
    EXPECT_EQ(report.phases[i].duration, stage.events[2 * i + 1].duration);
  }
  EXPECT_GE(stage.events[3].duration, 20ms);
  EXPECT_GE(report.duration, 20ms);
}

TEST(Coordinator, PreparingSetsTheFlagSendsStoppingAndThenNoGuardIsGiven) {
  NotifyListener manager;
  Stage stage;
  std::unique_ptr<ShutdownCoordinator> coordinator;
  bool flag = false, guard_while_preparing = false;
  std::string said;
  stage.builder.notifier(ServiceNotifier(manager.address())).stop_accepting("listener", [&] {
    flag = coordinator->stopping();
    said = manager.next();
    // What the listener had accepted before it closed.
    guard_while_preparing = coordinator->connections().acquire().has_value();
  });
  coordinator = stage.build();
  EXPECT_FALSE(coordinator->stopping());
  coordinator->request_stop("the test");
  const auto report = coordinator->wait();
  EXPECT_TRUE(flag);
  EXPECT_EQ("STOPPING=1", said);
  EXPECT_TRUE(guard_while_preparing);
  EXPECT_FALSE(coordinator->connections().acquire().has_value());
  EXPECT_EQ("EXTEND_TIMEOUT_USEC=60000000", manager.next());
  EXPECT_EQ("STATUS=stopping: Draining", manager.next());
  EXPECT_EQ(0, report.exit_code);
}

TEST(Coordinator, ReadyIsNotSentOnceTheStopHasBegun) {
  NotifyListener manager;
  Stage stage;
  stage.builder.notifier(ServiceNotifier(manager.address()));
  const auto coordinator = stage.build();
  coordinator->ready("serving");
  EXPECT_EQ("READY=1\nSTATUS=serving", manager.next());
  coordinator->request_stop("the test");
  coordinator->wait();
  coordinator->ready();
  for (auto said = manager.next_if_any(); said; said = manager.next_if_any()) {
    EXPECT_THAT(*said, ::testing::Not(HasSubstr("READY")));
  }
}

// Its reload lasts until the parent says something; `ready` is said once signals are heard.
int reload_until_told(const LimitSettings& limits) {
  Builder builder;
  SignalSettings signals;
  signals.on_reload = [] {
    say("reload");
    hear();
  };
  auto built = builder.signals(signals)
                   .limits(limits)
                   .notifier(ServiceNotifier::from_environment())
                   .observe([](const PhaseEvent& event) {
                     const bool begins = event.kind == PhaseEvent::Kind::began;
                     if (begins && event.phase == Phase::exiting) say("Exiting");
                   })
                   .build();
  const auto coordinator = std::move(*built);
  say("ready");
  return leave(coordinator->wait());
}

CHILD_BODY(reloads_until_told) { return reload_until_told({}); }

TEST(Coordinator, AReloadThatTheStopOvertakesTellsNothingAfterStopping) {
  NotifyListener manager;
  Child child("reloads_until_told",
              {.environment = {{"NOTIFY_SOCKET", manager.address().c_str()}}});
  ASSERT_EQ("ready", child.read_line());
  child.signal(SIGHUP);
  EXPECT_THAT(manager.next(), HasSubstr("RELOADING=1"));
  ASSERT_EQ("reload", child.read_line());
  child.signal(SIGHUP);  // one more, for after this one
  child.signal(SIGTERM);
  EXPECT_EQ("STOPPING=1", manager.next());
  ASSERT_EQ("Exiting", child.read_line());  // which waits for the reload
  child.tell("go on");
  EXPECT_EQ(0, child.wait());
  for (auto said = manager.next_if_any(); said; said = manager.next_if_any()) {
    EXPECT_THAT(*said, ::testing::Not(HasSubstr("READY=1")));
    EXPECT_THAT(*said, ::testing::Not(HasSubstr("RELOADING=1")));
  }
}

TEST(Coordinator, AServiceManagerThatIsGoneIsAWarningAndNoBrokenPromise) {
  Stage stage;
  stage.builder.notifier(ServiceNotifier("/proc/nowhere"));
  const auto report = stage.stop();
  EXPECT_EQ(0, report.exit_code);
  EXPECT_THAT(report.warnings, Contains(HasSubstr("/proc/nowhere")));
}

TEST(Coordinator, TheHeartbeatGoesOnWhileItDrainsOnRequestOnly) {
  for (const bool on_request : {true, false}) {
    boost::asio::io_context context;
    const auto work = boost::asio::make_work_guard(context);
    Stage stage;
    std::unique_ptr<ShutdownCoordinator> coordinator;
    std::uint64_t beats = 0;
    std::promise<void> passes;
    stage.builder
        .watchdog({.executors = {on_executor(context.get_executor())},
                   .timeout = 60s,
                   .interval = 1ms,
                   .beat_while_draining = on_request})
        .drain("takes a while",
               [&] {
                 const auto before = coordinator->watchdog()->beats();
                 auto passing = passes.get_future();
                 // 50 beats, or as long as a machine takes for the first of them.
                 do {
                   passing.wait_for(50ms);
                   beats = coordinator->watchdog()->beats() - before;
                 } while (on_request && beats == 0);
               })
        .end_loop([&] { context.stop(); });
    coordinator = stage.build();
    coordinator->request_stop("the test");
    EXPECT_EQ(0, coordinator->run([&] { context.run(); }).exit_code);
    EXPECT_EQ(on_request, beats > 0);
  }
}

TEST(Coordinator, WhatIsUnderWayFinishesBeforeAnythingIsClosed) {
  Stage stage;
  stage.builder.resource(make_resource("database", [&] { stage.note("database"); }));
  const auto coordinator = stage.build();
  auto guard = coordinator->connections().acquire();
  coordinator->request_stop("the test");
  while (!coordinator->connections().stopping()) std::this_thread::yield();
  stage.note("request");
  guard->release();
  const auto report = coordinator->wait();
  EXPECT_EQ(1U, report.connections.finished);
  EXPECT_EQ(0, report.exit_code);
  const auto at = [&](const std::string& what) {
    return std::find(stage.happened.begin(), stage.happened.end(), what);
  };
  EXPECT_LT(at("request"), at("database"));
}

TEST(Coordinator, ConnectionsAreForcedAtTheDrainLimitAndTheExitCodeIsOne) {
  Stage stage;
  stage.builder.limits({.drain = 5ms, .force_delay = 1s});
  const auto coordinator = stage.build();
  std::optional<ConnectionGuard> guard;
  guard = coordinator->connections().acquire({"client 7", [&] { guard->release(); }});
  coordinator->request_stop("the test");
  const auto report = coordinator->wait();
  EXPECT_EQ(1U, report.connections.forced);
  EXPECT_EQ(0U, report.connections.left);
  EXPECT_EQ(1, report.exit_code);
  EXPECT_THAT(report.phases[1].broken, ElementsAre(HasSubstr("client 7")));
  EXPECT_EQ(5U, report.phases.size());  // the others ran all the same
}

TEST(Coordinator, StateIsPersistedBeforeTheResourceItNeedsIsClosed) {
  Stage stage;
  stage.builder.resource(make_resource("disk", [&] { stage.note("disk"); }))
      .resource(make_resource("database", [&] { stage.note("database"); }),
                {.depends_on = {"disk"}})
      .resource(make_resource("cache", [&] { stage.note("cache"); }))
      .persist("state", [&] { stage.note("state"); }, {.needs = {"database"}});
  EXPECT_EQ(0, stage.stop().exit_code);
  EXPECT_THAT(stage.happened, ElementsAre("Preparing", "Draining", "Cleaning", "cache",
                                          "Persisting", "state", "database", "disk", "Exiting"));
}

TEST(Coordinator, ACheckpointThatCouldNotBeWrittenIsInTheExitCode) {
  const lastcall::testing::ScratchFolder folder;
  StateFormat<int> format{1, [](const int& n) { return std::to_string(n); },
                          [](std::string_view bytes, std::uint32_t) -> Result<int> {
                            return std::stoi(std::string(bytes));
                          }};
  {
    StateManager<int> states(folder / "state", format);
    Stage stage;
    stage.builder.checkpoint<int>(states, [] { return 42; });
    EXPECT_EQ(0, stage.stop().exit_code);
    EXPECT_EQ(42, (**states.load()).value);
  }
  StateManager<int> states(folder / "no/such/folder/state", format);
  Stage stage;
  stage.builder.checkpoint<int>(states, [] { return 42; });
  const auto report = stage.stop();
  EXPECT_EQ(1, report.exit_code);
  ASSERT_EQ(1U, report.persisted.size());
  EXPECT_THAT(report.persisted[0].text(), HasSubstr("No such file"));
}

TEST(Coordinator, EachBrokenPromiseMakesTheExitCodeOneAndTheOtherPhasesRun) {
  const auto fails = []() -> Result<void> { return Error("do", "it", EIO); };
  const auto throws = [] { throw std::runtime_error("mine"); };
  const std::function<void(Builder&)> breaks[] = {
      [&](Builder& all) { all.stop_accepting("breaks", fails); },
      [&](Builder& all) { all.drain("breaks", throws); },
      [&](Builder& all) { all.resource(make_resource("breaks", fails)); },
      [&](Builder& all) { all.persist("breaks", throws); },
      [&](Builder& all) { all.end_loop(throws); },
  };
  for (const auto& one : breaks) {
    Stage stage;
    one(stage.builder);
    const auto report = stage.stop();
    EXPECT_EQ(1, report.exit_code);
    ASSERT_EQ(5U, report.phases.size());
    EXPECT_THAT(report.abandoned, IsEmpty());
  }
}

// Preparing, draining, cleaning and persisting each have something that hangs; each is left behind
// at its limit, and the stop still comes to its end.
TEST(Coordinator, EveryPhaseHasALimitOfItsOwn) {
  auto let_go = std::make_shared<std::promise<void>>();
  auto forever = std::make_shared<std::shared_future<void>>(let_go->get_future());
  const auto hangs = [forever] { std::shared_future<void>(*forever).wait(); };
  Stage stage;
  stage.builder
      .limits({.prepare = 5ms,
               .drain = 5ms,
               .statistics = 5ms,
               .cleanup = 5ms,
               .persist = 5ms,
               .force_delay = 5ms})
      .stop_accepting("one", hangs)
      .drain("two", hangs)
      .resource(make_resource("three", hangs))
      .persist("four", hangs);
  const auto report = stage.stop();
  EXPECT_EQ(1, report.exit_code);
  EXPECT_THAT(report.abandoned, ElementsAre("one", "two", "three", "four"));
  EXPECT_EQ(5U, report.phases.size());
  EXPECT_FALSE(report.forced_quit);
  let_go->set_value();
}

TEST(Coordinator, PastTheTotalTheProcessIsEndedAndToldWhatWasForced) {
  Stage stage;
  std::promise<void> let_go;
  std::promise<ForcedQuit> quit;
  stage.builder
      .limits({.prepare = 1ms,
               .drain = 1ms,
               .statistics = 1ms,
               .persist = 1ms,
               .force_delay = 1ms,
               .total = 50ms})
      .force_quit([&](const ForcedQuit& forced) {
        quit.set_value(forced);
        let_go.set_value();
      });
  const auto coordinator = stage.build();
  auto guard = coordinator->connections().acquire({"client 7", {}});
  coordinator->request_stop("the test");
  const auto report =
      coordinator->run([&] { let_go.get_future().wait(); });  // a loop that does not end
  const auto forced = quit.get_future().get();
  EXPECT_EQ(Phase::exiting, forced.phase);
  EXPECT_THAT(forced.unfinished, Contains("the server's loop"));
  EXPECT_THAT(forced.unfinished, Contains("client 7"));
  EXPECT_THAT(forced.forced, Contains(HasSubstr("client 7")));
  EXPECT_THAT(forced.text(), HasSubstr("50 ms"));
  EXPECT_TRUE(report.forced_quit);
  EXPECT_EQ(1, report.exit_code);
}

// The observer is the one callback without a limit of its own: the total covers that phase too.
TEST(Coordinator, TheTotalCoversEveryPhase) {
  for (const auto phase :
       {Phase::preparing, Phase::draining, Phase::cleaning, Phase::persisting, Phase::exiting}) {
    std::promise<void> let_go;
    Builder builder;
    SignalSettings signals;
    signals.from_kernel = false;
    std::atomic<Phase> seen{};
    builder.signals(signals)
        .limits({.total = 20ms})
        .observe([&](const PhaseEvent& event) {
          if (event.phase == phase && event.kind == PhaseEvent::Kind::began)
            let_go.get_future().wait();
        })
        .force_quit([&](const ForcedQuit& quit) {
          seen = quit.phase;
          let_go.set_value();
        });
    const auto coordinator = *builder.build();
    coordinator->request_stop("the test");
    EXPECT_EQ(1, coordinator->wait().exit_code);
    EXPECT_EQ(phase, seen);
  }
}

TEST(Coordinator, TheStopRunsToItsEndAlsoWhenTheLoopReturnsFirst) {
  Stage stage;
  std::atomic<bool> closed{false};
  stage.builder.resource(make_resource("database", [&] { closed = true; }));
  const auto coordinator = stage.build();
  const auto report = coordinator->run([] {});
  EXPECT_TRUE(closed);
  EXPECT_EQ(5U, report.phases.size());
  EXPECT_EQ(0, report.exit_code);
  EXPECT_THAT(name_of(report.reason.signal), HasSubstr("loop returned"));
}

TEST(Coordinator, ALoopThatThrowsIsStoppedAllTheSameAndIsABrokenPromise) {
  Stage stage;
  std::atomic<bool> closed{false};
  stage.builder.resource(make_resource("database", [&] { closed = true; }));
  const auto report = stage.build()->run([] { throw std::runtime_error("mine"); });
  EXPECT_TRUE(closed);
  EXPECT_EQ("mine", report.loop_error);
  EXPECT_EQ(1, report.exit_code);
}

TEST(Coordinator, TheLoopIsEndedLastAndWaitedFor) {
  Stage stage;
  std::promise<void> end;
  stage.builder.end_loop([&] { end.set_value(); });
  const auto coordinator = stage.build();
  bool returned = false;
  const auto report = coordinator->run([&] {
    coordinator->request_stop("the test");
    end.get_future().wait();
    returned = true;
  });
  EXPECT_TRUE(returned);
  EXPECT_EQ(0, report.exit_code);
}

TEST(Coordinator, ItsDestructorRunsTheStop) {
  Stage stage;
  bool closed = false;
  stage.builder.resource(make_resource("database", [&] { closed = true; }));
  stage.build().reset();
  EXPECT_TRUE(closed);
  EXPECT_EQ(10U, stage.events.size());
}

TEST(Coordinator, HasteningForcesNow) {
  Stage stage(RepeatPolicy::hasten);
  const auto coordinator = stage.build();
  std::optional<ConnectionGuard> guard;
  guard = coordinator->connections().acquire({"slow", [&] { guard->release(); }});
  coordinator->signals().request(Term{});
  coordinator->signals().request(Term{});
  const auto report = coordinator->wait();  // long before the 30 s
  EXPECT_TRUE(report.hastened);
  EXPECT_EQ(1U, report.connections.forced);
  EXPECT_EQ(1, report.exit_code);
}

TEST(Coordinator, UnderIgnoreASecondSignalChangesNothing) {
  Stage stage(RepeatPolicy::ignore);
  const auto coordinator = stage.build();
  auto guard = coordinator->connections().acquire();
  coordinator->signals().request(Term{});
  coordinator->signals().request(Interrupt{});
  EXPECT_FALSE(coordinator->connections().hastened());
  guard->release();
  EXPECT_EQ(0, coordinator->wait().exit_code);
}

TEST(Coordinator, UnderForceASecondSignalEndsTheProcess) {
  Stage stage(RepeatPolicy::force);
  std::string text;
  stage.builder.force_quit([&](const ForcedQuit& quit) { text = quit.text(); });
  const auto coordinator = stage.build();
  auto guard = coordinator->connections().acquire({"client 7", {}});
  coordinator->signals().request(Term{});
  coordinator->signals().request(Term{});
  EXPECT_THAT(text, HasSubstr("second SIGTERM"));
  EXPECT_THAT(text, HasSubstr("client 7"));
  guard->release();
}

TEST(Coordinator, WhatCannotBeKeptIsRefused) {
  const auto refusal = [](const std::function<void(Builder&)>& wrong) {
    Stage stage;
    wrong(stage.builder);
    return stage.refusal();
  };
  EXPECT_THAT(refusal([](Builder& all) { all.limits({.drain = 61s}); }), HasSubstr("drain"));
  EXPECT_THAT(refusal([](Builder& all) {
                all.drain(
                    "queue", [] {}, 61s);
              }),
              HasSubstr("queue"));
  EXPECT_THAT(refusal([](Builder& all) { all.timeout_secs(0); }), HasSubstr("total"));
  EXPECT_THAT(refusal([](Builder& all) { all.persist("state", [] {}, {.needs = {"databse"}}); }),
              HasSubstr("databse"));
  EXPECT_THAT(refusal([](Builder& all) {
                all.resource(make_resource("a", [] {}), {.depends_on = {"b"}});
                all.resource(make_resource("b", [] {}), {.depends_on = {"a"}});
              }),
              HasSubstr("circle"));
  EXPECT_THAT(refusal([](Builder& all) { all.drain("queue", Work()); }), HasSubstr("queue"));
  EXPECT_THAT(refusal([](Builder& all) { all.connections(nullptr); }), HasSubstr("tracker"));
  EXPECT_THAT(refusal([](Builder& all) {
                WatchdogSettings watchdog;
                watchdog.timeout = 10s;
                watchdog.interval = 6s;
                watchdog.executors = {[](const std::function<void()>&) {}};
                all.watchdog(watchdog);
              }),
              HasSubstr("under half"));
}

TEST(Coordinator, TheEnvironmentsTotalGoesBeforeTheProgramsAndNonsenseIsRefused) {
  ::setenv(kTotalVariable, "7", 1);
  {
    Stage stage;
    stage.builder.timeout_secs(50);
    EXPECT_EQ(7s, stage.build()->limits().total);
  }
  ::setenv(kTotalVariable, "soon", 1);
  EXPECT_THAT(Stage().refusal(), HasSubstr("APP_SHUTDOWN_TIMEOUT_SECS=soon"));
  ::unsetenv(kTotalVariable);
  Stage stage;
  stage.builder.timeout_secs(50);
  EXPECT_EQ(50s, stage.build()->limits().total);
}

CHILD_BODY(coordinates) {
  Builder builder;
  SignalSettings signals;
  signals.on_reload = [] { say("reload"); };
  const auto coordinator = *builder.signals(signals)
                                .notifier(ServiceNotifier::from_environment())
                                .observe([](const PhaseEvent& event) {
                                  if (event.kind == PhaseEvent::Kind::ended)
                                    say(name_of(event.phase));
                                })
                                .build();
  coordinator->ready();
  return leave(coordinator->wait());
}

TEST(Coordinator, ASigtermStopsTheProcessThroughAllPhases) {
  NotifyListener manager;
  Child child("coordinates", {.environment = {{"NOTIFY_SOCKET", manager.address().c_str()}}});
  EXPECT_EQ("READY=1", manager.next());
  child.signal(SIGHUP);
  EXPECT_THAT(manager.next(), HasSubstr("RELOADING=1"));
  EXPECT_EQ("reload", child.read_line());
  EXPECT_EQ("READY=1", manager.next());
  child.signal(SIGTERM);
  EXPECT_EQ("STOPPING=1", manager.next());
  for (const char* phase : {"Preparing", "Draining", "Cleaning", "Persisting", "Exiting"}) {
    EXPECT_EQ(phase, child.read_line());
  }
  EXPECT_EQ(0, child.wait());
}

CHILD_BODY(never_ends_its_loop) {
  Builder builder;
  const auto coordinator = *builder.limits({.total = 50ms}).build();
  auto guard = coordinator->connections().acquire({"client 7", {}});
  say("ready");
  return coordinator
      ->run([] {
        while (true) ::pause();
      })
      .exit_code;
}

TEST(Coordinator, PastTheTotalTheProcessEndsWithOneAndSaysWhatWasForced) {
  Child child("never_ends_its_loop");
  ASSERT_EQ("ready", child.read_line());
  child.signal(SIGTERM);
  EXPECT_EQ(1, child.wait());
  const auto said = child.errors();
  EXPECT_THAT(said, HasSubstr("total limit of 50 ms"));
  EXPECT_THAT(said, HasSubstr("the server's loop"));
  EXPECT_THAT(said, HasSubstr("client 7"));
}

CHILD_BODY(abandons_a_cleanup) {
  std::promise<void> never;
  Builder builder;
  builder.resource(make_resource("hangs", [&] { never.get_future().wait(); }), {.limit = 1ms});
  const auto coordinator = *builder.build();
  coordinator->request_stop("the test");
  return leave(coordinator->wait());
}

TEST(Coordinator, LeavingMainWithAnAbandonedThreadDestroysNothingUnderIt) {
  Child child("abandons_a_cleanup");
  EXPECT_EQ(1, child.wait());
  EXPECT_THAT(child.errors(), HasSubstr("hangs"));
}

CHILD_BODY(never_ends_its_reload) {
  return reload_until_told({.force_delay = 1ms, .total = 500ms});
}

TEST(Coordinator, AReloadThatHangsIsForcedAtTheTotal) {
  Child child("never_ends_its_reload");
  ASSERT_EQ("ready", child.read_line());
  child.signal(SIGHUP);
  ASSERT_EQ("reload", child.read_line());
  child.signal(SIGTERM);
  EXPECT_EQ(1, child.wait());
  const auto said = child.errors();
  EXPECT_THAT(said, HasSubstr("total limit of 500 ms"));
  EXPECT_THAT(said, HasSubstr("in Exiting"));
  EXPECT_THAT(said, HasSubstr("a reload"));
}

// A program that wants the last word itself: its force_quit returns.
CHILD_BODY(outlives_its_reload) {
  Builder builder;
  SignalSettings signals;
  signals.on_reload = [] {
    say("reload");
    hear();
  };
  const auto coordinator = *builder.signals(signals)
                                .limits({.force_delay = 1ms, .total = 500ms})
                                .force_quit([](const ForcedQuit& quit) { say(quit.text()); })
                                .build();
  say("ready");
  const auto report = coordinator->wait();
  for (const auto& broken : report.phases.back().broken) say(broken);
  for (const auto& name : report.abandoned) say("abandoned " + name);
  return leave(report);
}

TEST(Coordinator, AReloadThatHangsIsLeftBehindWhereForceQuitReturns) {
  Child child("outlives_its_reload");
  ASSERT_EQ("ready", child.read_line());
  child.signal(SIGHUP);
  ASSERT_EQ("reload", child.read_line());
  child.signal(SIGTERM);
  EXPECT_THAT(child.read_line(), HasSubstr("Unfinished: a reload"));
  EXPECT_EQ("a reload did not end", child.read_line());
  EXPECT_EQ("abandoned a reload", child.read_line());
  EXPECT_EQ(1, child.wait());
}

CHILD_BODY(is_stopped_before_it_builds) {
  if (!catch_signals_early()) return 2;
  ::raise(SIGINT);
  const auto tell_phases = [](Builder& builder) {
    builder.observe([](const PhaseEvent& event) {
      if (event.kind == PhaseEvent::Kind::began) {
        say(name_of(event.phase) + " for " + name_of(event.reason.signal));
      }
    });
  };
  Builder refused;
  tell_phases(refused);
  if (refused.persist("state", [] {}, {.needs = {"nobody"}}).build()) return 3;
  say("refused");
  Builder builder;
  tell_phases(builder);
  const auto coordinator = *builder.build();
  return leave(coordinator->wait());
}

TEST(Coordinator, AReasonBeforeBuildStopsWhatIsBuiltAndIsToldWithThePhases) {
  Child child("is_stopped_before_it_builds");
  EXPECT_EQ("refused", child.read_line());  // without a phase
  for (const char* phase : {"Preparing", "Draining", "Cleaning", "Persisting", "Exiting"}) {
    EXPECT_EQ(std::string(phase) + " for SIGINT", child.read_line());
  }
  EXPECT_EQ(0, child.wait());
}

}  // namespace
}  // namespace graceful::shutdown

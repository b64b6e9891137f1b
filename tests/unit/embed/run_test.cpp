#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "lastcall/embed_gtest.hpp"
#include "unit/embed/small_server.hpp"

// Subjects that hang are never destroyed, so nobody joins the threads that they began and that have
// come to their end.
extern "C" const char* __tsan_default_options() { return "report_thread_leaks=0"; }

namespace lastcall::embed::testing {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

Schedule schedule(std::string_view text) { return parse(text).schedule.value(); }

Outcome outcome(const Report& report, std::string_view property) {
  const auto* verdict = report.find(property);
  return verdict == nullptr ? Outcome::unknown : verdict->outcome;
}

// Again if the machine was too busy to tell whether a deadline was kept.
Report run_until_judged(const Factory& factory, const Promises& promises, Outcome wanted,
                        std::string_view property) {
  auto report = run(schedule("open:0 | stop"), factory, promises);
  for (int i = 0; i < 5 && outcome(report, property) == Outcome::unknown; ++i) {
    if (wanted == Outcome::unknown) break;
    report = run(schedule("open:0 | stop"), factory, promises);
  }
  return report;
}

TEST(Run, StopsASubjectThatNoThreadStops) {
  const auto report = run(schedule("open:0 send:0"), server());
  EXPECT_EQ(Outcome::pass, outcome(report, "deadline")) << describe(report);
  EXPECT_EQ(Outcome::pass, outcome(report, "close-handshake"));
}

TEST(Run, RecordsEachOperationAsAnInterval) {
  const auto report = run(schedule("open:0 send:0 close:0 open:0 stop"), server());
  for (const auto* event :
       {R"("kind":"connect_invoked","connection":"0/0")",
        R"("kind":"connect_invoked","connection":"0/1")",
        R"("kind":"request_sent","connection":"0/0","request":0)",
        R"("kind":"request_ended","connection":"0/0","request":0,"end":"ok")",
        R"("kind":"fault_invoked")", R"("kind":"fault_finished")", R"("kind":"target_ended")"}) {
    EXPECT_THAT(report.history, HasSubstr(event));
  }
}

TEST(Run, AHangDoesNotHangTheRunner) {
  const auto begin = std::chrono::steady_clock::now();
  const auto report =
      run_until_judged(server(Defect::never_ends), {.deadline = 100ms}, Outcome::fail, "deadline");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  EXPECT_TRUE(report.abandoned);
  EXPECT_EQ(Outcome::fail, outcome(report, "deadline"));
  EXPECT_EQ(Outcome::not_applicable, outcome(report, "released"));
}

// Hangs where it is told to, until the process ends.
class HangsIn : public SmallServer {
 public:
  explicit HangsIn(std::string where) : where_(std::move(where)) {}
  void start(std::shared_ptr<Observer> observer) override {
    hang("start");
    SmallServer::start(std::move(observer));
  }
  bool open(const Connection& connection) override {
    hang("open");
    return SmallServer::open(connection);
  }
  void request_stop(StopReason reason) override {
    hang("request_stop");
    SmallServer::request_stop(reason);
  }
  std::optional<int> wait_ended(std::chrono::steady_clock::time_point until) override {
    hang("wait_ended");
    return SmallServer::wait_ended(until);
  }
  std::vector<std::string> left() override {
    hang("left");
    return {};
  }
  std::optional<std::vector<std::string>> survivors() override {
    hang("survivors");
    return SmallServer::survivors();
  }

 private:
  void hang(const std::string& where) {
    if (where != where_) return;
    std::unique_lock lock(mutex_);
    forever_.wait(lock, [] { return false; });
  }
  const std::string where_;
  std::mutex mutex_;
  std::condition_variable forever_;
};

TEST(Run, AHangInAnyCallDoesNotHangTheRunner) {
  struct Expected {
    std::string where;
    std::string property;
    Outcome outcome;
  };
  const std::vector<Expected> expected{
      {"start", "deadline", Outcome::unknown},     {"open", "released", Outcome::fail},
      {"request_stop", "deadline", Outcome::fail}, {"wait_ended", "deadline", Outcome::fail},
      {"left", "released", Outcome::unknown},      {"survivors", "recovers", Outcome::unknown}};
  for (const auto& [where, property, wanted] : expected) {
    const auto factory = [where] { return std::make_unique<HangsIn>(where); };
    const auto begin = std::chrono::steady_clock::now();
    const auto report =
        run_until_judged(factory, {.deadline = 200ms, .start_limit = 1s}, wanted, property);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 60s) << where;
    EXPECT_EQ(wanted, outcome(report, property)) << where << "\n" << describe(report);
    EXPECT_TRUE(report.abandoned) << where;
  }
}

class FailsToStart : public SmallServer {
 public:
  void start(std::shared_ptr<Observer>) override { throw std::runtime_error("no disk"); }
};

TEST(Run, ASubjectThatDoesNotStartLeavesEverythingUnknown) {
  const auto report = run(schedule("stop"), [] { return std::make_unique<FailsToStart>(); });
  EXPECT_EQ(nullptr, report.violation());
  for (const auto& verdict : report.verdicts) {
    EXPECT_EQ(Outcome::unknown, verdict.outcome) << verdict.property;
    EXPECT_THAT(verdict.reason, HasSubstr("no disk"));
  }
  EXPECT_FALSE(report.abandoned);
}

// Counts who is inside at once.
class Meets : public SmallServer {
 public:
  explicit Meets(std::size_t& most) : most_(most) {}
  Answer send(const Message& message) override {
    {
      std::unique_lock lock(mutex_);
      most_ = std::max(most_, ++inside_);
      changed_.notify_all();
      changed_.wait_for(lock, 1s, [this] { return most_ == 3; });
    }
    return SmallServer::send(message);
  }

 private:
  std::size_t& most_;
  std::size_t inside_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
};

TEST(Run, CallsTheSubjectFromAllThreadsAtOnce) {
  // A meeting waits 100 ms: on a busy machine perhaps not for everybody.
  std::size_t most = 0;
  for (int i = 0; i < 10 && most < 3; ++i) {
    run(schedule("open:0 meet:0 send:0 | open:1 meet:0 send:1 | meet:0 send:0"),
        [&most] { return std::make_unique<Meets>(most); }, {.deadline = 5s});
  }
  EXPECT_EQ(3U, most);
}

class SaysNothing : public SmallServer {
 public:
  SaysNothing() : SmallServer(Defect::says_no_goodbye) {}
  [[nodiscard]] bool says_goodbye() const override { return false; }
  std::optional<std::vector<std::string>> survivors() override { return std::nullopt; }
};

TEST(Run, WhatASubjectDoesNotPromiseIsNotJudged) {
  const auto report =
      run(schedule("open:0 send:0 stop"), [] { return std::make_unique<SaysNothing>(); });
  EXPECT_EQ(nullptr, report.violation()) << describe(report);
  EXPECT_EQ(nullptr, report.find("close-handshake"));
  EXPECT_EQ(Outcome::not_applicable, outcome(report, "acked-durable"));
}

TEST(Run, AThreadThatMayBeLeftIsNoViolation) {
  // The kept thread has the name of the program, as all that are given none.
  const auto report =
      run(schedule("stop"), server(Defect::keeps_a_thread), {.may_leave_threads = {"unit_embed"}});
  EXPECT_EQ(Outcome::pass, outcome(report, "released")) << describe(report);
}

TEST(Run, NamingAConnectionThatNeverWasIsAnError) {
  class Confused : public SmallServer {
   public:
    void start(std::shared_ptr<Observer> observer) override {
      SmallServer::start(observer);
      EXPECT_THROW(observer->goodbye({7, 0}), std::invalid_argument);
      EXPECT_THROW(observer->cut({9999, 0}), std::invalid_argument);
    }
  };
  run(schedule("stop"), [] { return std::make_unique<Confused>(); });
}

}  // namespace
}  // namespace lastcall::embed::testing

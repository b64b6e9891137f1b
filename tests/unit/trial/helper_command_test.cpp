#include "trial/helper_command.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <exception>

#include "base/scoped_fd.hpp"
#include "trial/custom_checkers.hpp"
#include "unit/places.hpp"

namespace lastcall {
namespace {

namespace asio = boost::asio;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Helper : public ::testing::Test {
 protected:
  Helper() : signals_(io_, SIGCHLD) { listen(); }

  HelperResult run(const std::string& script, Nanoseconds limit = std::chrono::seconds(20)) {
    return run({"sh", "-c", script}, limit);
  }
  HelperResult run(std::vector<std::string> words, Nanoseconds limit = std::chrono::seconds(20)) {
    HelperCommand command;
    command.words = std::move(words);
    command.directory = "/";
    command.path = "/usr/bin:/bin";
    command.environment = {"GREETING=hello"};
    command.limit = limit;
    command.input = input_;
    HelperResult result;
    asio::co_spawn(io_, run_helper(ends_, std::move(command), [this] { return over_; }),
                   [&](std::exception_ptr failure, HelperResult done) {
                     EXPECT_FALSE(failure);
                     result = std::move(done);
                     io_.stop();
                   });
    io_.restart();
    io_.run();
    return result;
  }

  std::string input_ = "/dev/null";
  bool over_ = false;

 private:
  void listen() {
    signals_.async_wait([this](auto ec, int) {
      if (ec) return;
      ends_.reap();
      listen();
    });
  }
  asio::io_context io_{1};
  ChildEnds ends_;
  asio::signal_set signals_;
};

TEST_F(Helper, GivesItsOutputItsEndAndItsLastWords) {
  const auto done = run("echo a; echo b >&2; echo '  c ' >&2; echo >&2; exit 3");
  EXPECT_EQ(done.problem, "");
  EXPECT_EQ(done.out, "a\n");
  EXPECT_EQ(done.last_words, "c");
  EXPECT_FALSE(done.succeeded());
  EXPECT_EQ(done.text(), "exit 3: c");
  EXPECT_TRUE(run("true").succeeded());
  EXPECT_EQ(run("kill -9 $$").text(), "SIGKILL");
}
TEST_F(Helper, HasTheStatedEnvironmentDirectoryAndInput) {
  ::setenv("LASTCALL_TEST_SECRET", "1", 1);
  EXPECT_EQ(run("echo $GREETING-$LASTCALL_TEST_SECRET; pwd").out, "hello-\n/\n");
  input_ = testing::source_path("LICENSE");
  EXPECT_THAT(run("head -c 4000").out, HasSubstr("icense"));
}
TEST_F(Helper, InheritsNoDescriptor) {
  const ScopedFd open_across_exec(::open("/dev/null", O_RDONLY));
  EXPECT_EQ(run("ls /proc/self/fd | wc -l").out, "4\n");  // the fourth is ls's own
}
TEST_F(Helper, IsEndedWithAllItsChildrenWhenTheTimeIsUp) {
  const auto begin = now();
  const auto done = run("sleep 987 & echo $!; wait", std::chrono::milliseconds(300));
  EXPECT_EQ(done.problem, "not done within 300 ms");
  EXPECT_LT(now() - begin, std::chrono::seconds(10));
  const auto child = std::atoi(done.out.c_str());
  ASSERT_GT(child, 0);
  // It was killed before run() returned; its parent is gone too, so init reaps it in its time.
  while (::kill(child, 0) == 0 && now() - begin < std::chrono::seconds(10)) ::sched_yield();
  EXPECT_NE(::kill(child, 0), 0);
}
TEST_F(Helper, EndsEarlyWhenTheTrialIsOver) {
  over_ = true;
  EXPECT_EQ(run("sleep 987").problem, "the trial was over first");
}
TEST_F(Helper, KeepsABoundedPartOfItsOutput) {
  const auto done = run("head -c 3000000 /dev/zero; head -c 300000 /dev/zero >&2; echo x >&2");
  EXPECT_EQ(done.out.size(), std::size_t{1} << 20);
  EXPECT_TRUE(done.out_is_cut);
  EXPECT_TRUE(done.succeeded());
}
TEST_F(Helper, SaysWhyItCouldNotBeRun) {
  EXPECT_THAT(run(std::vector<std::string>{"no-such-command-of-anybody"}).problem,
              StartsWith("cannot find the command no-such-command-of-anybody"));
  EXPECT_THAT(run(std::vector<std::string>{"/etc/passwd"}).problem, StartsWith("cannot execute"));
}

HelperResult printed(std::string out) {
  HelperResult done;
  done.out = std::move(out);
  return done;
}

TEST(CustomVerdict, IsWhatTheCheckerPrinted) {
  const auto verdict =
      custom_verdict(printed(R"({"outcome": "fail", "judged": 4, "reason": "why"})"));
  EXPECT_EQ(verdict.outcome, Outcome::fail);
  EXPECT_EQ(verdict.judged, 4U);
  EXPECT_EQ(verdict.reason, "why");
  for (const auto outcome : {Outcome::pass, Outcome::unknown, Outcome::not_applicable}) {
    EXPECT_EQ(custom_verdict(
                  printed(R"({"judged": 1, "outcome": ")" + std::string(name(outcome)) + "\"}\n"))
                  .outcome,
              outcome);
  }
}
TEST(CustomVerdict, IsUnknownForAnythingElse) {
  for (const auto* text :
       {"", "pass", "[]", "{}", R"({"outcome": "pass"})", R"({"outcome": "pass", "judged": 0})",
        R"({"outcome": "pass", "judged": "1"})", R"({"outcome": "pass", "judged": 1.5})",
        R"({"outcome": "Pass", "judged": 1})", R"({"outcome": "pass", "judged": 1, "reason": 1})",
        R"({"outcome": "pass", "judged": 1} and more)"}) {
    const auto verdict = custom_verdict(printed(text));
    EXPECT_EQ(verdict.outcome, Outcome::unknown) << text;
    EXPECT_NE(verdict.reason, "") << text;
  }
  auto failed = printed(R"({"outcome": "pass", "judged": 1})");
  failed.value = 1;
  failed.last_words = "oops";
  EXPECT_EQ(custom_verdict(failed).reason, "the checker did not judge: exit 1: oops");
}

}  // namespace
}  // namespace lastcall

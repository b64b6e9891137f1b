#include "search/failure.hpp"

#include <gmock/gmock.h>

#include <csignal>

namespace lastcall::failure_test {
namespace {

using How = RunEnd::How;
using ::testing::HasSubstr;

TEST(Failure, AnEndThatUndisturbedRunsHaveIsNone) {
  EXPECT_EQ(failure_of({How::exited, 0}, "fine", {"exit code 0"}, {}), "");
  EXPECT_EQ(failure_of({How::signalled, SIGTERM}, "", {"SIGTERM"}, {}), "");
  EXPECT_EQ(failure_of({How::exited, 7}, "", {}, 7), "");
}

TEST(Failure, AnyOtherEndIsOneAndSaysItsLastWords) {
  EXPECT_EQ(failure_of({How::signalled, SIGABRT}, "", {"exit code 0"}, {}), "SIGABRT");
  EXPECT_EQ(failure_of({How::exited, 0}, "", {"exit code 0"}, 7), "exit code 0");
  EXPECT_EQ(failure_of({How::hung, 0}, "x\nFailure", {"exit code 0"}, {}), "hang");
  EXPECT_EQ(failure_of({How::too_long, 0}, "", {"exit code 0"}, {}), "no end");
  EXPECT_EQ(failure_of({How::exited, 2}, "ready\npanic: send on closed channel\n\ngoroutine 7",
                       {"exit code 0"}, {}),
            "exit code 2: panic: send on closed channel");
}

TEST(Failure, NumbersThatDifferEachTimeAreLeftOut) {
  const auto of = [](const std::string& output) {
    return failure_of({How::exited, 1}, output, {"exit code 0"}, {});
  };
  EXPECT_EQ(of("==47==ERROR: AddressSanitizer: heap-use-after-free on 0x6020 at pc 0x11\n"),
            of("==1234==ERROR: AddressSanitizer: heap-use-after-free on 0x7ff1 at pc 0x22\n"));
}

TEST(Failure, ALogIsKnownByItsErrorOrItsLastLine) {
  EXPECT_EQ(signature_of("ready\npanic: send on closed channel\n\ngoroutine 7"),
            "panic: send on closed channel");
  EXPECT_EQ(signature_of("ready\nclosed 4 connections\nSegmentation fault (core dumped)\n\n"),
            signature_of("ready\nclosed 17 connections\n"));
  EXPECT_NE(signature_of("ready\nclosed 4 connections\n"), signature_of("ready\n"));
  EXPECT_EQ(signature_of(""), "");
}

TEST(Failure, ASanitizersReportIsOneWhateverTheExitCode) {
  EXPECT_THAT(failure_of({How::exited, 0}, "WARNING: ThreadSanitizer: data race (pid=4)\n",
                         {"exit code 0"}, 0),
              HasSubstr("data race"));
}

}  // namespace
}  // namespace lastcall::failure_test

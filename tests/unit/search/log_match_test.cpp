#include "search/log_match.hpp"

#include <gmock/gmock.h>

namespace lastcall::log_match_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(LogMatch, FunctionsThatAStackNamesAreFound) {
  const auto log =
      "ready\npanic: send on closed channel\n\ngoroutine 23 [running]:\nmain.(*conn).ping(0x0?)\n"
      "\t/src/main.go:36 +0x125\n#1 0x4 in SendQueue::push(int) /src/queue.cpp:4\n";
  EXPECT_THAT(functions_in_log(log,
                               {"main.(*conn).ping", "main.(*conn).pingAll", "main.run",
                                "(anonymous namespace)::SendQueue::push(int)", "in"},
                               {}),
              ElementsAre("(anonymous namespace)::SendQueue::push(int)", "main.(*conn).ping"));
}

TEST(LogMatch, FunctionsThatPrintItsLastLinesAreFound) {
  const std::map<std::string, std::vector<std::string>> texts{
      {"close_all()", {"closed %d connections"}},
      {"accept()", {"new connection"}},
      {"f()", {"%d"}}};
  EXPECT_THAT(functions_in_log("ready\nclosed 17 connections\n", {}, texts),
              ElementsAre("close_all()"));
  std::string old = "new connection\n";
  for (int i = 0; i < 20; ++i) old += "tick\n";
  EXPECT_THAT(functions_in_log(old, {}, texts), IsEmpty());
}

}  // namespace
}  // namespace lastcall::log_match_test

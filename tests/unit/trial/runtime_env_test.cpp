#include "trial/runtime_env.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "unit/places.hpp"

namespace lastcall {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

using Environment = std::map<std::string, std::string>;

Environment helped(Environment environment, const std::string& folder = "/tmp/trial",
                   bool traced = true) {
  help_runtimes(environment, folder, traced);
  return environment;
}

TEST(RuntimeHelp, IsGivenToEveryTarget) {
  EXPECT_THAT(helped({}), Contains(Pair("PYTHONFAULTHANDLER", "1")));
  EXPECT_THAT(helped({}), Contains(Pair("NODE_OPTIONS",
                                        "--report-on-signal --report-signal=SIGSTKFLT "
                                        "--report-directory=/tmp/trial")));
  EXPECT_THAT(helped({}), Contains(Pair("LSAN_OPTIONS", "detect_leaks=0")));
  EXPECT_THAT(helped({}, "/tmp/trial", false), Not(Contains(Key("LSAN_OPTIONS"))));
}
TEST(RuntimeHelp, LeavesWhatTheScenarioSays) {
  const Environment own{{"LSAN_OPTIONS", "a"}, {"PYTHONFAULTHANDLER", ""}};
  auto with_help = helped(own);
  with_help.erase("NODE_OPTIONS");
  EXPECT_EQ(with_help, own);
}
TEST(RuntimeHelp, PutsNodesReportBeforeTheOptionsOfTheScenario) {
  const auto options = [](const std::string& own) {
    return helped({{"NODE_OPTIONS", own}})["NODE_OPTIONS"];
  };
  EXPECT_EQ(options("--report-signal=SIGUSR2 --no-warnings"),
            helped({})["NODE_OPTIONS"] + " --report-signal=SIGUSR2 --no-warnings");
  EXPECT_EQ(options(""), helped({})["NODE_OPTIONS"]);
}
TEST(RuntimeHelp, QuotesAFolderWithSpaces) {
  EXPECT_THAT(helped({}, "/tmp/a \"b\"")["NODE_OPTIONS"],
              ::testing::EndsWith(R"( "--report-directory=/tmp/a \"b\"")"));
}

std::string report(const std::string& handles, const std::string& event = "SIGSTKFLT",
                   const std::string& workers = "") {
  return R"({"header":{"reportVersion":3,"event":")" + event +
         R"(","trigger":"Signal","processId":4711},"libuv":[)" + handles + R"(],"workers":[)" +
         workers + "]}";
}
std::vector<std::string> kept(const std::string& text) {
  std::vector<std::string> words;
  const auto found = node_report(text);
  if (!found) return {"no report"};
  EXPECT_EQ(found->pid, 4711);
  for (const auto& one : found->kept) {
    EXPECT_EQ(one.pid, 4711);
    words.push_back(one.what + (one.peer.empty() ? "" : " from " + one.peer));
  }
  return words;
}
constexpr const char* kAlive = R"("is_active":true,"is_referenced":true,"address":"0x1")";
std::string handle(const std::string& type, const std::string& more = "") {
  return R"({"type":")" + type + "\"," + kAlive + more + "}";
}

TEST(NodeReport, NamesWhatKeepsTheLoopAlive) {
  const std::string own = R"(,"localEndpoint":{"host":"localhost","ip4":"127.0.0.1","port":80})";
  EXPECT_THAT(
      kept(report(handle("tcp", own + R"(,"remoteEndpoint":null)") + "," +
                  handle("tcp", own + R"(,"remoteEndpoint":{"host":"a","ip4":"127.0.0.2",)"
                                      R"("port":40001})") +
                  "," + handle("timer", R"(,"repeat":0,"firesInMsFromNow":27500,"expired":false)") +
                  "," + handle("process", R"(,"pid":4712)") + "," +
                  handle("pipe", R"(,"localEndpoint":"/run/a.sock")") + "," +
                  handle("fs_event", R"(,"filename":"/etc/a")") + "," + handle("tty"))),
      ElementsAre("listener at 127.0.0.1:80", "connection of 127.0.0.1:80 from 127.0.0.2:40001",
                  "timer that nobody has cleared", "child process 4712", "pipe /run/a.sock",
                  "watch of /etc/a", "tty"));
}
TEST(NodeReport, RecordedFromNodeNamesTheTimer) {
  const auto text = read_file(testing::source_path("tests/unit/checkers/hangs/node.json"));
  ASSERT_TRUE(text.has_value());
  const auto found = node_report(*text);
  ASSERT_TRUE(found.has_value());
  ASSERT_EQ(found->kept.size(), 1U);
  EXPECT_EQ(found->kept[0].what, "timer that nobody has cleared");
}
TEST(NodeReport, KnowsAddressesOfBothKinds) {
  const auto listener = [](const std::string& address) {
    return handle("tcp", R"(,"localEndpoint":{"ip6":")" + address + R"(","port":80})");
  };
  EXPECT_THAT(kept(report(listener("::1") + "," + listener("::ffff:127.0.0.1"))),
              ElementsAre("listener at [::1]:80", "listener at 127.0.0.1:80"));
}
TEST(NodeReport, LeavesOutWhatDoesNot) {
  EXPECT_THAT(kept(report(R"({"type":"timer","is_active":true,"is_referenced":false},)"
                          R"({"type":"async","is_active":false,"is_referenced":true},)"
                          R"({"type":"loop","is_active":true,"address":"0x1"}, 7)")),
              IsEmpty());
}
TEST(NodeReport, HasItsWorkerThreadsToo) {
  EXPECT_THAT(kept(report("", "SIGSTKFLT", R"({"libuv":[)" + handle("timer") + "]}")),
              ElementsAre("timer that nobody has cleared in a worker thread"));
}
TEST(NodeReport, IsOneOnlyIfItIsWholeAndWasAskedFor) {
  EXPECT_THAT(kept(report("", "SIGUSR2")), ElementsAre("no report"));
  const auto whole = report(handle("tty"));
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(node_report(whole.substr(0, length))) << length;
  EXPECT_FALSE(node_report("[]"));
  EXPECT_FALSE(node_report(R"({"header":7})"));
}

}  // namespace
}  // namespace lastcall

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "discover/http_answer.hpp"
#include "discover/listeners.hpp"
#include "discover/speech.hpp"

namespace lastcall {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::string_view_literals;

// Who is shown by this answer to the question that is asked for them.
Speech shown_by(std::string_view answer, std::string_view question = "") {
  for (const auto& one : questions()) {
    if (one.send.starts_with(question) && one.send.empty() == question.empty() &&
        one.shown_by(answer))
      return one.speech;
  }
  return Speech::unknown;
}

TEST(Questions, AreAnsweredByThoseWhoSpeakSo) {
  EXPECT_EQ(shown_by("220 mail.example ESMTP\r\n"), Speech::smtp);
  EXPECT_EQ(shown_by("INFO {\"server_id\":\"N\"}\r\n"), Speech::nats);
  EXPECT_EQ(shown_by("HTTP/1.1 404 Not Found\r\n\r\n", "GET"), Speech::http);
  EXPECT_EQ(shown_by("GET / HTTP/1.1\r\n", "GET"), Speech::echo);
  EXPECT_EQ(shown_by("+PONG\r\n", "PING"), Speech::redis);
  EXPECT_EQ(shown_by("-NOAUTH Authentication required.\r\n", "PING"), Speech::redis);
  EXPECT_EQ(shown_by("VERSION 1.6.18\r\n", "version"), Speech::memcached);
  EXPECT_EQ(shown_by("\x20\x02\x00\x00"sv, "\x10"), Speech::mqtt);
  EXPECT_EQ(shown_by("N", "\0"sv), Speech::postgresql);
}
TEST(Questions, AreNotAnsweredByOthers) {
  EXPECT_EQ(shown_by(""), Speech::unknown);
  EXPECT_EQ(shown_by("SSH-2.0-OpenSSH_9.2\r\n"), Speech::unknown);
  EXPECT_EQ(shown_by("-ERR unknown command\r\n", "GET"), Speech::unknown);
  EXPECT_EQ(shown_by("ERROR\r\n", "version"), Speech::unknown);
  EXPECT_EQ(shown_by("NO", "\0"sv), Speech::unknown);
}
TEST(Questions, HearWhoSpeaksFirstBeforeAnybodyIsAsked) {
  const auto all = questions();
  const auto asked = std::ranges::find_if(all, [](const auto& one) { return !one.send.empty(); });
  EXPECT_TRUE(std::all_of(asked, all.end(), [](const auto& one) { return !one.send.empty(); }));
}

TEST(HttpHead, SaysStatusServerAndWhetherItCloses) {
  const auto head =
      http_head("HTTP/1.1 503 Busy\r\nserver: \x1bnginx\r\nConnection: close\r\n\r\nx");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 503);
  EXPECT_EQ(head->server, "?nginx");
  EXPECT_TRUE(head->closes);
  EXPECT_TRUE(http_head("HTTP/1.0 200 OK\r\n\r\n")->closes);
  EXPECT_FALSE(http_head("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n")->closes);
}
TEST(HttpHead, IsNothingIfItIsNotWhole) {
  EXPECT_FALSE(http_head(""));
  EXPECT_FALSE(http_head("HTTP/1.1 200 OK\r\nServer: x"));
  EXPECT_FALSE(http_head("HTTP/1.1\r\n\r\n"));
  EXPECT_FALSE(http_head("HTTP/1.1 abc OK\r\n\r\n"));
}
TEST(HttpHead, KnowsAnUpgrade) {
  const std::string upgrade = "Upgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n";
  EXPECT_TRUE(http_head("HTTP/1.1 101 Switching\r\n" + upgrade)->upgraded_to_websocket);
  EXPECT_FALSE(http_head("HTTP/1.1 426 Upgrade\r\n" + upgrade)->upgraded_to_websocket);
}

TEST(WebsocketPaths, AreThoseThatAPageOpens) {
  EXPECT_THAT(websocket_paths_in("new WebSocket(\"ws://localhost:80/chat?x=1\")"),
              ElementsAre("/chat?x=1"));
  EXPECT_THAT(websocket_paths_in("new WebSocket('wss://a')"), ElementsAre("/"));
  EXPECT_THAT(websocket_paths_in("new WebSocket(origin + '/live')"), ElementsAre("/live"));
  EXPECT_THAT(websocket_paths_in("new WebSocket(`ws://${location.host}/feed`)"),
              ElementsAre("/feed"));
  EXPECT_THAT(websocket_paths_in("nothing here"), IsEmpty());
}
TEST(WebsocketPaths, AreFewAndPlain) {
  std::string page;
  for (int i = 0; i < 20; ++i) page += "ws://h/" + std::to_string(i) + "\" ";
  EXPECT_EQ(websocket_paths_in(page).size(), 4U);
  EXPECT_THAT(websocket_paths_in("ws://h/{id}\""), IsEmpty());
  EXPECT_THAT(websocket_paths_in("WebSocket("), IsEmpty());
}

TEST(Listening, ReadsAddressesPortsAndInodes) {
  const auto found = listening_in(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
      "4711 1 0 100 0 0 10 0\n"
      "   1: 0100007F:1F91 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 "
      "4712 1 0 20 4 30 10 -1\n"
      "   2: 00000000000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A "
      "00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0\n"
      "   3: broken\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].address, "127.0.0.1");
  EXPECT_EQ(found[0].port, 8080);
  EXPECT_EQ(found[0].inode, 4711U);
  EXPECT_EQ(found[1].address, "::1");
  EXPECT_EQ(found[1].port, 443);
}
TEST(Listening, IsReachableOnTheLoopbackInterfaceOnly) {
  for (const auto* address : {"127.0.0.1", "0.0.0.0", "::", "::1", "127.8.9.1"})
    EXPECT_TRUE(Listener{.address = address}.is_reachable()) << address;
  for (const auto* address : {"192.0.2.1", "fe80::1"})
    EXPECT_FALSE(Listener{.address = address}.is_reachable()) << address;
}

}  // namespace
}  // namespace lastcall

// Whole sessions against servers that misbehave in one exact way each.
#include "client/session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <iterator>

#include "unit/client/session_fixture.hpp"
#include "unit/few_descriptors.hpp"

namespace lastcall {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using testing::client;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using testing::group_of;
using ::testing::HasSubstr;
using testing::kCloseGoingAway;
using ::testing::Not;
using testing::Peer;
using testing::RawServer;
using testing::SessionAgainst;
using ::testing::StartsWith;

// On a busy machine too; without it, a session lasts for 10 s and more.
constexpr auto kAtOnce = seconds(5);

TEST_F(SessionAgainst, NobodyForWantOfDescriptorsIsNotTheServersFault) {
  std::vector<std::string> shortages;
  context_.on_shortage = [&](const Error& error) { shortages.push_back(error.message()); };
  const auto group = group_of(Protocol::http, "9");
  create(group);
  session_->start([this] { ended_ = true; });
  {
    const testing::FewDescriptors none(0);
    io_.run_for(kAtOnce);
  }
  EXPECT_TRUE(ended_);
  session_.reset();
  EXPECT_TRUE(segment_.finish());
  EXPECT_THAT(testing::words_of(folder_ / "client.seg"), Not(Contains(StartsWith("layer_failed"))));
  EXPECT_THAT(shortages, ElementsAre(AllOf(HasSubstr("127.0.0.1:9: Too many open files"),
                                           HasSubstr("ulimit -n"))));
}

TEST_F(SessionAgainst, WebSocketServerThatSendsDataAfterItsCloseFrame) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    peer.write(kCloseGoingAway + std::string("\x81\x03hey", 5));
    peer.read_to_end();
  });
  play(group_of(Protocol::ws, server->port()));
  EXPECT_THAT(words_,
              AllOf(Contains("layer_up websocket"), Contains("close_frame received 1001"),
                    Contains("close_frame sent 1001"), Contains("bytes_after_close websocket 5")));
}

TEST_F(SessionAgainst, WebSocketServerThatSendsDataLongAfterItsCloseFrame) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    peer.write(kCloseGoingAway);
    peer.read_until("\x88");  // the client has answered
    peer.write(std::string("\x81\x03hey", 5));
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::ws, server->port()));
  EXPECT_THAT(words_, AllOf(Contains("close_frame received 1001"),
                            Contains("bytes_after_close websocket 5"), Contains("fin received"),
                            Contains("fin sent")));
  EXPECT_EQ(words_.back(), "connection_ended server_closed");
}

TEST_F(SessionAgainst, WebSocketServerThatAcknowledgesAndClosesInOrder) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    peer.read();  // one masked message
    peer.write(std::string("\x81\x11", 2) + "ack 000005-000000");
    peer.read();
    peer.write(kCloseGoingAway);
    peer.read_until("\x88");
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::ws, server->port()));
  EXPECT_THAT(words_,
              AllOf(Contains("request_sent 0 19"), Contains("request_ended 0 ok 0 17"),
                    Contains("request_ended 1 unknown 0 0"), Contains("close_frame received 1001"),
                    Contains("fin received"), Not(Contains("reset")),
                    Not(Contains(StartsWith("bytes_after_close")))));
  EXPECT_EQ(words_.back(), "connection_ended server_closed");
}

TEST_F(SessionAgainst, WebSocketServerThatDeclinesTheHandshake) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.read_request();
    peer.answer("503 Service Unavailable",
                "Hello, nobody is taken on any more" + std::string(200, '!'));
    peer.read_to_end();
  });
  play(group_of(Protocol::ws, server->port()));
  EXPECT_THAT(words_, Contains(AllOf(StartsWith("layer_failed websocket"),
                                     HasSubstr("503 Hello, nobody is taken on any more!!"),
                                     EndsWith("…"))));
  EXPECT_THAT(words_, Not(Contains(StartsWith("close_frame")))) << "the body is no frame";
  EXPECT_THAT(words_, Not(Contains("layer_up websocket")));
}

TEST_F(SessionAgainst, WebSocketServerThatBreaksTheFraming) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    peer.write(std::string(20, '\xff'));  // reserved bits and a reserved opcode
    peer.read_to_end();
  });
  play(group_of(Protocol::ws, server->port()));
  EXPECT_THAT(words_.back(), StartsWith("connection_ended protocol "));
}

TEST_F(SessionAgainst, ServerThatResetsTheConnection) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    peer.read();
    peer.reset();
  });
  play(group_of(Protocol::ws, server->port()));
  EXPECT_EQ(std::ranges::count(words_, "reset"), 1);
  EXPECT_EQ(words_.back(), "connection_ended reset");
}

TEST_F(SessionAgainst, ServerThatEndsTheStreamWithoutACloseFrame) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::ws, server->port()));
  EXPECT_THAT(words_,
              AllOf(Contains("fin received"), Not(Contains(StartsWith("close_frame received")))));
  EXPECT_EQ(words_.back(), "connection_ended server_closed");
}

TEST_F(SessionAgainst, TlsServerThatSendsBytesAfterCloseNotify) {
  const auto server = this->tls_server([](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    peer.write(kCloseGoingAway);
    peer.close_notify();
    peer.write_below_tls(
        std::string("\x17\x03\x03\x00\x05late!", 10));  // a record that should not be there
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::wss, server->port()));
  EXPECT_THAT(words_, AllOf(Contains("layer_up tls"), Contains("close_frame received 1001"),
                            Contains("close_notify received"), Contains("close_notify sent"),
                            Contains("bytes_after_close tls 10"), Contains("fin received")));
}

TEST_F(SessionAgainst, TlsServerThatClosesInOrder) {
  const auto server = this->tls_server([](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    peer.write(kCloseGoingAway);
    peer.close_notify();
    peer.read_to_end();
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::wss, server->port()));
  EXPECT_THAT(words_, AllOf(Contains("close_notify received"), Contains("close_notify sent"),
                            Contains("fin received"), Contains("fin sent"), Not(Contains("reset")),
                            Not(Contains(StartsWith("bytes_after_close")))));
  EXPECT_EQ(words_.back(), "connection_ended server_closed");
}

TEST_F(SessionAgainst, TlsServerThatEndsTheStreamWithoutCloseNotify) {
  const auto server = this->tls_server([this](RawServer& s) {
    auto peer = s.accept();
    peer.read_request();
    stop_begins();
    peer.answer("200 OK", "fine");
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::https, server->port()));
  EXPECT_THAT(words_, AllOf(Contains("request_ended 0 ok 200 4"), Contains("fin received"),
                            Not(Contains("close_notify received"))));
}

TEST_F(SessionAgainst, ServerWhoseTlsIsNone) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.read();
    peer.answer("400 Bad Request", "this is HTTP");
    peer.read_to_end();
  });
  play(group_of(Protocol::https, server->port()));
  EXPECT_THAT(words_, Contains(StartsWith("layer_failed tls ")));
}

TEST_F(SessionAgainst, TlsServerWithACertificateOfSomebodyElse) {
  const testing::ScratchFolder other;
  const auto fresh = make_certificate();
  other.write("cert.pem", fresh.certificate);
  other.write("key.pem", fresh.key);
  const RawServer server([](RawServer& s) { EXPECT_FALSE(s.accept().handshake_done); },
                         other / "cert.pem", other / "key.pem");
  play(group_of(Protocol::https, server.port()));
  EXPECT_THAT(words_, Contains(StartsWith("layer_failed tls ")));
}

TEST_F(SessionAgainst, ServerThatNeverAnswersAndHangingUpEndsItAtOnce) {
  for (const auto protocol : {Protocol::ws, Protocol::http}) {
    SCOPED_TRACE(static_cast<int>(protocol));
    const auto server = this->server([this](RawServer& s) {
      auto peer = s.accept();
      peer.read_request();
      hang_up();
      peer.read_to_end();
    });
    ended_ = false;
    auto group = group_of(protocol, server->port());
    create(group);
    session_->start([this] { ended_ = true; });
    io_.restart();
    io_.run_for(seconds(15));
    EXPECT_TRUE(ended_);
    EXPECT_LT(now() - hung_up_.load(), kAtOnce) << "it waited for the server";
  }
  session_.reset();
  ASSERT_TRUE(segment_.finish().has_value());
  const auto words = testing::words_of(folder_ / "client.seg");
  EXPECT_EQ(std::ranges::count(words, "connection_ended harness"), 2);
  EXPECT_THAT(words, Contains("request_ended 0 unknown 0 0"));
  EXPECT_THAT(words, Not(Contains(StartsWith("layer_failed")))) << "it is not the server's doing";
}

TEST_F(SessionAgainst, TlsServerThatStallsAtEachStageAndHangingUpEndsItAtOnce) {
  const auto server = this->tls_server([this](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    peer.write(kCloseGoingAway);
    peer.close_notify();
    peer.read_to_end();  // the client has sent its close_notify and waits for the end of the stream
    hang_up();
    peer.read_to_end();
  });
  play(group_of(Protocol::wss, server->port()));
  EXPECT_LT(now() - hung_up_.load(), kAtOnce);
  EXPECT_EQ(words_.back(), "connection_ended harness");
}

TEST_F(SessionAgainst, NobodyAndHangingUpBeforeItsStart) {
  ClientGroup group = group_of(Protocol::http, "9");
  create(group, client(seconds(10)));
  session_->start([this] { ended_ = true; });
  session_->hang_up();
  const auto begin = now();
  io_.run_for(seconds(15));
  EXPECT_TRUE(ended_);
  EXPECT_LT(now() - begin, kAtOnce);
}

TEST_F(SessionAgainst, NobodyIsAFailedConnect) {
  const auto port = server([](RawServer&) {})->port();  // closed again
  play(group_of(Protocol::http, port));
  EXPECT_THAT(words_, ElementsAre("connect_invoked 0", "layer_failed tcp Connection refused",
                                  StartsWith("connection_ended")));
}

TEST_F(SessionAgainst, HttpServerThatClosesBetweenRequestsIsConnectedToAnew) {
  const auto server = this->server([](RawServer& s) {
    for (int i = 0; i < 2; ++i) {
      auto peer = s.accept();
      peer.read_request();
      peer.answer("200 OK", "fine");
      peer.fin();
      peer.read_to_end();
    }
  });
  auto group = group_of(Protocol::http, server->port(), "/work?id={id}");
  group.pace = {milliseconds(200), milliseconds(200)};  // the server closes while the client pauses
  group.messages = 2;
  play(group);
  ASSERT_GE(attempts().size(), 2U);
  EXPECT_EQ(attempts()[1], 1U);
  EXPECT_THAT(words_,
              AllOf(Contains("request_ended 0 ok 200 4"), Contains("request_ended 1 ok 200 4")))
      << "request numbers go on over connections";
}

TEST_F(SessionAgainst, HttpServerIsNotConnectedToAnewAfterTheStop) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    peer.read_request();
    stop_begins();
    peer.answer("200 OK", "fine");
    peer.fin();
    peer.read_to_end();
  });
  auto group = group_of(Protocol::http, server->port());
  group.pace = {milliseconds(200), milliseconds(200)};
  play(group);
  EXPECT_THAT(attempts(), ElementsAre(0U));
}

TEST_F(SessionAgainst, HttpServerThatAnnouncesItsClose) {
  const auto server = this->server([](RawServer& s) {
    for (int i = 0; i < 2; ++i) {
      auto peer = s.accept();
      peer.read_request();
      peer.answer("200 OK", "bye", "Connection: close\r\n");
      peer.fin();
      EXPECT_EQ(peer.read(), "") << "nothing is sent after the announcement";
    }
  });
  auto group = group_of(Protocol::http, server->port());
  group.messages = 2;
  play(group);
  EXPECT_THAT(words_, AllOf(Contains("request_ended 0 ok 200 3"),
                            Contains("request_ended 1 ok 200 3"), Not(Contains("reset"))));
}

TEST_F(SessionAgainst, HttpServerThatAnswersWithAnUnwantedStatus) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    peer.read_request();
    stop_begins();
    peer.answer("503 Service Unavailable", "later", "Connection: close\r\n");
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::http, server->port()));
  EXPECT_THAT(words_,
              AllOf(Contains("answer_began 0"), Contains("request_ended 0 refused 503 5 later")));
}

TEST_F(SessionAgainst, HttpServerThatRedirects) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    peer.read_request();
    stop_begins();
    peer.answer("302 Found", "login", "Location: /login\r\nConnection: close\r\n");
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::http, server->port()));
  EXPECT_THAT(words_, Contains("request_ended 0 ok 302 5"));
}

TEST_F(SessionAgainst, HttpServerWhoseStatusTheScenarioWants) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    peer.read_request();
    stop_begins();
    peer.answer("404 Not Found", "", "Connection: close\r\n");
    peer.fin();
    peer.read_to_end();
  });
  auto group = group_of(Protocol::http, server->port());
  group.status = {404};
  play(group);
  EXPECT_THAT(words_, Contains("request_ended 0 ok 404 0"));
}

TEST_F(SessionAgainst, HttpServerThatStopsInTheMiddleOfAnAnswer) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::http, server->port()));
  EXPECT_THAT(words_, AllOf(Contains("answer_began 0"), Contains("request_ended 0 unknown 0 0"),
                            Contains("fin received")));
  EXPECT_EQ(words_.back(), "connection_ended server_closed");
}

TEST_F(SessionAgainst, HttpServerWhoseAnswerEndsWithTheConnection) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    peer.read_request();
    stop_begins();
    peer.write("HTTP/1.0 200 OK\r\n\r\nhalf");
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::http, server->port()));
  const auto ended = std::ranges::find(words_, "answer_ended_by_eof 0");
  ASSERT_NE(ended, words_.end());
  EXPECT_EQ(*std::next(ended), "request_ended 0 ok 200 4");
}

TEST_F(SessionAgainst, HttpServerWhoseAnswerSaysItsLength) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n\r\n");
    peer.read_request();
    stop_begins();
    peer.answer("200 OK", "fine", "Connection: close\r\n");
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::http, server->port()));
  EXPECT_THAT(words_,
              AllOf(Contains("request_ended 0 ok 200 4"), Contains("request_ended 1 ok 200 4"),
                    Not(Contains(StartsWith("answer_ended_by_eof")))));
}

TEST_F(SessionAgainst, HttpServerThatAnswersWhatNobodyAsked) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.read_request();
    peer.answer("200 OK", "one");
    peer.answer("200 OK", "two");
    peer.read_to_end();
  });
  auto group = group_of(Protocol::http, server->port());
  group.pace = {seconds(5), seconds(5)};
  play(group);
  EXPECT_THAT(words_, Contains(StartsWith("connection_ended protocol an answer to a request")));
}

TEST_F(SessionAgainst, HttpServerThatAnswersGarbage) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.read_request();
    peer.write(std::string("\0\xff garbage\r\n\r\n", 14));
    peer.read_to_end();
  });
  play(group_of(Protocol::http, server->port()));
  EXPECT_THAT(words_.back(), StartsWith("connection_ended protocol "));
}

TEST(ParseEndpoint, TakesTheSchemesApart) {
  const auto full = parse_endpoint("wss://127.0.0.1:8443/chat?room=1");
  ASSERT_TRUE(full.has_value());
  EXPECT_EQ(full->protocol, Protocol::wss);
  EXPECT_EQ(full->host, "127.0.0.1");
  EXPECT_EQ(full->address, "127.0.0.1");
  EXPECT_EQ(full->port, 8443);
  EXPECT_EQ(full->path, "/chat?room=1");
  const std::pair<std::string, int> defaults[] = {{"ws://127.0.0.1", 80},
                                                  {"http://127.0.0.1", 80},
                                                  {"wss://127.0.0.1", 443},
                                                  {"https://127.0.0.1/", 443}};
  for (const auto& [url, port] : defaults) {
    const auto endpoint = parse_endpoint(url);
    ASSERT_TRUE(endpoint.has_value()) << url;
    EXPECT_EQ(endpoint->port, port) << url;
    EXPECT_EQ(endpoint->path, "/") << url;
  }
}

TEST(ParseEndpoint, TakesTheRawSchemesWithAPortAndNothingElse) {
  const auto tcp = parse_endpoint("tcp://127.0.0.1:6379");
  ASSERT_TRUE(tcp.has_value());
  EXPECT_EQ(tcp->protocol, Protocol::tcp);
  EXPECT_EQ(tcp->port, 6379);
  EXPECT_EQ(parse_endpoint("tls://localhost:6380")->protocol, Protocol::tls);
  for (const auto* url : {"tcp://127.0.0.1", "tls://127.0.0.1", "tcp://127.0.0.1:1/path"}) {
    EXPECT_TRUE(parse_endpoint(url).has_error()) << url;
  }
}

TEST(ParseEndpoint, KnowsEveryNameOfTheLoopback) {
  const auto name = parse_endpoint("http://localhost:80/");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->host, "localhost");
  EXPECT_EQ(name->address, "127.0.0.1");
  const auto six = parse_endpoint("http://[::1]:8080/x");
  ASSERT_TRUE(six.has_value());
  EXPECT_EQ(six->host, "[::1]");
  EXPECT_EQ(six->address, "::1");
  EXPECT_EQ(six->port, 8080);
  EXPECT_TRUE(parse_endpoint("http://127.8.9.10/").has_value());
  EXPECT_EQ(parse_endpoint("http://[::1]/")->port, 80);
}

TEST(ParseEndpoint, GivesAQueryWithoutAPathTheRoot) {
  const auto endpoint = parse_endpoint("http://127.0.0.1:80?x=1");
  ASSERT_TRUE(endpoint.has_value());
  EXPECT_EQ(endpoint->path, "/?x=1");
}

TEST(ParseEndpoint, RefusesWhatIsNoUrlOfThisMachine) {
  for (const auto* url : {"",
                          "127.0.0.1:80",
                          "ftp://127.0.0.1/",
                          "HTTP://127.0.0.1/",
                          "http://",
                          "http://example.org/",
                          "http://10.0.0.1/",
                          "http://0.0.0.0/",
                          "http://[::2]/",
                          "http://[]/",
                          "http://[/",
                          "http://[::1:80/",
                          "http://user@127.0.0.1/",
                          "http://127.0.0.1:0/",
                          "http://127.0.0.1:65536/",
                          "http://127.0.0.1:-1/",
                          "http://127.0.0.1:/",
                          "http://127.0.0.1:http/",
                          "http://127.0.0.1:80x/",
                          "http://127.0.0.1:+80/"}) {
    EXPECT_TRUE(parse_endpoint(url).has_error()) << url;
  }
}

TEST(ClientTls, NamesACertificateThatCannotBeLoaded) {
  const auto missing = client_tls("/nonexistent.pem");
  ASSERT_TRUE(missing.has_error());
  EXPECT_THAT(missing.error().message(), HasSubstr("/nonexistent.pem"));
}

TEST(ClientTls, DoesNotWaitForTheOtherEndOfAFifo) {
  const testing::ScratchFolder folder;
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  const auto loaded = client_tls(folder / "fifo");
  ASSERT_TRUE(loaded.has_error());
  EXPECT_THAT(loaded.error().message(), HasSubstr("it is no regular file"));
}

}  // namespace
}  // namespace lastcall

// Each key of [[clients]] that shapes what a client says, as its server sees it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/client/session_fixture.hpp"

namespace lastcall {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using testing::client;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using testing::group_of;
using ::testing::HasSubstr;
using testing::kCloseGoingAway;
using ::testing::Not;
using testing::RawServer;
using ::testing::StartsWith;

using ClientKeys = testing::SessionAgainst;

// A client's frame: its opcode byte and its unmasked payload of less than 126 bytes.
std::pair<int, std::string> take_frame(std::string& bytes) {
  const auto opcode = static_cast<unsigned char>(bytes.at(0));
  const std::size_t size = bytes.at(1) & 0x7F;
  auto payload = bytes.substr(6, size);
  for (std::size_t i = 0; i < size; ++i)
    payload[i] = static_cast<char>(payload[i] ^ bytes[2 + i % 4]);
  bytes.erase(0, 6 + size);
  return {opcode, payload};
}

TEST_F(ClientKeys, ATcpScriptIsSpokenFromOpeningToClosing) {
  std::string said;
  const auto server = this->server([&](RawServer& s) {
    auto peer = s.accept();
    said = peer.read_until("\r\n");
    peer.write("noise +O");
    peer.write("K noise");
    for (const auto* id : {"000005-000000", "000005-000001"}) {
      said += peer.read_until("\r\n");
      peer.write("$13\r\n");
      peer.write(std::string(id) + "\r\n");
    }
    said += peer.read_until("\r\n");
  });
  auto group = group_of(Protocol::tcp, server->port());
  group.opening = {{.send = "AUTH {client}\r\n", .expect = ""}, {.send = "", .expect = "+OK"}};
  group.message = {"ECHO {id}\r\n"};
  group.acknowledgement = "{id}\r\n";
  group.messages = 2;
  group.closing = "QUIT\r\n";
  play(group);
  server->finish();
  EXPECT_EQ(said, "AUTH 5\r\nECHO 000005-000000\r\nECHO 000005-000001\r\nQUIT\r\n");
  EXPECT_THAT(words_,
              AllOf(Contains("layer_up script"), Contains("answer_began 0"),
                    Contains("request_ended 0 ok 0 20"), Contains("request_ended 1 ok 0 20")));
  EXPECT_EQ(words_.back(), "connection_ended finished");
  EXPECT_EQ(triggers_.handshakes, 1);
}

TEST_F(ClientKeys, ATcpClientWithoutAMessageSaysItsOpeningOnly) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.write("220 hello\r\n");
    EXPECT_FALSE(peer.hears_something(100));
  });
  auto group = group_of(Protocol::tcp, server->port());
  group.opening = {{.send = "", .expect = "220 "}};
  group.message = {""};
  play(group);
  EXPECT_THAT(words_, Not(Contains(StartsWith("request_sent"))));
  EXPECT_EQ(words_.back(), "connection_ended server_closed");
}

TEST_F(ClientKeys, WhatIsExpectedAndDoesNotComeIsNamed) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.write("-ERR\r\n");
    peer.read_to_end();
  });
  context_.handshake_limit = milliseconds(200);
  auto group = group_of(Protocol::tcp, server->port());
  group.opening = {{.send = "HI", .expect = ""}, {.send = "", .expect = "+OK\r\n"}};
  play(group);
  EXPECT_THAT(words_,
              Contains(AllOf(StartsWith("layer_failed script opening step 2"),
                             HasSubstr("+OK\\x0d\\x0a"), HasSubstr("200"), EndsWith(" -ERR"))));
  EXPECT_EQ(triggers_.handshakes, 0);
  EXPECT_THAT(words_.back(), StartsWith("connection_ended timeout"));
}

TEST_F(ClientKeys, AServerThatEndsInTheOpeningIsClosedInOrder) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    peer.write(kCloseGoingAway);
    peer.read_until("\x88");
    peer.fin();
    peer.read_to_end();
    EXPECT_EQ(peer.error, 0);
  });
  auto group = group_of(Protocol::ws, server->port());
  group.opening = {{.send = "", .expect = "welcome"}};
  play(group);
  EXPECT_THAT(words_, AllOf(Contains(StartsWith("layer_failed script opening step 1")),
                            Contains("close_frame received 1001"), Contains("fin sent")));
}

TEST_F(ClientKeys, WhatAServerSaidInPlaceOfAnAcknowledgementIsTold) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.read();
    peer.write("-NOAUTH Authentication required.\r\n");
  });
  play(group_of(Protocol::tcp, server->port()));
  EXPECT_THAT(words_, Contains("request_ended 0 unknown 0 0 -NOAUTH Authentication required."));
}

TEST_F(ClientKeys, TheFirstMessageInPlaceOfAnAcknowledgementIsTold) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    peer.read();
    peer.write(std::string("\x81\x11", 2) + "ack 000005-000000");
    peer.read();
    peer.write(std::string("\x81\x04", 2) + "busy" + std::string("\x81\x04", 2) + "tick");
    peer.write(kCloseGoingAway);
    peer.read_until("\x88");
  });
  play(group_of(Protocol::ws, server->port()));
  EXPECT_THAT(words_, AllOf(Contains("request_ended 0 ok 0 17"),
                            Contains("request_ended 1 unknown 0 0 busy")));
}

TEST_F(ClientKeys, WhatAServerSaidInPlaceOfAnExpectedMessageIsTold) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    peer.write(std::string("\x81\x04", 2) + "busy" + kCloseGoingAway);
    peer.read_until("\x88");
  });
  auto group = group_of(Protocol::ws, server->port());
  group.opening = {{.send = "", .expect = "welcome"}};
  play(group);
  EXPECT_THAT(words_,
              Contains(AllOf(StartsWith("layer_failed script opening step 1"), EndsWith(" busy"))));
}

TEST_F(ClientKeys, AnAnswerWithoutAnEndIsBounded) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.read();
    const std::string block(std::size_t{1} << 20, 'x');
    for (int i = 0; i < 17; ++i) peer.write(block);
    peer.read_to_end();
  });
  play(group_of(Protocol::tcp, server->port()));
  EXPECT_THAT(words_.back(), AllOf(StartsWith("connection_ended protocol more than 16777216")));
}

TEST_F(ClientKeys, OneOfAListOfMessagesIsDrawnEachTime) {
  std::string said;
  const auto server = this->tls_server([&](RawServer& s) {
    auto peer = s.accept();
    for (auto line = peer.read_until("\n"); !line.empty(); line = peer.read_until("\n")) {
      said += line.front();
      peer.write("ack");
      if (said.size() == 20) break;
    }
  });
  auto group = group_of(Protocol::tls, server->port());
  group.message = {"A\n", "B\n"};
  group.acknowledgement = "ack";
  play(group);
  EXPECT_EQ(said.size(), 20U);
  EXPECT_GE(std::ranges::count(said, 'A'), 3);
  EXPECT_GE(std::ranges::count(said, 'B'), 3);
}

TEST_F(ClientKeys, AWebSocketOpeningIsMessagesAndItsSubprotocolIsAskedFor) {
  std::string upgrade;
  std::string first;
  const auto server = this->server([&](RawServer& s) {
    auto peer = s.accept();
    upgrade = peer.accept_websocket("Sec-WebSocket-Protocol: ocpp1.6\r\n");
    auto bytes = peer.read();
    first = take_frame(bytes).second;
    EXPECT_FALSE(peer.hears_something(100)) << "it waits for the answer to its opening";
    peer.write(std::string("\x81\x05", 2) + "other" + std::string("\x81\x0a", 2) + "<welcome5>");
    bytes = peer.read();
    peer.write(std::string("\x81\x11", 2) + "ack 000005-000000");
    peer.read();
  });
  auto group = group_of(Protocol::ws, server->port());
  group.subprotocol = "ocpp1.6";
  group.opening = {{.send = "init {client}", .expect = ""},
                   {.send = "", .expect = "welcome{client}"}};
  play(group);
  EXPECT_THAT(upgrade, HasSubstr("Sec-WebSocket-Protocol: ocpp1.6\r\n"));
  EXPECT_EQ(first, "init 5");
  EXPECT_THAT(words_, AllOf(Contains("layer_up script"), Contains("request_ended 0 ok 0 17")));
}

TEST_F(ClientKeys, HeadersAreSentWithEachRequest) {
  std::string requests;
  const auto server = this->server([&](RawServer& s) {
    auto peer = s.accept();
    for (int i = 0; i < 2; ++i) {
      requests += peer.read_request();
      peer.answer("200 OK", "");
    }
  });
  context_.placeholders["dir"] = "/a";
  auto group = group_of(Protocol::http, server->port());
  group.headers = {{"X-Id", "{id}"}, {"Cookie", "d={dir}; c={client}"}, {"User-Agent", "me"}};
  group.messages = 2;
  play(group);
  EXPECT_THAT(requests,
              AllOf(HasSubstr("X-Id: 000005-000000\r\n"), HasSubstr("X-Id: 000005-000001\r\n"),
                    HasSubstr("Cookie: d=/a; c=5\r\n"), HasSubstr("User-Agent: me\r\n"),
                    Not(HasSubstr("lastcall"))));
}

TEST_F(ClientKeys, HeadersAreSentWithAnUpgrade) {
  std::string upgrade;
  const auto server = this->server([&](RawServer& s) { upgrade = s.accept().accept_websocket(); });
  auto group = group_of(Protocol::ws, server->port());
  group.headers = {{"Authorization", "Bearer {client}"}};
  play(group);
  server->finish();
  EXPECT_THAT(upgrade, HasSubstr("Authorization: Bearer 5\r\n"));
  EXPECT_THAT(words_, Contains("layer_up websocket"));
}

TEST_F(ClientKeys, TheLengthOfAMessageIsSentWithIt) {
  std::string said;
  const auto server = this->server([&](RawServer& s) {
    auto peer = s.accept();
    said = peer.read_until(",");
    peer.write("ack 000005-000000");
  });
  auto group = group_of(Protocol::tcp, server->port());
  group.message = {"{length}:{body}{id}{client}{end},"};
  group.messages = 1;
  play(group);
  server->finish();
  EXPECT_EQ(said, "14:000005-0000005,");
  EXPECT_THAT(words_, Contains("request_sent 0 18"));
}

TEST_F(ClientKeys, AnIdThatTheServerChoseIsTakenFromTheAnswer) {
  const auto server = this->server([&](RawServer& s) {
    auto peer = s.accept();
    for (const auto* body : {R"({"id":17})", "{}"}) {
      peer.read_request();
      peer.answer("201 Created", body);
    }
    peer.read_request();
    peer.answer("500 Oh", R"({"id":18})");
  });
  auto group = group_of(Protocol::http, server->port());
  group.id_from = IdSource{false, "/id"};
  group.messages = 3;
  play(group);
  EXPECT_THAT(words_, AllOf(Contains("id_given 0 17"), Contains("request_ended 0 ok 201 9"),
                            Contains("id_given 1 the answer has nothing at \"/id\""),
                            Contains(R"(request_ended 2 refused 500 9 {"id":18})")));
  EXPECT_THAT(words_, Not(Contains(StartsWith("id_given 2"))));
  EXPECT_THAT(triggers_.ids, ElementsAre("17"));
}

TEST_F(ClientKeys, AnIdMayStandInAHeader) {
  const auto server = this->server([&](RawServer& s) {
    auto peer = s.accept();
    for (const auto* body : {"", "see /orders/18"}) {
      peer.read_request();
      peer.answer("201 Created", body, "Location: /orders/17\r\n");
    }
  });
  auto group = group_of(Protocol::http, server->port());
  group.id_from = IdSource{true, "/orders/([0-9]+)"};
  group.messages = 2;
  play(group);
  EXPECT_THAT(words_, AllOf(Contains("id_given 0 17"), Contains("id_given 1 18"),
                            Contains("request_ended 0 ok 201 0")));
  EXPECT_THAT(triggers_.ids, ElementsAre("17", "18"));
}

TEST_F(ClientKeys, TheAnswerOfARawProtocolEndsWithItsAcknowledgement) {
  const auto server = this->server([&](RawServer& s) {
    auto peer = s.accept();
    peer.read();
    peer.write("+OK id=");
    peer.write("a1 kept\r\n+OK id=b2\r\n");
    peer.read();
  });
  auto group = group_of(Protocol::tcp, server->port());
  group.acknowledgement = "\r\n";
  group.id_from = IdSource{true, "id=(\\w+)"};
  group.messages = 1;
  play(group);
  EXPECT_THAT(words_, AllOf(Contains("id_given 0 a1"), Contains("request_ended 0 ok 0 16")));
}

TEST_F(ClientKeys, ASubprotocolThatWasNotOfferedIsRefused) {
  const auto server = this->server(
      [](RawServer& s) { s.accept().accept_websocket("Sec-WebSocket-Protocol: mqtt\r\n"); });
  auto group = group_of(Protocol::ws, server->port());
  group.subprotocol = "ocpp1.6, ocpp2.0";
  play(group);
  EXPECT_THAT(words_, Contains(AllOf(StartsWith("layer_failed websocket"), HasSubstr("'mqtt'"))));
}

TEST_F(ClientKeys, AWebSocketMessageIsSentInSoManyFrames) {
  std::string bytes;
  const auto server = this->server([&](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    while (bytes.size() < 19 + 4 * 6) bytes += peer.read();
  });
  auto group = group_of(Protocol::ws, server->port());
  group.fragments = 4;
  group.binary = true;
  play(group);
  server->finish();
  std::vector<int> opcodes;
  std::string message;
  while (opcodes.size() < 4) {
    const auto [opcode, payload] = take_frame(bytes);
    opcodes.push_back(opcode);
    message += payload;
  }
  EXPECT_THAT(opcodes, ElementsAre(0x02, 0x00, 0x00, 0x80));  // the last one ends the message
  EXPECT_EQ(message, "hello 000005-000000");
}

TEST_F(ClientKeys, ARequestIsSentInSoManySegments) {
  unsigned segments = 0;
  std::string request;
  const auto server = this->server([&](RawServer& s) {
    auto peer = s.accept();
    request = peer.read_request();
    segments = peer.data_segments();
  });
  auto group = group_of(Protocol::http, server->port());
  group.fragments = 5;
  play(group);
  server->finish();
  EXPECT_THAT(request, AllOf(StartsWith("GET / HTTP/1.1\r\n"), HasSubstr("Host: ")));
  EXPECT_GE(segments, 3U);
}

TEST_F(ClientKeys, PingsAreSentAndAPongIsNoAnswer) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    peer.read_until("\x89");
    peer.write(std::string("\x8a\x11", 2) + "ack 000005-000000");
    peer.write(std::string("\x89\x00", 2));
    peer.read_until("\x8a");
    peer.write(kCloseGoingAway);
    peer.read_until("\x88");
  });
  auto group = group_of(Protocol::ws, server->port());
  group.ping = milliseconds(20);
  play(group);
  EXPECT_THAT(words_, AllOf(Contains("control_frame sent 0"), Contains("control_frame received 1"),
                            Contains("control_frame received 0"), Contains("control_frame sent 1"),
                            Contains("request_ended 0 unknown 0 0")));
}

TEST_F(ClientKeys, TheSourceIsWhatTheServerSees) {
  std::string source;
  const auto server = this->server([&](RawServer& s) { source = s.accept().address().first; });
  auto planned = client();
  planned.source = 0x7F090807;
  play(group_of(Protocol::tcp, server->port()), planned);
  server->finish();
  EXPECT_EQ(source, "127.9.8.7");
}

TEST_F(ClientKeys, AClientComesBackAfterABackOffThatDoublesUntilTheStop) {
  const auto port = server([](RawServer&) {})->port();  // closed again
  auto group = group_of(Protocol::tcp, port);
  group.reconnect = {milliseconds(10), milliseconds(40)};
  asio::steady_timer stop(io_, milliseconds(400));
  stop.async_wait([&](auto) { context_.stop_begun = true; });
  play(group);
  std::vector<TimePoint> times;
  for (const auto& event : events_) {
    if (std::holds_alternative<ConnectInvoked>(event.body)) times.push_back(event.at);
  }
  ASSERT_GE(times.size(), 5U);
  EXPECT_LE(times.size(), 13U) << "10 + 20 + 40 + 40 + …";
  EXPECT_EQ(attempts().back(), times.size() - 1);
  const int least[] = {10, 20, 40, 40};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_GE(times[i + 1] - times[i], milliseconds(least[i]));
}

TEST_F(ClientKeys, AClientThatWasServedComesBackAfterTheLowEnd) {
  const auto server = this->server([this](RawServer& s) {
    for (int i = 0; i < 4; ++i) {
      auto peer = s.accept();
      peer.read();
      if (i == 3) stop_begins();
      peer.reset();
    }
  });
  auto group = group_of(Protocol::tcp, server->port());
  group.reconnect = {milliseconds(5), std::chrono::seconds(60)};
  const auto begin = now();
  play(group);
  EXPECT_THAT(attempts(), ElementsAre(0U, 1U, 2U, 3U));
  EXPECT_LT(now() - begin, std::chrono::seconds(5));
}

TEST_F(ClientKeys, AClientComesBackAfterTheStopIfItDoesSoUntilTheEnd) {
  const auto server = this->server([this](RawServer& s) {
    for (int i = 0; i < 3; ++i) {
      auto peer = s.accept();
      peer.read();
      stop_begins();
      if (i == 2) target_ends();
      peer.reset();
    }
  });
  auto group = group_of(Protocol::tcp, server->port());
  group.reconnect = {milliseconds(5), milliseconds(5)};
  group.reconnect_after_stop = true;
  play(group);
  EXPECT_THAT(attempts(), ElementsAre(0U, 1U, 2U));
}

TEST_F(ClientKeys, WhoHadNotComeBeforeTheStopDoesNotComeBackAfterIt) {
  auto group = group_of(Protocol::tcp, server([](RawServer&) {})->port());
  group.reconnect = {milliseconds(5), milliseconds(5)};
  group.reconnect_after_stop = true;
  context_.stop_begun = true;
  play(group);
  EXPECT_TRUE(attempts().empty());
}

TEST_F(ClientKeys, WaitingToComeBackEndsWithTheTarget) {
  auto group = group_of(Protocol::tcp, server([](RawServer&) {})->port());
  group.reconnect = {std::chrono::seconds(60), std::chrono::seconds(60)};
  asio::steady_timer end(io_, milliseconds(100));
  end.async_wait([this](auto) { session_->target_ended(); });
  const auto begin = now();
  play(group);
  EXPECT_LT(now() - begin, std::chrono::seconds(5));
}

TEST_F(ClientKeys, OnlyAClientOfTheDrainConnectsAfterTheStop) {
  const auto server = this->server([](RawServer& s) { s.accept().read(); });
  context_.stop_begun = true;
  auto group = group_of(Protocol::tcp, server->port());
  bool late = false;
  create(group);
  session_->start([&] { late = true; });
  io_.run_for(std::chrono::seconds(15));
  EXPECT_TRUE(late);
  io_.restart();
  group.during_drain = true;
  play(group);
  EXPECT_EQ(attempts().size(), 1U) << "the other one did not";
  EXPECT_THAT(words_, Contains("layer_up tcp"));
}

TEST_F(ClientKeys, AClientsCertificateIsShown) {
  const auto shown = folder_ / "client.pem";
  const auto key = folder_ / "client-key.pem";
  ASSERT_TRUE(write_certificate(shown, key, client_certificate()).has_value());
  std::string subject;
  const auto server = this->tls_server([&](RawServer& s) {
    s.ask_for_certificate(shown);
    auto peer = s.accept();
    subject = peer.subject();
    peer.close_notify();
  });
  context_.placeholders["tls.client-cert"] = shown;
  auto group = group_of(Protocol::tls, server->port());
  group.certificate = "{tls.client-cert}";
  group.key = key;
  play(group);
  EXPECT_EQ(subject, "/CN=lastcall client");
}

TEST_F(ClientKeys, ACertificateOfAnotherAuthorityIsSaidToBeSo) {
  const auto other = folder_ / "other.pem";
  ASSERT_TRUE(write_certificate(other, folder_ / "other-key.pem", make_certificate()).has_value());
  const auto server =
      this->tls_server([](RawServer& s) { EXPECT_FALSE(s.accept().handshake_done); });
  auto group = group_of(Protocol::tls, server->port());
  group.authority = other;
  play(group);
  EXPECT_THAT(words_, Contains(AllOf(StartsWith("layer_failed tls certificate verify failed"),
                                     HasSubstr("self-signed certificate"))));
}

TEST_F(ClientKeys, ACertificateOfAnotherAddressIsSaidToBeSo) {
  const RawServer server([](RawServer& s) { EXPECT_FALSE(s.accept().handshake_done); },
                         certificate_, key_, "127.0.0.2");
  auto group = group_of(Protocol::tls, server.port());
  group.url = "tls://127.0.0.2:" + server.port();
  play(group);
  EXPECT_THAT(words_,
              Contains(AllOf(StartsWith("layer_failed tls"), HasSubstr("IP address mismatch"))));
}

TEST_F(ClientKeys, WithoutVerifyingWhoeverAnswersIsTrusted) {
  const RawServer server(
      [](RawServer& s) {
        auto peer = s.accept();
        EXPECT_TRUE(peer.handshake_done);
        peer.close_notify();
      },
      certificate_, key_, "127.0.0.2");
  auto group = group_of(Protocol::tls, server.port());
  group.url = "tls://127.0.0.2:" + server.port();
  group.verify = false;
  play(group);
  EXPECT_THAT(words_, Contains("layer_up tls"));
}

TEST(TlsContexts, NameTheFileThatCannotBeLoaded) {
  auto group = group_of(Protocol::tls, "1");
  group.verify = false;
  group.certificate = "/nonexistent/{client}.pem";
  group.key = "/nonexistent/key.pem";
  const auto contexts = tls_contexts({group}, {{"client", "3"}}, "");
  ASSERT_TRUE(contexts.has_error());
  EXPECT_THAT(contexts.error().message(), HasSubstr("/nonexistent/3.pem"));
}

}  // namespace
}  // namespace lastcall

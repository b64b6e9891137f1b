// Each behaviour, as the server's side of the connection gets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "unit/client/session_fixture.hpp"
#include "unit/without_capability.hpp"

namespace lastcall {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::Contains;
using testing::group_of;
using ::testing::HasSubstr;
using testing::kCloseGoingAway;
using ::testing::Not;
using testing::Peer;
using testing::RawServer;
using ::testing::StartsWith;

// Two kinds of each are drawn from the client's seed; the first draw decides.
enum class Kind : std::uint8_t { first, second };

PlannedClient that_is(Behaviour behaviour, Kind kind = Kind::first, Nanoseconds when = {}) {
  auto planned = testing::client();
  planned.behaviour = behaviour;
  planned.misbehaves = when;
  const auto wanted = static_cast<std::uint64_t>(kind);
  while (Prng(Prng::split(planned.pace_seed, std::uint64_t{0})).between(0, 1) != wanted) {
    ++planned.pace_seed;
  }
  return planned;
}

class ClientThatIs : public testing::SessionAgainst {
 protected:
  // What a server got that only listened, and whether it ended with a RST.
  void listen_to(Protocol protocol, const PlannedClient& planned, std::vector<Step> opening = {}) {
    const auto server = this->server([this](RawServer& s) {
      auto peer = s.accept();
      got_ = peer.read_all();
      was_reset_ = peer.error == ECONNRESET;
    });
    auto group = group_of(protocol, server->port());
    group.opening = std::move(opening);
    play(group, planned);
    server->finish();
  }
  std::string got_;
  bool was_reset_ = false;
};

TEST_F(ClientThatIs, SilentSaysNothingAndClosesAfterTheServer) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    peer.fin();
    got_ = peer.read_all();
    EXPECT_EQ(peer.error, 0) << "it closes in order";
  });
  play(group_of(Protocol::ws, server->port()), that_is(Behaviour::silent));
  server->finish();
  EXPECT_EQ(got_, "");
  EXPECT_THAT(words_, AllOf(Contains("misbehaved silent"), Contains("fin sent")));
  EXPECT_EQ(words_.back(), "connection_ended server_closed");
  EXPECT_EQ(triggers_.handshakes, 0);
}

TEST_F(ClientThatIs, SilentFinishesItsTlsHandshakeFirst) {
  const auto server = this->tls_server([this](RawServer& s) {
    auto peer = s.accept();
    EXPECT_TRUE(peer.handshake_done);
    peer.close_notify();
    peer.fin();
    got_ = peer.read_all();
  });
  play(group_of(Protocol::https, server->port()), that_is(Behaviour::silent));
  EXPECT_EQ(got_, "");
  EXPECT_THAT(words_, AllOf(Contains("layer_up tls"), Contains("misbehaved silent"),
                            Not(Contains(StartsWith("request_sent")))));
}

TEST_F(ClientThatIs, NeverClosingKeepsItsSideOpenUntilTheTargetIsGone) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    peer.fin();
    EXPECT_FALSE(peer.hears_something(300)) << "no FIN of the client";
    target_ends();
    EXPECT_EQ(peer.read(), "");
  });
  play(group_of(Protocol::http, server->port()), that_is(Behaviour::never_closes));
  EXPECT_THAT(words_, AllOf(Contains("fin received"), Contains("request_ended 0 unknown 0 0"),
                            Contains("misbehaved never-closes"), Not(Contains("fin sent"))));
  EXPECT_EQ(words_.back(), "connection_ended harness");
}

TEST_F(ClientThatIs, SlowReadingFillsTheServersBuffers) {
  constexpr std::size_t kMuch = 4 << 20;
  std::size_t written = 0;
  const auto server = this->server([&](RawServer& s) {
    auto peer = s.accept();
    peer.read_until("hello");  // its moment has come by then
    written = peer.fill_buffers(std::string(1024, 'x'), kMuch);
    target_ends();
    EXPECT_GT(peer.fill_buffers(std::string(1024, 'x'), 4096), 0U) << "it reads on";
  });
  auto group = group_of(Protocol::tcp, server->port());
  group.opening = {{.send = "first", .expect = ""}};
  group.message = {"hello"};
  group.read_rate = 1;
  play(group, that_is(Behaviour::slow_reader));
  EXPECT_LT(written, std::size_t{256} << 10);
  EXPECT_THAT(words_, Contains("misbehaved slow-reader"));
}

TEST_F(ClientThatIs, SlowReadingTakesItsRateAndStillGetsItsAnswers) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    peer.read_until("000000");
    EXPECT_FALSE(peer.hears_something(50)) << "its moment comes";
    peer.write(std::string(200, 'x') + "ack 000005-000000");
    peer.read_until("000001");
    stop_begins();
  });
  auto group = group_of(Protocol::tcp, server->port());
  group.read_rate = 1000;
  const auto begin = now();
  play(group, that_is(Behaviour::slow_reader));
  EXPECT_THAT(words_, Contains("request_ended 0 ok 0 217"));
  EXPECT_GE(now() - begin, milliseconds(150)) << "what it read, it reads on only after its time";
}

// Reads what comes until the end of the stream; what a power cut leaves is seen only by writing.
int write_until_the_end(Peer& peer) {
  for (int i = 0; i < 1000; ++i) {
    peer.write("?");
    if (!peer.hears_something(10)) continue;
    if (peer.read().empty()) return peer.error;
  }
  return ETIMEDOUT;
}

bool may_repair() {
  const ScopedFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  return ::setsockopt(socket.get(), IPPROTO_TCP, TCP_REPAIR, &on, sizeof on) == 0;
}

TEST_F(ClientThatIs, HalfOpenIsGoneWithoutAWord) {
  if (!may_repair()) GTEST_SKIP() << "TCP_REPAIR needs CAP_NET_ADMIN";
  int end = 0;
  auto server = this->server([&](RawServer& s) {
    auto peer = s.accept();
    peer.read_until("hello 000005-000000");
    EXPECT_FALSE(peer.hears_something(300)) << "neither FIN nor RST by itself";
    end = write_until_the_end(peer);
  });
  play(group_of(Protocol::tcp, server->port()),
       that_is(Behaviour::half_open, {}, milliseconds(20)));
  server.reset();
  EXPECT_EQ(end, ECONNRESET) << "nobody knows the connection any more";
  EXPECT_EQ(words_.back(), "connection_ended finished half-open");
  EXPECT_THAT(words_, Not(Contains(StartsWith("request_ended"))));
}

TEST_F(ClientThatIs, HalfOpenWithoutTheCapabilityIsMute) {
  std::size_t written = 0;
  const auto server = this->server([&](RawServer& s) {
    auto peer = s.accept();
    peer.read_until("hello 000005-000000");
    EXPECT_FALSE(peer.hears_something(300));
    written = peer.fill_buffers(std::string(1024, 'x'), std::size_t{64} << 20);
    EXPECT_FALSE(peer.hears_something(0)) << "it is still there";
    target_ends();
    peer.read_to_end();
  });
  const testing::WithoutCapability capability(CAP_NET_ADMIN);
  play(group_of(Protocol::tcp, server->port()),
       that_is(Behaviour::half_open, {}, milliseconds(20)));
  EXPECT_LT(written, std::size_t{64} << 20) << "nobody reads";
  EXPECT_THAT(words_, Contains("misbehaved half-open (mute)"));
  EXPECT_EQ(words_.back(), "connection_ended finished half-open (mute)");
}

TEST_F(ClientThatIs, AbortingItsTlsHandshakeSendsAClientHelloAndAFin) {
  listen_to(Protocol::wss, that_is(Behaviour::abort_handshake, Kind::second));
  ASSERT_GT(got_.size(), 100U);
  EXPECT_EQ(got_.substr(0, 2), "\x16\x03");  // a handshake record, RFC 8446, section 5.1
  EXPECT_EQ(got_[5], '\x01');                // ClientHello
  EXPECT_FALSE(was_reset_);
  EXPECT_THAT(words_, AllOf(Contains("misbehaved abort-handshake"), Contains("fin sent"),
                            Not(Contains(StartsWith("layer_failed")))));
  EXPECT_EQ(words_.back(), "connection_ended finished abort-handshake");
}

TEST_F(ClientThatIs, AbortingItsHandshakeWithARst) {
  listen_to(Protocol::ws, that_is(Behaviour::abort_handshake, Kind::first, milliseconds(50)));
  EXPECT_THAT(got_, AllOf(StartsWith("GET / HTTP/1.1\r\nHost: 127.0.0.1:"),
                          HasSubstr("Upgrade: websocket"), Not(HasSubstr("\r\n\r\n"))));
  EXPECT_TRUE(was_reset_);
}

TEST_F(ClientThatIs, AbortingItsHandshakeOverHttpSendsHalfARequest) {
  listen_to(Protocol::http, that_is(Behaviour::abort_handshake, Kind::second));
  EXPECT_THAT(got_, AllOf(StartsWith("GET / HTTP/1.1\r\n"), Not(HasSubstr("\r\n\r\n"))));
  EXPECT_FALSE(was_reset_);
}

TEST_F(ClientThatIs, AbortingItsHandshakeOverTcpSendsHalfOfItsOpening) {
  listen_to(Protocol::tcp, that_is(Behaviour::abort_handshake, Kind::second),
            {{.send = "LOGIN {client}\r\n", .expect = ""}});
  EXPECT_EQ(got_, "LOGI");
}

TEST_F(ClientThatIs, AbortingAMessageSendsHalfAFrame) {
  for (const auto kind : {Kind::first, Kind::second}) {
    std::string frame;
    int error = 0;
    auto server = this->server([&](RawServer& s) {
      auto peer = s.accept();
      peer.accept_websocket();
      frame = peer.read_all();
      error = peer.error;
    });
    auto group = group_of(Protocol::ws, server->port());
    group.message = {std::string(100, 'm')};
    auto planned = that_is(Behaviour::abort_message, kind, milliseconds(100));
    create(group, planned);
    ended_ = false;
    io_.restart();
    session_->start([this] { ended_ = true; });
    io_.run_for(std::chrono::seconds(15));
    EXPECT_TRUE(ended_);
    server.reset();
    // One whole masked message of 106 bytes, then the header of another and half of its payload.
    ASSERT_EQ(frame.size(), 106U + 6 + 50);
    EXPECT_EQ(frame.substr(106, 2), "\x81\xe4");
    EXPECT_EQ(error, kind == Kind::first ? ECONNRESET : 0);
  }
  session_.reset();
  ASSERT_TRUE(segment_.finish().has_value());
  const auto words = testing::words_of(folder_ / "client.seg");
  EXPECT_EQ(std::ranges::count(words, "misbehaved abort-message"), 2);
  EXPECT_THAT(words, Not(Contains(StartsWith("request_ended"))));
}

TEST_F(ClientThatIs, AbortingAMessageSendsHalfARequest) {
  listen_to(Protocol::http, that_is(Behaviour::abort_message, Kind::second, milliseconds(100)));
  const auto second = got_.find("\r\n\r\n") + 4;
  EXPECT_THAT(got_.substr(second), AllOf(StartsWith("GET / HTTP/1.1"), Not(HasSubstr("\r\n\r\n"))));
}

TEST_F(ClientThatIs, ResettingSendsARst) {
  listen_to(Protocol::tcp, that_is(Behaviour::reset, {}, milliseconds(50)));
  EXPECT_TRUE(was_reset_);
  EXPECT_EQ(got_, "hello 000005-000000");
  EXPECT_THAT(words_, AllOf(Contains("misbehaved reset"), Contains("request_sent 0 19"),
                            Not(Contains(StartsWith("request_ended")))));
  EXPECT_EQ(words_.back(), "connection_ended finished reset");
}

TEST_F(ClientThatIs, TalkingGarbageInsteadOfItsProtocol) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    got_ = peer.read();
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::http, server->port()), that_is(Behaviour::garbage));
  server->finish();
  const auto kinds = std::set<char>(got_.begin(), got_.end()).size();
  EXPECT_GT(kinds, std::min<std::size_t>(got_.size() / 4, 100));
  EXPECT_THAT(got_, Not(HasSubstr("HTTP")));
  EXPECT_THAT(words_, Contains("misbehaved garbage"));
  EXPECT_EQ(words_.back(), "connection_ended server_closed");
}

TEST_F(ClientThatIs, TalkingGarbageInsteadOfTls) {
  const auto server =
      this->tls_server([](RawServer& s) { EXPECT_FALSE(s.accept().handshake_done); });
  play(group_of(Protocol::wss, server->port()), that_is(Behaviour::garbage, Kind::first));
  EXPECT_THAT(words_, AllOf(Contains("misbehaved garbage"), Not(Contains("layer_up tls"))));
}

TEST_F(ClientThatIs, TalkingGarbageInsideTls) {
  const auto server = this->tls_server([this](RawServer& s) {
    auto peer = s.accept();
    EXPECT_TRUE(peer.handshake_done);
    got_ = peer.read();
    peer.close_notify();
    peer.fin();
  });
  play(group_of(Protocol::wss, server->port()), that_is(Behaviour::garbage, Kind::second));
  EXPECT_FALSE(got_.empty());
  EXPECT_THAT(got_, Not(HasSubstr("HTTP")));
  EXPECT_THAT(words_, AllOf(Contains("layer_up tls"), Contains("misbehaved garbage"),
                            Not(Contains("layer_up websocket"))));
}

TEST_F(ClientThatIs, AbortedFromOutsideSendsARst) {
  bool aborted = false;
  auto server = this->server([&](RawServer& s) {
    auto peer = s.accept();
    peer.read_until("hello");
    asio::post(io_, [&] {
      aborted = session_->abort("abort-clients");
      EXPECT_FALSE(session_->abort("abort-clients")) << "there is nothing left to abort";
    });
    peer.read_all();
    was_reset_ = peer.error == ECONNRESET;
  });
  create(group_of(Protocol::tcp, server->port()));
  EXPECT_FALSE(session_->abort("abort-clients")) << "it is not connected";
  play(group_of(Protocol::tcp, server->port()));
  server.reset();
  EXPECT_TRUE(aborted);
  EXPECT_TRUE(was_reset_);
  EXPECT_THAT(words_, Contains("misbehaved abort-clients"));
  EXPECT_EQ(words_.back(), "connection_ended finished abort-clients");
}

TEST_F(ClientThatIs, IdleTakesItsAnswerAndSaysNothingMoreAfterTheStop) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    peer.read_request();
    peer.answer("200 OK", "");
    peer.read_request();
    stop_begins();
    peer.answer("200 OK", "");
    EXPECT_FALSE(peer.hears_something(300)) << "neither a request nor FIN";
    peer.fin();
    got_ = peer.read_all();
  });
  auto group = group_of(Protocol::http, server->port());
  group.pace = {milliseconds(20), milliseconds(20)};
  play(group, that_is(Behaviour::idle));
  EXPECT_EQ(got_, "");
  EXPECT_THAT(words_, AllOf(Contains("request_ended 1 ok 200 0"), Contains("fin sent"),
                            Not(Contains(StartsWith("request_sent 2"))),
                            Not(Contains(StartsWith("misbehaved")))));
  EXPECT_EQ(words_.back(), "connection_ended server_closed");
}

TEST_F(ClientThatIs, IdleAsksOnceMoreIfItWasNotAnsweredBeforeTheStop) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    stop_begins();
    peer.accept_websocket();
    peer.read();
    peer.write(std::string("\x81\x11", 2) + "ack 000005-000000");
    EXPECT_FALSE(peer.hears_something(300));
    peer.write(kCloseGoingAway);
    peer.read_until("\x88");
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::ws, server->port()), that_is(Behaviour::idle));
  EXPECT_THAT(words_, AllOf(Contains("request_ended 0 ok 0 17"),
                            Not(Contains(StartsWith("request_sent 1")))));
}

TEST_F(ClientThatIs, IdleDoesNotSayItsClosing) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    peer.read();
    stop_begins();
    peer.write("ack 000005-000000");
    EXPECT_FALSE(peer.hears_something(300));
    peer.fin();
    got_ = peer.read_all();
  });
  auto group = group_of(Protocol::tcp, server->port());
  group.closing = "bye";
  play(group, that_is(Behaviour::idle));
  EXPECT_EQ(got_, "");
}

TEST_F(ClientThatIs, QuietIsUpgradedAndNeverSendsAMessage) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    EXPECT_FALSE(peer.hears_something(300));
    peer.write(kCloseGoingAway);
    got_ = peer.read();
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::ws, server->port()), that_is(Behaviour::quiet));
  EXPECT_THAT(got_, StartsWith("\x88")) << "the Close frame is answered";
  EXPECT_THAT(words_, AllOf(Contains("layer_up websocket"), Contains("close_frame sent 1001"),
                            Not(Contains(StartsWith("request_sent")))));
  EXPECT_EQ(triggers_.handshakes, 1);
}

PlannedClient that_leaves_after(std::uint32_t answers) {
  auto planned = that_is(Behaviour::leaves);
  planned.leaves_after = answers;
  return planned;
}

TEST_F(ClientThatIs, LeavingClosesAfterItsAnswersAndDoesNotComeAgain) {
  for (const bool resets : {false, true}) {
    int end = -1;
    auto server = this->server([&](RawServer& s) {
      auto peer = s.accept();
      for (int i = 0; i < 2; ++i) {
        peer.read_request();
        peer.answer("200 OK", "");
      }
      got_ = peer.read_all();
      end = peer.error;
      if (resets) peer.reset();
    });
    auto group = group_of(Protocol::http, server->port());
    group.reconnect = {milliseconds(1), milliseconds(1)};
    create(group, that_leaves_after(2));
    ended_ = false;
    io_.restart();
    session_->start([this] { ended_ = true; });
    io_.run_for(std::chrono::seconds(15));
    EXPECT_TRUE(ended_);
    server.reset();
    EXPECT_EQ(got_, "");
    EXPECT_EQ(end, 0) << "a FIN";
  }
  session_.reset();
  ASSERT_TRUE(segment_.finish().has_value());
  const auto words = testing::words_of(folder_ / "client.seg");
  EXPECT_THAT(words, AllOf(Contains("request_ended 1 ok 200 0"), Contains("fin sent"),
                           Not(Contains(StartsWith("request_sent 2"))),
                           Not(Contains(StartsWith("misbehaved")))));
  EXPECT_EQ(std::ranges::count(words, "connection_ended finished"), 2);
}

TEST_F(ClientThatIs, LeavingAWebSocketSaysCloseAndWaitsForTheAnswer) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    peer.read();
    peer.write(std::string("\x81\x11", 2) + "ack 000005-000000");
    got_ = peer.read();
    peer.write(std::string("\x81\x02hi", 4));
    EXPECT_FALSE(peer.hears_something(200)) << "it reads on";
    peer.write(std::string("\x88\x02\x03\xe8", 4));
    EXPECT_FALSE(peer.hears_something(200)) << "the server closes TCP first";
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::ws, server->port()), that_leaves_after(1));
  EXPECT_THAT(got_, StartsWith("\x88\x82"));
  EXPECT_THAT(words_,
              AllOf(Contains("close_frame sent 1000"), Contains("close_frame received 1000"),
                    Contains("fin sent"), Not(Contains(StartsWith("request_sent 1")))));
  EXPECT_EQ(words_.back(), "connection_ended finished");
}

TEST_F(ClientThatIs, LeavingAWebSocketDoesNotWaitForEver) {
  const auto server = this->server([](RawServer& s) {
    auto peer = s.accept();
    peer.accept_websocket();
    peer.read();
    peer.write(std::string("\x81\x11", 2) + "ack 000005-000000");
    peer.read_to_end();
  });
  play(group_of(Protocol::ws, server->port()), that_leaves_after(1));
  EXPECT_THAT(words_, AllOf(Contains("close_frame sent 1000"),
                            Not(Contains(StartsWith("close_frame received")))));
  EXPECT_EQ(words_.back(), "connection_ended timeout");
}

TEST_F(ClientThatIs, LeavingSaysCloseNotifyFirst) {
  const auto server = this->tls_server([this](RawServer& s) {
    auto peer = s.accept();
    peer.read_request();
    peer.answer("200 OK", "");
    got_ = peer.read_all();
    peer.close_notify();
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::https, server->port()), that_leaves_after(1));
  EXPECT_EQ(got_, "");
  const auto at = [this](const char* word) { return std::ranges::find(words_, word); };
  EXPECT_LT(at("close_notify sent"), at("close_notify received"));
  EXPECT_THAT(words_, AllOf(Contains("close_notify received"), Contains("fin sent")));
  EXPECT_EQ(words_.back(), "connection_ended finished");
}

TEST_F(ClientThatIs, LeavingSaysItsClosingFirst) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    peer.read_until("hello 000005-000000");
    peer.write("ack 000005-000000");
    got_ = peer.read_all();
  });
  auto group = group_of(Protocol::tcp, server->port());
  group.closing = "bye";
  play(group, that_leaves_after(1));
  EXPECT_EQ(got_, "bye");
  EXPECT_EQ(words_.back(), "connection_ended finished");
}

TEST_F(ClientThatIs, LeavingStaysOnceTheStopHasBegun) {
  const auto server = this->server([this](RawServer& s) {
    auto peer = s.accept();
    peer.read_request();
    stop_begins();
    peer.answer("200 OK", "");
    got_ = peer.read_request();
    peer.answer("200 OK", "", "Connection: close\r\n");
    peer.fin();
    peer.read_to_end();
  });
  play(group_of(Protocol::http, server->port()), that_leaves_after(1));
  EXPECT_THAT(got_, StartsWith("GET / "));
  EXPECT_EQ(words_.back(), "connection_ended server_closed");
}

TEST_F(ClientThatIs, LateComesAfterTheStopAgainAndAgainUntilTheTargetIsGone) {
  const auto server = this->server([this](RawServer& s) {
    for (int i = 0; i < 3; ++i) {
      auto peer = s.accept();
      peer.read_request();
      peer.answer(i == 0 ? "503 Service Unavailable" : "200 OK", "", "Connection: close\r\n");
    }
    target_ends();
  });
  context_.stop_begun = true;
  play(group_of(Protocol::http, server->port()), that_is(Behaviour::late));
  EXPECT_EQ(attempts().size(), 3U);
  EXPECT_THAT(words_, AllOf(Contains("request_ended 0 refused 503 0"),
                            Contains("request_ended 2 ok 200 0")));
}

TEST_F(ClientThatIs, LateIsRefusedAndTriesAgain) {
  const auto port = std::make_unique<RawServer>([](RawServer&) {})->port();  // it is gone
  context_.stop_begun = true;
  asio::steady_timer end(io_, milliseconds(400));
  end.async_wait([this](auto) { session_->target_ended(); });
  play(group_of(Protocol::http, port), that_is(Behaviour::late));
  EXPECT_GE(attempts().size(), 2U);
  EXPECT_LE(attempts().size(), 9U) << "it waits in between";
}

}  // namespace
}  // namespace lastcall

// One client of a scenario, played on the test's thread against a server of the test.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/post.hpp>

#include "base/prng.hpp"
#include "client/session.hpp"
#include "target/certificate.hpp"
#include "unit/client/event_words.hpp"
#include "unit/client/raw_server.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall::testing {

inline const std::string kCloseGoingAway("\x88\x02\x03\xe9", 4);

inline PlannedClient client(Nanoseconds start = {}) {
  return {.id = {5}, .group = 0, .start = start, .pace_seed = 1};
}

class NoTriggers final : public TriggerCounter {
 public:
  void happened(ClientEvent event) override { handshakes += event == ClientEvent::handshake; }
  void acknowledged(ConnectionId, RequestId, std::uint32_t, const std::string& id) override {
    ids.push_back(id);
  }
  int handshakes = 0;
  std::vector<std::string> ids;
};

class SessionAgainst : public ::testing::Test {
 protected:
  std::unique_ptr<RawServer> server(RawServer::Script script) {
    return std::make_unique<RawServer>(std::move(script));
  }
  std::unique_ptr<RawServer> tls_server(RawServer::Script script) {
    return std::make_unique<RawServer>(std::move(script), certificate_, key_);
  }

  // Makes the session of `group`; whoever says no CA trusts the test's own certificate.
  void create(const ClientGroup& group, const PlannedClient& planned = client()) {
    auto tls = tls_contexts({group}, context_.placeholders, certificate_);
    ASSERT_TRUE(tls.has_value()) << tls.error().message();
    context_.tls = std::move(*tls);
    session_ = Session::create(context_, planned, group);
  }
  // From start to end, or to a limit that nothing here comes near.
  void play(const ClientGroup& group, const PlannedClient& planned = client()) {
    create(group, planned);
    session_->start([this] { ended_ = true; });
    io_.run_for(std::chrono::seconds(15));
    EXPECT_TRUE(ended_) << "the session went on";
    session_.reset();
    EXPECT_TRUE(segment_.finish().has_value());
    events_ = events_of(folder_ / "client.seg");
    words_ = words_of(events_);
  }
  // From any thread.
  void stop_begins() {
    asio::post(io_, [this] { context_.stop_begun = true; });
  }
  void target_ends() {
    asio::post(io_, [this] { session_->target_ended(); });
  }
  void hang_up() {
    hung_up_ = now();
    asio::post(io_, [this] { session_->hang_up(); });
  }
  [[nodiscard]] std::vector<std::uint64_t> attempts() const {
    std::vector<std::uint64_t> found;
    for (const auto& event : events_) {
      if (const auto* invoked = std::get_if<ConnectInvoked>(&event.body)) {
        found.push_back(invoked->connection.value & UINT32_MAX);
      }
    }
    return found;
  }

  ScratchFolder folder_;
  std::string certificate_ = folder_ / "cert.pem";
  std::string key_ = folder_ / "key.pem";
  asio::io_context io_;
  bool certified_ = write_certificate(certificate_, key_).has_value();
  SegmentWriter segment_ = *SegmentWriter::create(folder_ / "client.seg");
  NoTriggers triggers_;
  SessionContext context_{
      .io = io_, .tls = {}, .events = segment_, .triggers = triggers_, .placeholders = {}};
  std::shared_ptr<Session> session_;
  bool ended_ = false;
  std::atomic<TimePoint> hung_up_{};
  std::vector<Event> events_;
  std::vector<std::string> words_;
};

inline ClientGroup group_of(Protocol protocol, const std::string& port,
                            const std::string& path = "/") {
  constexpr std::string_view kSchemes[] = {"ws", "wss", "http", "https", "tcp", "tls"};
  const bool raw = protocol == Protocol::tcp || protocol == Protocol::tls;
  ClientGroup group;
  group.protocol = protocol;
  group.url = std::string(kSchemes[static_cast<std::size_t>(protocol)]) + "://127.0.0.1:" + port +
              (raw ? "" : path);
  group.method = "GET";
  group.message = {is_http(protocol) ? "" : "hello {id}"};
  if (!is_http(protocol)) group.acknowledgement = "ack {id}";
  return group;
}

}  // namespace lastcall::testing

// Against the kernel's own sockets, and against what it might answer.
#include "client/socket_queues.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cstring>

#include "unit/client/session_fixture.hpp"

namespace lastcall {
namespace {

using asio::ip::tcp;
using ::testing::ElementsAre;
using testing::group_of;
using ::testing::IsEmpty;
using testing::RawServer;
using testing::SessionAgainst;
using ::testing::UnorderedElementsAre;

// A server's sockets and its clients', on one thread.
class Sockets : public ::testing::Test {
 protected:
  static tcp::acceptor listener(asio::io_context& io, const std::string& address) {
    tcp::acceptor acceptor(io);
    const tcp::endpoint any(asio::ip::make_address(address), 0);
    acceptor.open(any.protocol());
    if (any.protocol() == tcp::v6()) acceptor.set_option(asio::ip::v6_only(false));
    acceptor.bind(any);
    acceptor.listen();
    return acceptor;
  }
  static tcp::socket connected(asio::io_context& io, const std::string& address,
                               std::uint16_t port) {
    tcp::socket client(io);
    client.connect({asio::ip::make_address(address), port});
    return client;
  }
  static std::string read(tcp::socket& socket, std::size_t size) {
    std::string bytes(size, '\0');
    asio::read(socket, asio::buffer(bytes));
    return bytes;
  }
  static TargetSocket seen(const tcp::acceptor& at, const tcp::socket& client, SocketSeen what) {
    what.client = client.local_endpoint().port();
    return {at.local_endpoint().port(), client.local_endpoint().address().to_string(), what};
  }
  static std::vector<TargetSocket> asked(const std::vector<std::uint16_t>& ports,
                                         WhichSockets which = WhichSockets::open) {
    auto sockets = target_sockets(ports, which);
    EXPECT_TRUE(sockets.has_value()) << sockets.error().message();
    return sockets ? std::move(*sockets) : std::vector<TargetSocket>();
  }

  asio::io_context io_;
};

TEST_F(Sockets, TellsWhatWasReadFromWhatWaitsAndFromTheBacklog) {
  auto acceptor = listener(io_, "127.0.0.1");
  const auto port = acceptor.local_endpoint().port();
  auto idle = connected(io_, "127.0.0.1", port);
  auto at_idle = acceptor.accept();
  auto reader = connected(io_, "127.0.0.1", port);
  auto at_reader = acceptor.accept();
  auto waits = connected(io_, "127.0.0.1", port);
  auto at_waits = acceptor.accept();
  auto backlog = connected(io_, "127.0.0.1", port);
  for (auto* client : {&reader, &waits, &backlog})
    asio::write(*client, asio::buffer(std::string(120, 'x')));
  read(at_reader, 120);
  read(at_waits, 20);
  EXPECT_THAT(asked({port}), UnorderedElementsAre(seen(acceptor, idle, {0, true, 0, 0}),
                                                  seen(acceptor, reader, {0, true, 120, 0}),
                                                  seen(acceptor, waits, {0, true, 20, 100}),
                                                  seen(acceptor, backlog, {0, false})));
}
TEST_F(Sockets, ShowsThoseOfTheAskedPortsOnly) {
  auto first = listener(io_, "127.0.0.1");
  auto second = listener(io_, "127.0.0.1");
  auto third = listener(io_, "127.0.0.1");
  std::vector<tcp::socket> kept;
  for (auto* acceptor : {&first, &second, &third}) {
    kept.push_back(connected(io_, "127.0.0.1", acceptor->local_endpoint().port()));
    kept.push_back(acceptor->accept());
  }
  const SocketSeen nothing_yet{0, true, 0, 0};
  EXPECT_THAT(
      asked({third.local_endpoint().port(), first.local_endpoint().port()}),
      UnorderedElementsAre(seen(first, kept[0], nothing_yet), seen(third, kept[4], nothing_yet)));
  EXPECT_THAT(asked({}), IsEmpty());
}
TEST_F(Sockets, ShowsIpv4AlsoWhereTheTargetListensForIpv6) {
  std::optional<tcp::acceptor> acceptor;
  try {
    acceptor = listener(io_, "::");
  } catch (const boost::system::system_error& error) {
    GTEST_SKIP() << "no IPv6 here: " << error.what();
  }
  const auto port = acceptor->local_endpoint().port();
  auto old = connected(io_, "127.0.0.1", port);
  auto at_old = acceptor->accept();
  EXPECT_THAT(asked({port}), ElementsAre(seen(*acceptor, old, {0, true, 0, 0})));
  auto plain = connected(io_, "::1", port);
  auto at_plain = acceptor->accept();
  EXPECT_THAT(asked({port}), UnorderedElementsAre(seen(*acceptor, old, {0, true, 0, 0}),
                                                  seen(*acceptor, plain, {0, true, 0, 0})));
}
TEST_F(Sockets, LeavesOutWhatTheTargetHasClosed) {
  auto acceptor = listener(io_, "127.0.0.1");
  const auto port = acceptor.local_endpoint().port();
  auto client = connected(io_, "127.0.0.1", port);
  auto served = acceptor.accept();
  served.shutdown(tcp::socket::shutdown_send);
  EXPECT_THAT(asked({port}), IsEmpty());
}
TEST_F(Sockets, ShowsThoseWhoseClientHasSentItsLast) {
  auto acceptor = listener(io_, "127.0.0.1");
  const auto port = acceptor.local_endpoint().port();
  auto client = connected(io_, "127.0.0.1", port);
  auto served = acceptor.accept();
  asio::write(client, asio::buffer(std::string(5, 'x')));
  client.shutdown(tcp::socket::shutdown_send);
  const auto found = asked({port});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].seen.read, 0U);  // FIN counts as a byte that waits
  EXPECT_EQ(found[0].seen.waiting, 6U);
}
TEST_F(Sockets, ShowAtTheDeadlineWhoListensAndWhatIsHalfClosed) {
  auto acceptor = listener(io_, "127.0.0.1");
  const auto port = acceptor.local_endpoint().port();
  auto open = connected(io_, "127.0.0.1", port);
  auto at_open = acceptor.accept();
  auto shut = connected(io_, "127.0.0.1", port);
  auto at_shut = acceptor.accept();
  at_shut.shutdown(tcp::socket::shutdown_send);
  auto closed = connected(io_, "127.0.0.1", port);
  acceptor.accept().close();
  auto done = connected(io_, "127.0.0.1", port);
  auto at_done = acceptor.accept();
  done.shutdown(tcp::socket::shutdown_send);
  EXPECT_THAT(
      asked({port}, WhichSockets::all_held),
      UnorderedElementsAre(TargetSocket{port, "", {}, true}, seen(acceptor, open, {0, true, 0, 0}),
                           seen(acceptor, shut, {0, true, 0, 0, HalfClosed::target}),
                           seen(acceptor, done, {0, true, 0, 1, HalfClosed::client})));
  acceptor.close();
  EXPECT_THAT(asked({port}, WhichSockets::all_held), ::testing::SizeIs(3));
}
TEST_F(Sockets, OfTheDeadlineHaveAnEventForEachPort) {
  testing::ScratchFolder folder;
  auto acceptor = listener(io_, "127.0.0.1");
  auto other = listener(io_, "127.0.0.1");
  const auto port = acceptor.local_endpoint().port();
  const auto idle = other.local_endpoint().port();
  auto client = connected(io_, "127.0.0.1", port);
  auto served = acceptor.accept();
  auto segment = *SegmentWriter::create(folder / "a.seg");
  record_sockets_at_deadline(segment, {port, idle});
  acceptor.close();
  other.close();
  record_sockets_at_deadline(segment, {port, idle});
  ASSERT_TRUE(segment.finish().has_value());
  const auto connection = " 127.0.0.1 " + std::to_string(client.local_endpoint().port()) + ":0";
  EXPECT_THAT(testing::words_of(folder / "a.seg"),
              ElementsAre("sockets_at_deadline " + std::to_string(port) + " 1" + connection,
                          "sockets_at_deadline " + std::to_string(idle) + " 1",
                          "sockets_at_deadline " + std::to_string(port) + " 0" + connection,
                          "sockets_at_deadline " + std::to_string(idle) + " 0"));
}
TEST_F(Sockets, AreRecordedInAsManyEventsAsTheyNeed) {
  testing::ScratchFolder folder;
  auto acceptor = listener(io_, "127.0.0.1");
  const auto port = acceptor.local_endpoint().port();
  auto client = connected(io_, "127.0.0.1", port);
  auto served = acceptor.accept();
  auto segment = *SegmentWriter::create(folder / "a.seg");
  record_sockets(segment, {port});
  record_sockets(segment, {});
  ASSERT_TRUE(segment.finish().has_value());
  EXPECT_THAT(testing::words_of(folder / "a.seg"),
              ElementsAre("sockets_at_stop " + std::to_string(port) + " 127.0.0.1 " +
                              std::to_string(client.local_endpoint().port()) + ":0",
                          "sockets_at_stop 0"));
}

TEST(KernelsAnswer, ThatIsAnErrorMeansThatNothingIsKnown) {
  struct {
    nlmsghdr header;
    std::int32_t error;
  } refusal{{sizeof refusal, NLMSG_ERROR, 0, 0, 0}, -EACCES};
  std::vector<TargetSocket> sockets;
  const auto answer = [&] {
    return add_dumped({reinterpret_cast<const char*>(&refusal), sizeof refusal}, {80}, sockets);
  };
  ASSERT_TRUE(answer().has_error());
  EXPECT_THAT(answer().error().message(), ::testing::HasSubstr("Permission denied"));
  refusal.header.nlmsg_type = NLMSG_DONE;
  EXPECT_TRUE(answer().has_error());
  refusal.error = 0;
  EXPECT_FALSE(*answer());  // the end
  refusal.header.nlmsg_len = 4000;
  EXPECT_TRUE(answer().has_error());
  EXPECT_TRUE(add_dumped("short", {80}, sockets).has_error());
  EXPECT_THAT(sockets, IsEmpty());
}

constexpr const char* kListed =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 "
    "1 0 100 0 0 10 0\n"
    "   1: 0100007F:1F90 0100007F:9C41 01 00000000:00000000 00:00000000 00000000     0        0 12 "
    "1 0 20 4 30 10 -1\n"
    "   2: 0100007F:1F90 0200007F:9C42 08 00000000:00000012 00:00000000 00000000     0        0 13 "
    "1 0 20 4 30 10 -1\n"
    "   3: 0100007F:1F90 0100007F:9C43 01 00000000:00000012 00:00000000 00000000     0        0 0 "
    "1 0 20 4 30 10 -1\n"
    "   4: 0100007F:1F91 0100007F:9C44 01 00000000:00000000 00:00000000 00000000     0        0 14 "
    "1 0 20 4 30 10 -1\n"
    "   5: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:9C45 01 "
    "00000000:00000000 00:00000000 00000000     0        0 15 1 0 20 4 30 10 -1\n"
    "   6: garbage\n";

TEST(ListOfProc, TellsEmptyQueuesFromOthers) {
  std::vector<TargetSocket> sockets;
  add_listed(kListed, {8080}, WhichSockets::open, sockets);
  EXPECT_THAT(
      sockets,
      ElementsAre(TargetSocket{8080, "127.0.0.1", {40001, true, {}, 0}},
                  TargetSocket{8080, "127.0.0.2", {40002, true, {}, 18, HalfClosed::client}},
                  TargetSocket{8080, "127.0.0.1", {40003, false}},
                  TargetSocket{8080, "127.0.0.1", {40005, true, {}, 0}}));
}
TEST(ListOfProc, ShowsAtTheDeadlineWhoListensAndWhatTheTargetHasShut) {
  std::vector<TargetSocket> sockets;
  add_listed(
      "heading\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
      "11\n"
      "   1: 0100007F:1F90 0100007F:9C41 05 00000000:00000000 00:00000000 00000000     0        0 "
      "12\n"
      "   2: 0100007F:1F90 0100007F:9C42 05 00000000:00000000 00:00000000 00000000     0        0 "
      "0\n"
      "   3: 0100007F:1F90 0100007F:9C43 06 00000000:00000000 00:00000000 00000000     0        0 "
      "0\n",
      {8080}, WhichSockets::all_held, sockets);
  EXPECT_THAT(
      sockets,
      ElementsAre(TargetSocket{8080, "", {}, true},
                  TargetSocket{8080, "127.0.0.1", {40001, true, {}, 0, HalfClosed::target}}));
}
TEST(ListOfProc, OfNothingIsEmpty) {
  std::vector<TargetSocket> sockets;
  add_listed("", {8080}, WhichSockets::open, sockets);
  EXPECT_THAT(sockets, IsEmpty());
}

// What a client says it has written is what the kernel says its server has read, TLS or not.
void expect_same_count(const std::vector<Event>& events, const std::vector<TargetSocket>& sockets) {
  ASSERT_EQ(sockets.size(), 1U);
  std::optional<std::uint64_t> total;
  std::string local;
  for (const auto& event : events) {
    if (const auto* written = std::get_if<RequestWritten>(&event.body)) total = written->total;
    const auto* up = std::get_if<LayerUp>(&event.body);
    if (up != nullptr && up->layer == Layer::tcp) local = up->local;
  }
  ASSERT_TRUE(total);
  EXPECT_EQ(sockets[0].seen.read, total);
  EXPECT_EQ(sockets[0].seen.waiting, 0U);
  EXPECT_EQ(local_end(sockets[0].address, sockets[0].seen.client), local);
}

TEST_F(SessionAgainst, ServerThatReadTheWholeRequestHasReadWhatTheClientWrote) {
  for (const auto protocol : {Protocol::http, Protocol::https, Protocol::ws, Protocol::wss}) {
    std::vector<TargetSocket> sockets;
    const RawServer::Script script = [&](RawServer& s) {
      auto peer = s.accept();
      if (is_websocket(protocol)) {
        peer.accept_websocket();
        peer.read();  // a frame, in one piece
      } else {
        peer.read_request();
      }
      if (auto found = target_sockets({static_cast<std::uint16_t>(std::stoi(s.port()))}))
        sockets = std::move(*found);
    };
    const auto server = is_tls(protocol) ? tls_server(script) : this->server(script);
    SegmentWriter segment = *SegmentWriter::create(folder_ / "one.seg");
    SessionContext context{
        .io = io_, .tls = {}, .events = segment, .triggers = triggers_, .placeholders = {}};
    const auto group = group_of(protocol, server->port());
    auto tls = tls_contexts({group}, {}, certificate_);
    ASSERT_TRUE(tls.has_value()) << tls.error().message();
    context.tls = std::move(*tls);
    auto session = Session::create(context, testing::client(), group);
    session->start([] {});
    io_.restart();
    io_.run_for(std::chrono::seconds(15));
    session.reset();
    ASSERT_TRUE(segment.finish().has_value());
    server->finish();
    expect_same_count(testing::events_of(folder_ / "one.seg"), sockets);
  }
}

}  // namespace
}  // namespace lastcall

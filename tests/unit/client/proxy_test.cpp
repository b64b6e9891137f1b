// What each side of a proxied connection hears, byte for byte, and what it does not hear.
#include "client/proxy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/write.hpp>
#include <numeric>

#include "client/fault_victims.hpp"
#include "unit/client/event_words.hpp"
#include "unit/few_descriptors.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// How long nothing is waited for where nothing is to come.
constexpr auto kSilence = milliseconds(60);
constexpr auto kLimit = seconds(10);

// One side of a connection, and all that it has heard.
class Side {
 public:
  explicit Side(tcp::socket socket) : socket_(std::move(socket)) { socket_.non_blocking(true); }
  void say(const std::string& bytes) { asio::write(socket_, asio::buffer(bytes)); }
  // As much as goes without waiting.
  std::size_t say_what_fits(const std::string& bytes) {
    error_code ec;
    return socket_.write_some(asio::buffer(bytes), ec);
  }
  void fin() { socket_.shutdown(tcp::socket::shutdown_send); }
  void reset() {
    socket_.set_option(asio::socket_base::linger(true, 0));
    socket_.close();
  }
  void close() { socket_.close(); }
  // What it heard so far: bytes, then "|FIN" or "|RST".
  const std::string& heard() {
    std::array<char, 65536> block;
    error_code ec;
    while (!ended_ && !ec) {
      const auto n = socket_.read_some(asio::buffer(block), ec);
      heard_.append(block.data(), n);
    }
    if (!ended_ && ec != asio::error::would_block) {
      ended_ = true;
      heard_ += ec == asio::error::eof ? "|FIN" : "|RST";
    }
    return heard_;
  }

 private:
  tcp::socket socket_;
  std::string heard_;
  bool ended_ = false;
};

class ProxyBetween : public ::testing::Test {
 protected:
  struct Ends {
    Side client;
    Side target;
  };
  Ends connect(std::uint32_t client = 0) {
    tcp::socket socket(io_);
    socket.connect(listener_.local_endpoint());
    tcp::socket accepted = listener_.accept();
    EXPECT_FALSE(proxy_->interpose(connection_id({client}, 0), socket));
    EXPECT_NE(socket.remote_endpoint(), listener_.local_endpoint());
    return {Side(std::move(socket)), Side(std::move(accepted))};
  }
  void disturb(const DisturbNetwork& what) { proxy_->disturb({3}, what); }

  // Runs the proxy until the side has heard exactly this.
  void expect(Side& side, const std::string& text) {
    const auto limit = now() + kLimit;
    while (side.heard() != text && now() < limit) run_for(milliseconds(1));
    EXPECT_EQ(side.heard(), text);
  }
  // Runs the proxy for a while, after which the side has heard nothing more than this.
  void expect_no_more_than(Side& side, const std::string& text) {
    run_for(kSilence);
    EXPECT_EQ(side.heard(), text);
  }
  void run_for(milliseconds span) {
    io_.restart();  // it may have run empty
    io_.run_for(span);
  }
  void expect_nothing_is_left() {
    run_for(kLimit);
    EXPECT_TRUE(io_.stopped());
  }
  std::vector<std::string> words() {
    EXPECT_TRUE(segment_.finish().has_value());
    return testing::words_of(folder_ / "proxy.seg");
  }
  std::vector<std::uint64_t> disturbed() {
    EXPECT_TRUE(segment_.finish().has_value());
    std::vector<std::uint64_t> ids;
    for (const auto& event : testing::events_of(folder_ / "proxy.seg"))
      ids.push_back(std::get<NetworkDisturbed>(event.body).connection.value);
    return ids;
  }

  testing::ScratchFolder folder_;
  asio::io_context io_;
  tcp::acceptor listener_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  SegmentWriter segment_ = *SegmentWriter::create(folder_ / "proxy.seg");
  std::unique_ptr<Proxy> proxy_ = std::make_unique<Proxy>(io_, segment_, 7);
};

TEST_F(ProxyBetween, PassesBytesBothWays) {
  auto [client, target] = connect();
  client.say("question");
  expect(target, "question");
  target.say("answer");
  expect(client, "answer");
  EXPECT_THAT(words(), IsEmpty());
}

TEST_F(ProxyBetween, PassesFinOnAndTheOtherWayGoesOn) {
  auto [client, target] = connect();
  client.say("last");
  client.fin();
  expect(target, "last|FIN");
  target.say("but one thing");
  expect(client, "but one thing");
  target.fin();
  expect(client, "but one thing|FIN");
  expect_nothing_is_left();
}

TEST_F(ProxyBetween, PassesAResetOnEitherWay) {
  {
    auto [client, target] = connect(0);
    client.say("x");
    expect(target, "x");
    client.reset();
    expect(target, "x|RST");
  }
  auto [client, target] = connect(1);
  target.reset();
  expect(client, "|RST");
}

TEST_F(ProxyBetween, PassesAResetOnAfterAFin) {
  auto [client, target] = connect();
  client.fin();
  expect(target, "|FIN");
  target.say("x");
  expect(client, "x");
  target.reset();
  expect(client, "x|RST");
}

TEST_F(ProxyBetween, PassesOnTheResetThatAClosedSocketAnswersLateBytesWith) {
  auto [client, target] = connect();
  client.close();
  expect(target, "|FIN");
  target.say("late");
  const auto limit = now() + kLimit;
  // The first bytes draw the reset, later ones meet it.
  while (target.say_what_fits("x") > 0 && now() < limit) run_for(milliseconds(1));
  EXPECT_LT(now(), limit);
}

TEST_F(ProxyBetween, HoldsASenderUpWhoseReceiverDoesNotReadAndStillPassesItsResetOn) {
  auto [client, target] = connect();
  const std::string block(65536, 'x');
  std::size_t sent = 0;
  for (int idle = 0; idle < 50;) {
    const auto n = client.say_what_fits(block);
    idle = n > 0 ? 0 : idle + 1;
    sent += n;
    run_for(milliseconds(1));
    ASSERT_LT(sent, std::size_t{64} << 20) << "somebody keeps all of it";
  }
  client.reset();
  run_for(kSilence);
  // The kernel hands out what it had before it says that the connection was reset.
  EXPECT_THAT(target.heard(), ::testing::EndsWith("|RST"));
  EXPECT_THAT(words(), IsEmpty());
}

TEST_F(ProxyBetween, PassesManyBytesInOrder) {
  auto [client, target] = connect();
  std::string sent;
  for (int i = 0; i < 400'000; ++i) sent += std::to_string(i) + " ";
  for (std::size_t done = 0; done < sent.size(); run_for(milliseconds(1))) {
    done += client.say_what_fits(sent.substr(done, 50'000));
    target.heard();
  }
  client.fin();
  expect(target, sent + "|FIN");
}

class ProxyDisturbs : public ProxyBetween, public ::testing::WithParamInterface<Toward> {
 protected:
  // Which sides a fault "toward" hits.
  [[nodiscard]] bool hits_target() const { return GetParam() != Toward::clients; }
  [[nodiscard]] bool hits_client() const { return GetParam() != Toward::target; }
};
INSTANTIATE_TEST_SUITE_P(All, ProxyDisturbs,
                         ::testing::Values(Toward::target, Toward::clients, Toward::both),
                         [](const auto& param) { return std::string(name(param.param)); });

// Longer than what passes at once takes on a busy machine.
constexpr auto kHeld = std::chrono::seconds(1);

TEST_P(ProxyDisturbs, DelayPassesEveryByteAndTheEndOnLater) {
  auto [client, target] = connect();
  client.say("a");
  expect(target, "a");
  disturb({.action = NetworkAction::delay, .toward = GetParam(), .duration = kHeld});
  const auto begin = now();
  client.say("bc");
  client.fin();
  target.say("yz");
  expect(target, "abc|FIN");
  EXPECT_EQ(now() - begin >= kHeld, hits_target());
  target.fin();
  const auto fin = now();
  expect(client, "yz|FIN");
  EXPECT_EQ(now() - fin >= kHeld, hits_client());
  EXPECT_THAT(words(), ElementsAre("network_disturbed 3 1 0"));
}

TEST_P(ProxyDisturbs, DelayAlsoHoldsOfConnectionsThatComeLater) {
  disturb({.action = NetworkAction::delay, .toward = GetParam(), .duration = kHeld});
  auto [client, target] = connect();
  const auto begin = now();
  client.say("a");
  expect(target, "a");
  EXPECT_EQ(now() - begin >= kHeld, hits_target());
  EXPECT_THAT(words(), ElementsAre("network_disturbed 3 0 0"));
}

TEST_P(ProxyDisturbs, StallPassesNothingAndThenGoesOn) {
  auto [client, target] = connect();
  const auto begin = now();
  disturb({.action = NetworkAction::stall, .toward = GetParam(), .duration = kHeld});
  client.say("a");
  target.say("z");
  expect(target, "a");
  EXPECT_EQ(now() - begin >= kHeld, hits_target());
  expect(client, "z");
  EXPECT_EQ(now() - begin >= kHeld, hits_client() || hits_target());
  const auto after = now();
  client.say("b");
  expect(target, "ab");
  if (hits_target()) {
    EXPECT_LT(now() - after, kHeld) << "it is over";
  }
  EXPECT_THAT(words(), ElementsAre("network_disturbed 3 0 0"));
}

TEST_P(ProxyDisturbs, CutLetsTheSideHearNothingNotEvenAnEnd) {
  auto [client, target] = connect();
  client.say("a");
  expect(target, "a");
  disturb({.action = NetworkAction::cut, .toward = GetParam()});
  client.say("b");
  client.fin();
  target.say("y");
  target.fin();
  hits_target() ? expect_no_more_than(target, "a") : expect(target, "ab|FIN");
  hits_client() ? expect_no_more_than(client, "") : expect(client, "y|FIN");
  EXPECT_THAT(proxy_->silent_for_client(seconds(60)), SizeIs(hits_client() ? 1 : 0));
  EXPECT_THAT(words(), ElementsAre("network_disturbed 3 1 0"));
}

TEST_P(ProxyDisturbs, CutLetsTheSideHearNoResetEither) {
  auto [client, target] = connect();
  disturb({.action = NetworkAction::cut, .toward = GetParam()});
  if (hits_target()) {
    client.reset();
    expect_no_more_than(target, "");
    target.say("into the void");
    expect_no_more_than(target, "");
  } else {
    target.reset();
    expect_no_more_than(client, "");
  }
}

TEST_P(ProxyDisturbs, HalfCloseSendsFinAndTheOtherWayGoesOn) {
  auto [client, target] = connect();
  client.say("a");
  expect(target, "a");
  disturb({.action = NetworkAction::half_close, .toward = GetParam()});
  if (hits_target()) expect(target, "a|FIN");
  if (hits_client()) expect(client, "|FIN");
  client.say("b");
  target.say("y");
  hits_target() ? expect_no_more_than(target, "a|FIN") : expect(target, "ab");
  hits_client() ? expect_no_more_than(client, "|FIN") : expect(client, "y");
  EXPECT_THAT(words(), ElementsAre("network_disturbed 3 1 0"));
}

TEST_P(ProxyDisturbs, HalfCloseLeavesNothingBehindWhenBothSidesEndInOrder) {
  auto [client, target] = connect();
  disturb({.action = NetworkAction::half_close, .toward = GetParam()});
  client.fin();
  target.fin();
  expect(target, "|FIN");
  expect(client, "|FIN");
  expect_nothing_is_left();
}

TEST_P(ProxyDisturbs, ResetReachesTheSideAndTheOtherOnlyWhenItSpeaks) {
  auto [client, target] = connect();
  target.say("z");
  expect(client, "z");
  disturb({.action = NetworkAction::reset, .toward = GetParam()});
  if (hits_target()) expect(target, "|RST");
  if (hits_client()) expect(client, "z|RST");
  if (!hits_client()) {
    expect_no_more_than(client, "z");
    client.say("hello?");
    expect(client, "z|RST");
  }
  if (!hits_target()) {
    expect_no_more_than(target, "");
    target.say("hello?");
    expect(target, "|RST");
  }
  EXPECT_THAT(words(), ElementsAre("network_disturbed 3 0 1"));
}

TEST_P(ProxyDisturbs, TruncateEndsInOrderAtTheVeryByte) {
  auto [client, target] = connect();
  client.say("12");
  target.say("12");
  expect(target, "12");
  expect(client, "12");
  disturb({.action = NetworkAction::truncate, .toward = GetParam(), .at_byte = 5});
  client.say("34");
  target.say("34");
  expect(target, "1234");
  expect(client, "1234");
  client.say("56789");
  expect(target, hits_target() ? "12345|FIN" : "123456789");
  target.say("56789");
  expect(client, hits_client() ? "12345|FIN" : "123456789");
  const auto first = hits_target() ? "network_disturbed 3 5 4" : "network_disturbed 3 9 5";
  EXPECT_THAT(words(), ElementsAre(first)) << "at the moment it takes effect";
}

TEST_P(ProxyDisturbs, TruncateAlsoHoldsOfConnectionsThatComeLater) {
  disturb({.action = NetworkAction::truncate, .toward = GetParam(), .at_byte = 0});
  auto [client, target] = connect();
  if (hits_target()) expect(target, "|FIN");
  if (hits_client()) expect(client, "|FIN");
  EXPECT_THAT(words(), ElementsAre("network_disturbed 3 0 0"));
}

TEST_P(ProxyDisturbs, TruncateAtAByteThatHasPassedEndsAtOnce) {
  auto [client, target] = connect();
  client.say("123");
  target.say("123");
  expect(target, "123");
  expect(client, "123");
  disturb({.action = NetworkAction::truncate, .toward = GetParam(), .at_byte = 2});
  if (hits_target()) expect(target, "123|FIN");
  if (hits_client()) expect(client, "123|FIN");
}

TEST_F(ProxyBetween, HitsThatPercentageAndTheSameOnesAgain) {
  std::vector<Ends> ends;
  for (std::uint32_t i = 0; i < 10; ++i) ends.push_back(connect(i));
  disturb({.action = NetworkAction::reset, .percent = 30});
  const auto hit = disturbed();
  EXPECT_THAT(hit, SizeIs(3));
  std::vector<std::uint64_t> all;
  for (std::uint32_t i = 0; i < 10; ++i) all.push_back(connection_id({i}, 0).value);
  EXPECT_EQ(hit, chosen(all, 30, choice_seed(7, {3})));
  EXPECT_NE(hit, chosen(all, 30, choice_seed(8, {3}))) << "another plan hits others";
  for (std::uint32_t i = 0; i < 10; ++i) {
    const bool is_hit = std::ranges::count(hit, all[i]) > 0;
    is_hit ? expect(ends[i].client, "|RST") : expect_no_more_than(ends[i].client, "");
  }
}

TEST_F(ProxyBetween, HitsAboutThatPercentageOfThoseThatComeLater) {
  disturb({.action = NetworkAction::delay, .duration = milliseconds(1), .percent = 50});
  std::vector<Ends> ends;
  for (std::uint32_t i = 0; i < 60; ++i) ends.push_back(connect(i));
  const auto hit = disturbed();
  EXPECT_GT(hit.size(), 15U);
  EXPECT_LT(hit.size(), 45U);
}

TEST_F(ProxyBetween, ASecondFaultActsOnWhatTheFirstLeft) {
  auto [client, target] = connect();
  disturb({.action = NetworkAction::stall, .duration = seconds(60)});
  client.say("never arrives");
  run_for(milliseconds(5));
  disturb({.action = NetworkAction::reset});
  expect(target, "|RST");
  expect(client, "|RST");
}

TEST_F(ProxyBetween, SaysWhoseClientsHearNothingForLong) {
  const auto first = connect(1);
  EXPECT_THAT(proxy_->silent_for_client(seconds(3)), IsEmpty());
  disturb({.action = NetworkAction::stall, .toward = Toward::clients, .duration = seconds(30)});
  const auto second = connect(2);
  EXPECT_THAT(proxy_->silent_for_client(seconds(3)), ElementsAre(connection_id({1}, 0)));
  EXPECT_THAT(proxy_->silent_for_client(seconds(60)), IsEmpty());
  disturb({.action = NetworkAction::delay, .toward = Toward::clients, .duration = seconds(5)});
  EXPECT_THAT(proxy_->silent_for_client(seconds(3)), SizeIs(2));
}

TEST_F(ProxyBetween, GoesAwayWithItsConnections) {
  const auto before = testing::open_descriptors();
  {
    auto [client, target] = connect();
    proxy_.reset();
    expect(client, "|FIN");
    expect(target, "|FIN");
  }
  EXPECT_LE(testing::open_descriptors(), before);
}

TEST_F(ProxyBetween, ThatCannotBePutThereSaysSoInTheHistory) {
  tcp::socket socket(io_);
  socket.connect(listener_.local_endpoint());
  error_code ec;
  {
    const testing::FewDescriptors none(0);
    ec = proxy_->interpose({1}, socket);
  }
  EXPECT_EQ(ec, asio::error::no_descriptors);
  EXPECT_TRUE(socket.is_open()) << "it is still the caller's";
  EXPECT_THAT(words(), ElementsAre(::testing::StartsWith("events_lost proxy")));
}

TEST(Chosen, IsRoundedUpAndDoesNotDependOnWhoElseIsThere) {
  std::vector<std::uint64_t> numbers(100);
  std::iota(numbers.begin(), numbers.end(), 0);
  EXPECT_THAT(chosen({}, 100, 1), IsEmpty());
  EXPECT_THAT(chosen({1, 2, 3}, 1, 1), SizeIs(1));
  EXPECT_THAT(chosen({1, 2, 3}, 100, 1), SizeIs(3));
  const auto some = chosen(numbers, 40, 9);
  numbers.pop_back();
  const auto others = chosen(numbers, 40, 9);
  const auto differs = std::ranges::count_if(
      others, [&](auto number) { return std::ranges::count(some, number) == 0; });
  EXPECT_LE(differs, 1);
}

}  // namespace
}  // namespace lastcall

#include "trial/readiness.hpp"

#include <gmock/gmock.h>

#include <cerrno>

#include "client/session.hpp"
#include "unit/few_descriptors.hpp"
#include "unit/trial/fake_process.hpp"
#include "unit/trial/trial_fixture.hpp"

namespace lastcall {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

class Ready : public testing::TrialFixture {
 protected:
  Ready() { ready_.timeout = seconds(60); }
  void begin() {
    ReadinessWait wait{.io = io_,
                       .changes = changes_,
                       .ready = ready_,
                       .placeholders = placeholders_,
                       .process = process_,
                       .over = [this] { return over_; },
                       .extended = extended_,
                       .on_shortage = [this](const Error& error) { trouble_.note(error); }};
    boost::asio::co_spawn(io_, await_ready(std::move(wait)),
                          [this](std::exception_ptr problem, std::string missing) {
                            io_.stop();
                            if (problem) std::rethrow_exception(problem);
                            missing_ = std::move(missing);
                          });
  }
  // Until it is over; what is missing then.
  std::string wait() {
    begin();
    io_.restart();
    io_.run();
    return missing_.value_or("it never ended");
  }
  // Something has changed; whether the wait is over.
  bool ends() {
    changes_.notify();
    poll();
    return missing_.has_value();
  }

  Readiness ready_;
  testing::FakeProcess process_;
  bool over_ = false;
  std::function<TimePoint(Nanoseconds)> extended_;
  std::optional<std::string> missing_;
};

TEST_F(Ready, IsThereOnceEachConditionHeld) {
  ready_.notify = true;
  ready_.logs = {"^up", "^warm"};
  process_.lines_came = {true, false};
  begin();
  EXPECT_FALSE(ends());
  process_.notify("READY=1");
  EXPECT_FALSE(ends());
  process_.lines_came[1] = true;
  EXPECT_TRUE(ends());
  EXPECT_EQ(missing_, "");
}

TEST_F(Ready, SaysWhatIsMissingWhenTheTimeIsUp) {
  ready_ = {.notify = true,
            .urls = {"http://127.0.0.1:{port}/"},
            .ports = {"{port.tls}"},
            .logs = {"^up", "^warm"},
            .timeout = {}};
  process_.lines_came = {true, false};
  EXPECT_EQ(wait(), "READY=1, url http://127.0.0.1:{port}/, port {port.tls}, log \"^warm\"");
}

TEST_F(Ready, OfAPortIsAConnection) {
  ready_.ports = {"{port}"};
  const auto listener = listen();
  placeholders_["port"] = std::to_string(listener.local_endpoint().port());
  EXPECT_EQ(wait(), "");
}

TEST_F(Ready, OfAPortSaysWhichAddressWasTried) {
  ready_.ports = {"{port}"};
  {
    const auto closed = listen();
    placeholders_["port"] = std::to_string(closed.local_endpoint().port());
  }
  ready_.timeout = std::chrono::milliseconds(20);
  EXPECT_EQ(wait(), "port {port} (127.0.0.1:" + placeholders_["port"] + ": Connection refused)");
}

TEST_F(Ready, OfAPortSaysThatSomebodyListensAtTheOtherLoopbackAddress) {
  using boost::asio::ip::tcp;
  tcp::acceptor six(io_);
  const tcp::endpoint any_port(boost::asio::ip::address_v6::loopback(), 0);
  boost::system::error_code no_ipv6;
  six.open(any_port.protocol(), no_ipv6);
  if (!no_ipv6) six.bind(any_port, no_ipv6);
  if (no_ipv6) GTEST_SKIP() << "no IPv6: " << no_ipv6.message();
  six.listen();
  ready_.ports = {"{port}"};
  placeholders_["port"] = std::to_string(six.local_endpoint().port());
  ready_.timeout = std::chrono::milliseconds(20);
  EXPECT_THAT(wait(), HasSubstr(": Connection refused, but somebody listens at [::1]:" +
                                placeholders_["port"]));
}

TEST_F(Ready, OfAUrlIsAnAnswerOf2xx) {
  ready_.urls = {"http://127.0.0.1:{port}/"};
  placeholders_["port"] =
      serve({testing::http_answer("503 Service Unavailable", "warming up"),
             testing::http_answer("302 Found"), testing::http_answer("200 OK")});
  EXPECT_EQ(wait(), "");
}

TEST_F(Ready, OfAUrlSaysWhatWasAnsweredLast) {
  ready_.urls = {"http://127.0.0.1:{port}/"};
  placeholders_["port"] = serve({testing::http_answer("503 Service Unavailable", "warming up")},
                                [this] { over_ = true; });
  EXPECT_EQ(wait(), "url http://127.0.0.1:{port}/ (last answer: 503 \"warming up\")");
}

TEST_F(Ready, OfATargetThatAsksForTimeIsWaitedFor) {
  ready_ = {.notify = true, .urls = {}, .ports = {}, .logs = {}, .timeout = {}};
  extended_ = [](Nanoseconds timeout) { return now() + timeout + seconds(60); };
  begin();
  EXPECT_FALSE(ends());
  process_.notify("READY=1");
  EXPECT_TRUE(ends());
  EXPECT_EQ(missing_, "");
}

TEST_F(Ready, CannotBeAskedWithoutDescriptors) {
  ASSERT_TRUE(client_tls(""));  // OpenSSL reads its configuration with the first one
  for (const bool is_url : {false, true}) {
    ready_ = {.notify = false, .urls = {}, .ports = {}, .logs = {}, .timeout = seconds(60)};
    (is_url ? ready_.urls : ready_.ports) = {is_url ? "http://127.0.0.1:9/" : "9"};
    trouble_ = {};
    missing_.reset();
    begin();
    {
      const testing::FewDescriptors none(0);
      EXPECT_FALSE(ends());
    }
    over_ = true;
    changes_.notify();
    io_.restart();
    io_.run();
    over_ = false;
    ASSERT_TRUE(trouble_.first());
    EXPECT_EQ(trouble_.first()->error_number, EMFILE);
    EXPECT_THAT(trouble_.first()->message(), HasSubstr(is_url ? "http://127.0.0.1:9/" : " 9"));
  }
}

TEST_F(Ready, OfATargetThatDoesNotListenIsItsOwnTrouble) {
  ready_.ports = {"9"};
  begin();
  EXPECT_FALSE(ends());
  over_ = true;
  EXPECT_TRUE(ends());
  EXPECT_FALSE(trouble_.first());
}

TEST_F(Ready, IsNotWaitedForWhenItIsOver) {
  ready_.notify = true;
  begin();
  EXPECT_FALSE(ends());
  over_ = true;
  EXPECT_TRUE(ends());
  EXPECT_EQ(missing_, "READY=1");
}

}  // namespace
}  // namespace lastcall

#include "reference_server/endpoints.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "reference_server/identity.hpp"
#include "reference_server/lifetime.hpp"
#include "unit/reference_server/served.hpp"

namespace reference_server {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using testing::HasSubstr;

class EndpointsTest : public Served {
 protected:
  void SetUp() override {
    Served::SetUp();
    open();
    Pipeline::Options options;
    options.executor = io_.get_executor();
    options.handlers[Protocol::posted_events] = std::make_unique<PostedEvents>();
    pipeline_.emplace(std::move(options), *store_, log_, metrics_);
    pipeline_->start();
    endpoints_.emplace(io_.get_executor(), *pipeline_, *store_, log_, metrics_);
  }

  Response ask_for(http::verb method, const std::string& target, const std::string& body = "") {
    Request request(method, target, 11);
    request.body() = body;
    std::optional<Response> response;
    asio::co_spawn(io_, endpoints_->answer(request),
                   [&](const std::exception_ptr& error, Response answer) {
                     EXPECT_FALSE(error);
                     response = std::move(answer);
                   });
    until([&] { return response.has_value(); });
    return *response;
  }
  Response get(const std::string& target) { return ask_for(http::verb::get, target); }
  Response post(const std::string& body) { return ask_for(http::verb::post, "/events", body); }

  std::optional<Pipeline> pipeline_;
  std::optional<Endpoints> endpoints_;
};

TEST_F(EndpointsTest, HealthTellsWhichBuildItIs) {
  const auto health = get("/health");
  EXPECT_EQ(health.result_int(), 200U);
  const auto said = boost::json::parse(health.body());
  EXPECT_EQ(said.at("status"), "serving");
  EXPECT_EQ(said.at("build_id").as_string(), identity().build_id);
  EXPECT_EQ(said.at("features").at("tls"), true);
}

TEST_F(EndpointsTest, FromTheStopOnEverythingButSelfDescriptionIsRefused) {
  EXPECT_EQ(get("/ready").result_int(), 200U);
  endpoints_->begin_stop();
  EXPECT_EQ(get("/health").result_int(), 503U);
  EXPECT_EQ(get("/ready").result_int(), 503U);
  EXPECT_EQ(post(R"({"id":"a"})").result_int(), 503U);
  EXPECT_EQ(get("/metrics").result_int(), 200U);
}

TEST_F(EndpointsTest, EventsCanBeListedAndFound) {
  EXPECT_EQ(post(R"({"id":"a","value":1})").result_int(), 201U);
  EXPECT_EQ(post(R"({"id":"b"})").result_int(), 201U);
  EXPECT_THAT(get("/events").body(), HasSubstr(R"("id":"b")"));
  EXPECT_THAT(get("/events?limit=1").body(), testing::Not(HasSubstr(R"("id":"b")")));
  EXPECT_THAT(get("/events?after=1").body(), testing::Not(HasSubstr(R"("id":"a")")));
  EXPECT_EQ(get("/events?after=x").result_int(), 400U);
  EXPECT_THAT(get("/events/a").body(), HasSubstr(R"("value":1)"));
  EXPECT_EQ(get("/events/none").result_int(), 404U);
}

TEST_F(EndpointsTest, SlowTakesItsTimeAndRefusesNonsense) {
  EXPECT_EQ(get("/slow?ms=1").result_int(), 200U);
  for (const auto* target : {"/slow", "/slow?ms=", "/slow?ms=-1", "/slow?ms=60001", "/slow?x=1"}) {
    EXPECT_EQ(get(target).result_int(), 400U) << target;
  }
  EXPECT_EQ(get("/nothing").result_int(), 404U);
}

TEST_F(EndpointsTest, MetricsAreInTheFormatOfPrometheus) {
  post(R"({"id":"a"})");
  const auto text = get("/metrics").body();
  EXPECT_THAT(text, HasSubstr("# TYPE reference_server_events_stored_total counter\n"
                              "reference_server_events_stored_total 1\n"));
  EXPECT_THAT(text, HasSubstr("reference_server_log_level{level=\"error\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("build_id=\"" + identity().build_id + "\""));
}

TEST(LifetimeTest, ComesBackFromItsCheckpoint) {
  Lifetime lifetime{.starts = 2, .stops = 1, .connections = 7, .store = {5, 9, "id"}};
  const auto format = lifetime_format();
  const auto back = format.deserialise(format.serialise(lifetime), 1);
  ASSERT_TRUE(back);
  EXPECT_EQ(lifetime_text(*back), lifetime_text(lifetime));
  EXPECT_FALSE(format.deserialise("{}", 2));
}

TEST(LifetimeTest, NoticesADatabaseThatLostEvents) {
  const Lifetime known{.starts = 1, .stops = 0, .connections = 0, .store = {5, 9, "id"}};
  EXPECT_EQ(lost_since(known, {5, 9, "id"}), "");
  EXPECT_EQ(lost_since(known, {6, 10, "next"}), "");
  EXPECT_THAT(lost_since(known, {4, 8, "before"}), HasSubstr("the checkpoint knew 9 of 5"));
}

}  // namespace
}  // namespace reference_server

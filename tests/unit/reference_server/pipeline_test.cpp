#include "reference_server/pipeline.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <exception>

#include "unit/reference_server/served.hpp"

namespace reference_server {
namespace {

namespace asio = boost::asio;
using testing::HasSubstr;

class PipelineTest : public Served {
 protected:
  void start(std::size_t capacity = 16) {
    open();
    Pipeline::Options options;
    options.executor = io_.get_executor();
    options.capacity = capacity;
    options.handlers[Protocol::staff_chat] = std::make_unique<StaffChat>("throw");
    options.handlers[Protocol::charge_points] = std::make_unique<ChargePoints>();
    options.handlers[Protocol::posted_events] = std::make_unique<PostedEvents>();
    pipeline_.emplace(std::move(options), *store_, log_, metrics_);
  }

  static asio::awaitable<void> submit(Pipeline& pipeline, Message message, int& submitted) {
    const bool taken = co_await pipeline.submit(std::move(message));
    submitted += taken ? 1 : 0;
  }
  void send(const std::string& path, const std::string& text) {
    Message message;
    message.route = *route_of(path);
    message.text = text;
    message.reply = [this](Answer answer) { answers_.push_back(std::move(answer)); };
    asio::co_spawn(io_, submit(*pipeline_, std::move(message), submitted_), asio::detached);
  }
  Answer say(const std::string& path, const std::string& text) {
    const auto before = answers_.size();
    send(path, text);
    until([&] { return answers_.size() > before; });
    return answers_.back();
  }

  std::optional<Pipeline> pipeline_;
  std::vector<Answer> answers_;
  int submitted_ = 0;
};

TEST_F(PipelineTest, ChargePointsGetTheirResultOnceTheCallIsStored) {
  start();
  pipeline_->start();
  const auto boot = say("/ocpp/CP1", R"([2,"1","BootNotification",{"chargePointVendor":"v"}])");
  EXPECT_THAT(boot.text, HasSubstr(R"([3,"1",{"status":"Accepted")"));
  EXPECT_THAT(say("/ocpp/CP1", R"([2,"2","Heartbeat",{}])").text,
              HasSubstr(R"([3,"2",{"currentTime")"));
  EXPECT_EQ(say("/ocpp/CP1", R"([2,"3","StatusNotification",{}])").text, R"([3,"3",{}])");
  EXPECT_EQ(say("/ocpp/CP1", R"([2,"4","MeterValues",{}])").text, R"([3,"4",{}])");
  const auto stored = ask({});
  ASSERT_EQ(stored.size(), 4U);
  EXPECT_EQ(stored[0].event.source, "ocpp/CP1");
  EXPECT_EQ(stored[3].event.kind, "MeterValues");
}

TEST_F(PipelineTest, WhatIsNoCallIsRefusedAndNotStored) {
  start();
  pipeline_->start();
  for (const auto* text :
       {"", "{", "[]", R"([3,"1",{}])", R"([2,1,"Heartbeat",{}])", R"([2,"","Heartbeat",{}])"}) {
    EXPECT_THAT(say("/ocpp/CP1", text).text, HasSubstr(R"([4,"-1","FormationViolation")")) << text;
  }
  EXPECT_THAT(say("/ocpp/CP1", R"([2,"5","Reset",{}])").text,
              HasSubstr(R"([4,"5","NotImplemented")"));
  EXPECT_TRUE(ask({}).empty());
}

TEST_F(PipelineTest, StaffGetInitAcknowledgementAndHistory) {
  start();
  pipeline_->start();
  EXPECT_EQ(say("/staff", R"({"type":"init","user":"ann"})").text,
            R"({"type":"init","user":"ann"})");
  EXPECT_EQ(say("/staff", R"({"type":"message","id":"m1","text":"hello"})").text,
            R"({"type":"ack","id":"m1"})");
  const auto history = say("/staff", R"({"type":"history","id":"h1","limit":10})").text;
  EXPECT_THAT(history, HasSubstr(R"("type":"history","id":"h1")"));
  EXPECT_THAT(history, HasSubstr(R"("id":"m1","text":"hello")"));
  EXPECT_EQ(ask({}).size(), 2U);  // the question too
  EXPECT_THAT(say("/staff", R"({"type":"shout"})").text, HasSubstr("unknown type"));
}

TEST_F(PipelineTest, PostedEventsTellNewFromKnownFromOther) {
  start();
  pipeline_->start();
  EXPECT_EQ(say("/events", R"({"id":"e","value":1})").status, 201U);
  EXPECT_EQ(say("/events", R"({"id":"e","value":1})").status, 200U);
  EXPECT_EQ(say("/events", R"({"id":"e","value":2})").status, 409U);
  EXPECT_EQ(say("/events", "no JSON").status, 400U);
  EXPECT_EQ(say("/events", R"({"value":1})").status, 400U);
}

TEST_F(PipelineTest, AnExceptionEndsItsConnectionAndNothingElse) {
  start();
  pipeline_->start();
  const auto failed = say("/staff", R"({"type":"message","id":"m1","text":"throw"})");
  EXPECT_TRUE(failed.failed);
  EXPECT_EQ(metrics_.handler_failures, 1U);
  EXPECT_FALSE(say("/staff", R"({"type":"message","id":"m2","text":"fine"})").failed);
  EXPECT_EQ(ask({}).size(), 1U);
}

TEST_F(PipelineTest, AFullQueueHoldsBackWhoFillsItAndDropsNothing) {
  start(2);
  for (int i = 0; i < 50; ++i) send("/events", R"({"id":")" + std::to_string(i) + "\"}");
  io_.poll();  // no stage runs: only the first queue takes
  EXPECT_EQ(submitted_, 2);
  io_.restart();
  pipeline_->start();
  until([&] { return answers_.size() == 50; });
  EXPECT_EQ(submitted_, 50);
  EXPECT_EQ(ask({}).size(), 50U);
}

TEST_F(PipelineTest, DrainAnswersWhatIsInItAndTakesNothingNew) {
  start(4);
  pipeline_->start();
  for (int i = 0; i < 4; ++i) send("/events", R"({"id":")" + std::to_string(i) + "\"}");
  io_.poll();
  io_.restart();
  bool drained = false;
  asio::co_spawn(io_, pipeline_->drain(), [&](const std::exception_ptr&) { drained = true; });
  until([&] { return drained; });
  EXPECT_EQ(answers_.size(), static_cast<std::size_t>(submitted_));
  const int before = submitted_;
  send("/events", R"({"id":"late"})");
  io_.restart();
  io_.poll();
  EXPECT_EQ(submitted_, before);
}

TEST(Routes, AreKnownByTheirPath) {
  EXPECT_EQ(route_of("/staff")->source, "staff");
  EXPECT_EQ(route_of("/ocpp/CP1")->source, "ocpp/CP1");
  EXPECT_FALSE(route_of("/ocpp/"));
  EXPECT_FALSE(route_of("/ocpp/a/b"));
  EXPECT_FALSE(route_of("/chat"));
}

}  // namespace
}  // namespace reference_server

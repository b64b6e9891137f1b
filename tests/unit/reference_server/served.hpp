// The parts behind the connections, with a database of their own and the network thread played by
// the test.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <functional>

#include "reference_server/charge_points.hpp"
#include "reference_server/endpoints.hpp"
#include "reference_server/event_store.hpp"
#include "reference_server/log.hpp"
#include "reference_server/pipeline.hpp"
#include "reference_server/posted_events.hpp"
#include "reference_server/staff_chat.hpp"

namespace reference_server {

class Served : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = testing::TempDir() + test->test_suite_name() + "." + test->name() + "." +
              std::to_string(::getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open(std::size_t batch = 512) {
    auto opened = EventStore::open(
        {folder_ + "/events.db", batch,
         [this](std::function<void()> call) { boost::asio::post(io_, std::move(call)); }},
        log_, metrics_);
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = std::move(*opened);
  }
  // Runs the network thread until `holds`; a test that waits forever fails by its time limit.
  void until(const std::function<bool()>& holds) {
    const auto work = boost::asio::make_work_guard(io_);
    io_.restart();  // it stops whenever it runs out of work
    while (!holds()) io_.run_one();
  }
  Stored add(const Event& event) {
    std::optional<Stored> how;
    store_->add(event, [&](Stored stored) { how = stored; });
    until([&] { return how.has_value(); });
    return *how;
  }
  std::vector<StoredEvent> ask(const EventStore::Question& question) {
    std::optional<std::vector<StoredEvent>> found;
    store_->read(question, [&](std::vector<StoredEvent> events) { found = std::move(events); });
    until([&] { return found.has_value(); });
    return *found;
  }

  std::string folder_;
  boost::asio::io_context io_{1};
  Log log_{{.level = Log::Level::error, .file = {}}};
  Metrics metrics_;
  std::unique_ptr<EventStore> store_;
};

}  // namespace reference_server

#include "reference_server/log.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace reference_server {
namespace {

class LogTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::ifstream file(path_);
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  }
  Log::Options options(bool asynchronous, std::size_t queue, Log::Overrun overrun) const {
    return {Log::Level::info, asynchronous, queue, overrun, path_};
  }
  std::string path_ = testing::TempDir() + "log_test_" + std::to_string(::getpid());
};

TEST_F(LogTest, AFullQueueThatWaitsLosesNothing) {
  Log log(options(true, 4, Log::Overrun::wait));
  for (int i = 0; i < 2000; ++i) log.info("line " + std::to_string(i));
  log.settle();
  EXPECT_EQ(lines().size(), 2000U);
  EXPECT_EQ(log.dropped(), 0U);
}

TEST_F(LogTest, WhatAFullQueueDropsIsCounted) {
  Log log(options(true, 2, Log::Overrun::drop_oldest));
  for (int i = 0; i < 20'000; ++i) log.info("line");
  log.settle();
  EXPECT_EQ(lines().size() + log.dropped() >= 20'000U, true);
  EXPECT_LE(lines().size(), 20'000U);
}

TEST_F(LogTest, LinesAfterSettlingAreThereAtOnce) {
  Log log(options(true, 100, Log::Overrun::wait));
  log.info("before");
  log.settle();
  log.info("after");
  ASSERT_EQ(lines().size(), 2U);
  EXPECT_NE(lines()[1].find(" info after"), std::string::npos);
}

TEST_F(LogTest, TheLevelCanChangeWhileItIsUsed) {
  Log log(options(true, 100, Log::Overrun::wait));
  log.debug("unseen");
  log.set_level(Log::Level::debug);
  log.debug("seen");
  log.settle();
  log.debug("seen after settling");
  EXPECT_EQ(lines().size(), 2U);
}

TEST_F(LogTest, AFileThatCannotBeOpenedIsAnError) {
  EXPECT_THROW(Log({Log::Level::info, false, 1, Log::Overrun::wait, "/dev/null/log"}),
               std::exception);
}

}  // namespace
}  // namespace reference_server

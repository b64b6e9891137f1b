#include "base/nearest_name.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace lastcall {
namespace {

TEST(NearestName, IsFoundOnlyIfItIsNear) {
  const std::vector<std::string> names{"command", "directory", "ready"};
  EXPECT_EQ(nearest_name("comand", names), "command");
  EXPECT_EQ(nearest_name("redy", names), "ready");
  EXPECT_EQ(nearest_name("xyz", names), std::nullopt);
  EXPECT_EQ(nearest_name("", names), std::nullopt);
  EXPECT_EQ(nearest_name("command", {}), std::nullopt);
}

}  // namespace
}  // namespace lastcall

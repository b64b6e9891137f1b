#include "base/signal_names.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace lastcall {
namespace {

TEST(SignalNames, AreThoseOfTheManualWithTheirPrefix) {
  EXPECT_EQ(signal_number("SIGTERM"), SIGTERM);
  EXPECT_EQ(signal_number("TERM"), std::nullopt);
}

TEST(SignalNames, ComeBackAsTheirNumbers) {
  for (int number = 1; number < 32; ++number) EXPECT_EQ(signal_number(signal_name(number)), number);
}

}  // namespace
}  // namespace lastcall

// What `lastcall list faults` says of the faults, from the same table as their keys.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "scenario/keys.hpp"

namespace lastcall {
namespace {

std::map<std::string, std::string> listed() {
  std::map<std::string, std::string> texts;
  for (const auto& [name, about] : listed_faults()) texts[name] = about;
  return texts;
}

TEST(ListedFaults, AreThoseThatAScenarioMayName) {
  const auto texts = listed();
  for (const auto what : faults_table().key("what").choices)
    EXPECT_TRUE(texts.contains(std::string(what))) << what;
}

TEST(ListedFaults, NameTheirKeysAndWhatTheyTake) {
  auto texts = listed();
  EXPECT_EQ(texts["stop"], "one of the target's stop signals [to]");
  EXPECT_EQ(texts["double-signal"],
            "two signals with a gap between them: signal, second [gap, to]");
  EXPECT_EQ(texts["network"],
            "changes the connections of groups with proxy = true: action = delay, stall, cut, "
            "half-close, reset or truncate [for, at_byte, toward, percent]");
  EXPECT_EQ(texts["syscall"],
            "changes what becomes of a system call: error = \"ENOSPC\", short_write = true or "
            "delay, for several calls in a row [count]; needs when = { syscall }");
  EXPECT_EQ(texts["limit"],
            "limits what the target may use from then on: one of descriptors, memory, disk, cpu");
}

}  // namespace
}  // namespace lastcall

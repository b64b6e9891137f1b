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
            "makes system calls fail, write only half or come later: error = \"ENOSPC\", "
            "short_write = true or delay, for several in a row [count]; needs when = { syscall }");
  EXPECT_EQ(texts["hold"],
            "lets the thread that comes to a function stand there, while all others go on: a race "
            "whose window is too short to be hit by chance; needs when = { function }");
  EXPECT_EQ(texts["limit"],
            "limits what the target may use from then on: one of descriptors, memory, disk, cpu");
}

TEST(ListedFaults, ExplainEachKeyOfAFaultAndOfItsMoment) {
  auto texts = listed();
  for (const auto& key : faults_table().keys)
    EXPECT_TRUE(key.name == "what" || texts.contains(std::string(key.name) + " = ")) << key.name;
  for (const auto& key : faults_table().key("when").table->keys)
    EXPECT_TRUE(texts.contains("when." + std::string(key.name) + " = ")) << key.name;
  EXPECT_EQ(texts["toward = "],
            "network: which direction, named after who receives. One of target, clients, both. "
            "Default: \"both\".");
  EXPECT_EQ(
      texts["when = "],
      "When: a time in a phase, or the Nth event, system call or visit of a kind. Exactly one of "
      "phase, event, log, notification, syscall, function.");
  EXPECT_EQ(texts["when.event = "],
            "Something that a client does. One of connected, handshake, sent, acknowledged.");
}

}  // namespace
}  // namespace lastcall

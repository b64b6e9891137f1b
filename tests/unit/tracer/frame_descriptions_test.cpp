#include "tracer/stacks/frame_descriptions.hpp"

#include <gtest/gtest.h>

#include <span>
#include <string>

#include "unit/tracer/fake_ptrace.hpp"

namespace lastcall::frame_descriptions_test {
namespace {

constexpr std::uint64_t kSection = 0x10000;
constexpr std::uint64_t kCode = 0x400000;
constexpr std::uint64_t kFunction = 16;  // bytes of code

void put(std::string& section, std::uint32_t number) {
  section.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// Of `functions` one behind the other: what is common to them, and 20 bytes each.
std::string described(std::uint64_t functions) {
  std::string section;
  put(section, 16);
  put(section, 0);
  section += std::string("\1zR\0\1\x78\x10\1\x1b\0\0\0", 12);
  for (std::uint64_t i = 0; i < functions; ++i) {
    put(section, 16);
    put(section, static_cast<std::uint32_t>(section.size()));  // back to the common part
    const auto here = kSection + section.size();
    put(section, static_cast<std::uint32_t>(kCode + i * kFunction - here));
    put(section, kFunction);
    put(section, 0);
  }
  return section;
}

// What is found if memory ends behind this number of pages.
std::vector<FrameDescription> found(std::string section, std::size_t pages) {
  testing::FakePtrace calls;
  const auto size = section.size();
  section.resize(pages * Memory::kPage);
  EXPECT_EQ(calls.write_memory(1, kSection, std::as_bytes(std::span(section))), 0);
  Memory memory(calls, 1);
  return frame_descriptions_in(kSection, size, memory);
}

TEST(FrameDescriptions, AreFoundByTheCodeThatTheyAreAbout) {
  const auto all = found(described(300), 2);
  ASSERT_EQ(all.size(), 300U);
  for (std::uint64_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].begin, kCode + i * kFunction);
    EXPECT_EQ(all[i].end, kCode + (i + 1) * kFunction);
    EXPECT_EQ(all[i].at, kSection + 20 + i * 20);
  }
}

TEST(FrameDescriptions, ThatCanBeReadAreFoundInASectionThatCannotBeReadWhole) {
  EXPECT_EQ(found(described(300), 1).size(), (Memory::kPage - 20) / 20);
  EXPECT_TRUE(found(described(300), 0).empty());
}

TEST(FrameDescriptions, EndWithALengthOfZero) {
  EXPECT_EQ(found(described(3) + std::string(4, '\0') + described(1), 1).size(), 3U);
}

}  // namespace
}  // namespace lastcall::frame_descriptions_test

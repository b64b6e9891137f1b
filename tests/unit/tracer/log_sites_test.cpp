#include "tracer/symbols/log_sites.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/prng.hpp"
#include "unit/scratch_folder.hpp"
#include "unit/tracer/traced.hpp"

namespace lastcall::log_sites_test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// "LINE FUNCTION: TEXT" of each site, in order.
std::vector<std::string> found(const std::vector<std::string>& lines) {
  const auto file = ElfFile::of(ScopedFd(::open(kLogSubject.c_str(), O_RDONLY | O_CLOEXEC)));
  std::vector<std::string> words;
  for (const auto& site : log_sites(*file, lines)) {
    const auto functions = file->functions_at({&site.address, 1});
    words.push_back(std::to_string(site.line) + " " + functions[0].name + ": " + site.text);
  }
  return words;
}

TEST(LogSites, NameTheCodeThatWritesALineTheLastLineFirst) {
  EXPECT_THAT(found({"12:04 connection 7 of client bob   was opened", "tick",
                     "the last connection was closed"}),
              ElementsAre("2 app::note_closed(): the last connection was closed",
                          "0 app::note_opened(int, char const*): connection "));
}

TEST(LogSites, FollowATableOfMessages) {
  EXPECT_THAT(found({"state: draining everything"}),
              Contains(AllOf(HasSubstr("app::note_state"), HasSubstr("draining everything"))));
}

TEST(LogSites, KnowALineThatIsPutTogether) {
  EXPECT_THAT(found({"drained 12 messages in all"}),
              Contains(AllOf(HasSubstr("app::note_count"), HasSubstr(" messages in all"))));
}

TEST(LogSites, AreNoneOfALineThatSomebodyElseWrites) {
  EXPECT_THAT(found({"Segmentation fault (core dumped)", "conn", ""}),
              Not(Contains(HasSubstr("app::"))));
  EXPECT_THAT(found({}), IsEmpty());
}

TEST(LogSites, AreLeftOutWhereTheFileIsDamaged) {
  testing::ScratchFolder folder;
  const auto whole = read_file(kLogSubject);
  ASSERT_TRUE(whole);
  const std::vector<std::string> lines{"the last connection was closed"};
  Prng draws(5);
  for (int i = 0; i < 200; ++i) {
    auto bytes = *whole;
    for (int k = 0; k < 40; ++k)
      bytes[draws.between(0, bytes.size() - 1)] = static_cast<char>(draws.next());
    if (i % 2 == 0) bytes.resize(draws.between(0, bytes.size() - 1));
    const auto path = folder.write("damaged" + std::to_string(i), bytes);
    if (const auto file = ElfFile::of(ScopedFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC))))
      EXPECT_LT(log_sites(*file, lines).size(), 1000U);
  }
}

}  // namespace
}  // namespace lastcall::log_sites_test

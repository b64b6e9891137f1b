#include "base/pattern.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <chrono>
#include <stdexcept>

namespace lastcall {
namespace {

TEST(Pattern, IsFoundAnywhereInATextOfAnyView) {
  EXPECT_TRUE(Pattern("b+").found_in("abbc"));
  EXPECT_FALSE(Pattern("b+").found_in(std::string_view("abbc").substr(0, 1)));
  EXPECT_TRUE(Pattern("x*").found_in({}));
}

TEST(Pattern, ACaretMatchesOnlyWhereALineBegins) {
  EXPECT_TRUE(Pattern("^ready").found_in("ready"));
  EXPECT_FALSE(Pattern("^ready").found_in("ready", false));
}

TEST(Pattern, GivesWhatItsGroupsCaptured) {
  const Pattern pattern("(a)|(b)");
  EXPECT_EQ(pattern.groups(), 2U);
  EXPECT_EQ(pattern.match_in("xb"), (std::vector<std::string>{"b", "", "b"}));
  EXPECT_EQ(pattern.match_in("x"), std::nullopt);
}

TEST(Pattern, ACaretOfTheWholeTextIsNoneOfItsLines) {
  EXPECT_FALSE(Pattern("^b$").found_in("a\nb"));
  EXPECT_TRUE(Pattern("(?m)^b$").found_in("a\nb"));
  EXPECT_FALSE(Pattern("a.b").found_in("a\nb"));
  EXPECT_FALSE(Pattern("^b").found_in("b", false));
  EXPECT_TRUE(Pattern("\\bb").found_in("b", false)) << "a word begins there";
}

TEST(Pattern, DistinguishesUpperAndLowerCaseUnlessItSaysSo) {
  EXPECT_FALSE(Pattern("ready").found_in("READY"));
  EXPECT_TRUE(Pattern("(?i)ready").found_in("READY"));
}

TEST(Pattern, MatchesBytesThatAreNoCharacters) {
  EXPECT_TRUE(Pattern("^id=.+ done$").found_in("id=\xff\xfe\x80 done"));
  EXPECT_TRUE(Pattern("^.$").found_in(std::string_view("\0", 1)));
  EXPECT_TRUE(Pattern("gr\u00fc\u00df").found_in("\xff gr\u00fc\u00dfe"));
  EXPECT_TRUE(Pattern("^..$").found_in("\u00fc")) << "a character of two bytes";
  EXPECT_EQ(Pattern("(\\xff)").match_in("a\xff"), (std::vector<std::string>{"\xff", "\xff"}));
}

// What a backtracking engine tries in some 2^35 ways.
TEST(Pattern, IsSearchedInLinearTime) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(Pattern("^([a-z]+ ?)*$").found_in(std::string(34, 'a') + "!"));
  EXPECT_FALSE(Pattern("(x+x+)+y").found_in(std::string(8192, 'x')));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
}

// Where an engine that recurses once for each byte needs hundreds of MiB.
TEST(Pattern, IsSearchedOnASmallStack) {
  bool is_found = false;
  const auto search = [](void* found) -> void* {
    *static_cast<bool*>(found) = Pattern("^(a|b)*$").found_in(std::string(1 << 20, 'a'));
    return nullptr;
  };
  pthread_attr_t small{};
  ASSERT_EQ(::pthread_attr_init(&small), 0);
  ASSERT_EQ(::pthread_attr_setstacksize(&small, std::size_t{1} << 20), 0);
  pthread_t thread{};
  ASSERT_EQ(::pthread_create(&thread, &small, search, &is_found), 0);
  ASSERT_EQ(::pthread_join(thread, nullptr), 0);
  EXPECT_TRUE(is_found);
}

std::string problem_of(const std::string& expression) {
  try {
    const Pattern pattern(expression);
    return "";
  } catch (const std::runtime_error& problem) {
    return problem.what();
  }
}

TEST(Pattern, ABrokenOneThrowsWhatIsWrong) {
  EXPECT_EQ(problem_of("("), "missing ): (");
  EXPECT_EQ(problem_of("[a"), "missing ]: [a");
  EXPECT_EQ(problem_of("\\u00e9"), "invalid escape sequence: \\u");
}

TEST(Pattern, SaysWhatIsNotSupportedAndWhy) {
  const std::string why = " not supported, because a search takes linear time (RE2's syntax)";
  EXPECT_EQ(problem_of("(a)\\1"), "invalid escape sequence: \\1; a backreference is" + why);
  for (const std::string begin : {"(?=", "(?!", "(?<"}) {
    EXPECT_EQ(problem_of("a" + begin + (begin == "(?<" ? "=b)" : "b)")),
              "invalid perl operator: " + begin + "; lookahead and lookbehind are" + why);
  }
}

TEST(Pattern, OfWhichTheProgramIsTooLargeIsBroken) {
  std::string large;
  for (int i = 0; i < 100; ++i) large += "[^ab]{999}";
  EXPECT_EQ(problem_of(large), "pattern too large - compile failed");
  EXPECT_EQ(problem_of("(a{1000}){1000}"), "invalid repetition size: {1000}");
}

// States that a search cannot keep within the memory of a pattern.
TEST(Pattern, ThatNeedsMoreMemoryToSearchIsSearchedAllTheSame) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += i % 3 == 0 || i % 7 == 0 ? 'a' : 'b';
  EXPECT_TRUE(Pattern("a[ab]{400}b[ab]{400}$")
                  .found_in(text + "a" + std::string(400, 'a') + "b" + std::string(400, 'b')));
}

}  // namespace
}  // namespace lastcall

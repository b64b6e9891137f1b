#include "base/pattern.hpp"

#include <gtest/gtest.h>

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

TEST(Pattern, ABrokenOneThrows) { EXPECT_THROW(Pattern("("), std::runtime_error); }

}  // namespace
}  // namespace lastcall

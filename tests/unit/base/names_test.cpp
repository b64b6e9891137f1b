// What the enumerators of a described enumeration are called in files.
#include "base/names.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace lastcall {

BOOST_DEFINE_FIXED_ENUM_CLASS(AsWritten, std::uint8_t, one, two_words)
BOOST_DEFINE_FIXED_ENUM_CLASS(Dashed, std::uint8_t, one, two_words)
template <>
inline constexpr bool kHasDashes<Dashed> = true;
enum class FromTwo : std::uint8_t { two = 2, three };
BOOST_DESCRIBE_ENUM(FromTwo, two, three)

namespace {

TEST(Names, AreTheEnumeratorsInTheirOrder) {
  EXPECT_EQ(names<AsWritten>(), (std::array<std::string_view, 2>{"one", "two_words"}));
  EXPECT_EQ(values<AsWritten>(), (std::array{AsWritten::one, AsWritten::two_words}));
  EXPECT_EQ(name(AsWritten::two_words), "two_words");
}

TEST(Names, HaveDashesWhereTheirEnumerationSaysSo) {
  EXPECT_EQ(names<Dashed>(), (std::array<std::string_view, 2>{"one", "two-words"}));
  EXPECT_EQ(from_name<Dashed>("two-words"), Dashed::two_words);
  EXPECT_EQ(from_name<Dashed>("two_words"), std::nullopt);
}

TEST(Names, OfOtherValuesThereAreNone) {
  EXPECT_TRUE(is_known(FromTwo::three));
  EXPECT_FALSE(is_known(static_cast<FromTwo>(0)));
  EXPECT_EQ(name(static_cast<FromTwo>(0)), "");
}

}  // namespace
}  // namespace lastcall

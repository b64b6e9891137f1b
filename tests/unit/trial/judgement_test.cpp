#include "trial/judgement.hpp"

#include <gtest/gtest.h>

namespace lastcall {
namespace {

TrialResult with(Outcome outcome) {
  TrialResult result;
  result.verdicts = {{.property = "serves", .outcome = Outcome::pass},
                     {.property = "released", .outcome = outcome}};
  return result;
}

TEST(Kept, AreTrialsThatDidNotHold) {
  EXPECT_TRUE(is_kept(Keep::failed, with(Outcome::fail)));
  EXPECT_TRUE(is_kept(Keep::failed, with(Outcome::unknown)));
  EXPECT_FALSE(is_kept(Keep::failed, with(Outcome::pass)));
  EXPECT_FALSE(is_kept(Keep::failed, with(Outcome::not_applicable)));
}

TEST(Kept, AreAllOrNoneIfTheUserSaysSo) {
  EXPECT_TRUE(is_kept(Keep::all, with(Outcome::pass)));
  EXPECT_FALSE(is_kept(Keep::none, with(Outcome::fail)));
}

TEST(Kept, AreTrialsThatBroke) {
  auto result = with(Outcome::pass);
  result.broken = "a client worker is gone";
  EXPECT_TRUE(is_kept(Keep::failed, result));
  EXPECT_TRUE(is_kept(Keep::all, result));
  EXPECT_FALSE(is_kept(Keep::none, result));
}

}  // namespace
}  // namespace lastcall

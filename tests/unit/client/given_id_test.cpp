#include "client/given_id.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace lastcall {
namespace {

using ::testing::HasSubstr;

GivenId by_pointer(const std::string& pointer, std::string_view answer) {
  return IdFinder({false, pointer}).find(answer);
}
GivenId by_pattern(const std::string& pattern, std::string_view answer) {
  return IdFinder({true, pattern}).find(answer);
}

TEST(GivenId, IsAStringOrAnIntegerInJson) {
  EXPECT_EQ(by_pointer("/order/id", R"({"order":{"id":"a-1"}})").id, "a-1");
  EXPECT_EQ(by_pointer("/order/id", R"({"order":{"id":17}})").id, "17");
  EXPECT_EQ(by_pointer("/0", "[18446744073709551615]").id, "18446744073709551615");
  EXPECT_EQ(by_pointer("/0", "[-3]").id, "-3");
  EXPECT_EQ(by_pointer("", "\"whole\"").id, "whole");
  EXPECT_EQ(by_pointer("/a~1b", R"({"a/b":"x"})").id, "x");
}
TEST(GivenId, SaysWhyThereIsNoneInJson) {
  EXPECT_THAT(by_pointer("/id", "").problem, HasSubstr("the answer is not JSON"));
  EXPECT_THAT(by_pointer("/id", "{\"id\":1").problem, HasSubstr("the answer is not JSON"));
  EXPECT_EQ(by_pointer("/id", "{}").problem, "the answer has nothing at \"/id\"");
  EXPECT_EQ(by_pointer("/id", "7").problem, "the answer has nothing at \"/id\"");
  for (const auto* value : {"1.5", "null", "true", "[1]", "{}"}) {
    EXPECT_EQ(by_pointer("/0", "[" + std::string(value) + "]").problem,
              "what the answer has at \"/0\" is no string and no integer");
  }
  EXPECT_FALSE(by_pointer("/id", std::string(10'000, '[')).problem.empty());
}
TEST(GivenId, IsTheGroupOfAPattern) {
  EXPECT_EQ(by_pattern("id=(\\w+)", "+OK id=42\r\n").id, "42");
  EXPECT_EQ(by_pattern("id=(\\w+)", "+OK\r\n").problem,
            "nothing in the answer matches \"id=(\\w+)\"");
  // Only in the first 8 KiB.
  EXPECT_EQ(by_pattern("id=(\\w+)", std::string(8000, ' ') + "id=1").id, "1");
  EXPECT_FALSE(by_pattern("id=(\\w+)", std::string(9000, ' ') + "id=1").problem.empty());
}
TEST(GivenId, OfAPatternThatTheAnswerDoesNotMatchIsInItsHead) {
  const std::string head = "HTTP/1.1 201 Created\r\nLocation: /orders/17\r\n\r\n";
  const auto found = [&](const std::string& pattern, std::string_view answer) {
    return IdFinder({true, pattern}).find(answer, head);
  };
  EXPECT_EQ(found("Location: /orders/([0-9]+)", "").id, "17");
  EXPECT_EQ(found("([0-9]+)", "order 18").id, "18") << "not the status";
  EXPECT_EQ(found("^order ([0-9]+)", "order 18").id, "18");
  EXPECT_EQ(found("id=(\\w+)", "").problem, "nothing in the answer matches \"id=(\\w+)\"");
  EXPECT_EQ(IdFinder({false, "/id"}).find("{}", head).problem, "the answer has nothing at \"/id\"");
}
TEST(GivenId, IsNotEmptyNorLongNorOfControlCharacters) {
  EXPECT_EQ(by_pattern("id=(\\w*)", "id=;").problem, "the id in the answer is empty");
  EXPECT_EQ(by_pointer("/0", R"([""])").problem, "the id in the answer is empty");
  EXPECT_EQ(by_pointer("/0", "[\"" + std::string(256, 'x') + "\"]").id.size(), 256U);
  for (const auto& id : {std::string(257, 'x'), std::string("a\\r\\nb"), std::string("\\u0000")}) {
    const auto given = by_pointer("/0", "[\"" + id + "\"]");
    EXPECT_THAT(given.problem, HasSubstr("more than 256 bytes, or control characters"));
    EXPECT_EQ(given.id, "");
  }
}
RC_GTEST_PROP(GivenId, OfAnyBytesIsReadOrRefused, (const std::string& answer)) {
  const auto given = by_pointer("/id", answer);
  RC_ASSERT(given.id.empty() != given.problem.empty());
}

}  // namespace
}  // namespace lastcall

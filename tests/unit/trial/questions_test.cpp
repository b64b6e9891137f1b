#include "trial/questions.hpp"

#include <gtest/gtest.h>

#include "history/segment.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

std::vector<Acknowledged> requests(std::uint32_t count) {
  std::vector<Acknowledged> all;
  for (std::uint32_t i = 0; i < count; ++i) all.push_back({{7}, {i}});
  return all;
}

TEST(Occurrences, AreCountedWithoutOverlap) {
  EXPECT_EQ(occurrences("", "a"), 0U);
  EXPECT_EQ(occurrences("000001-000002\n000001-000003", "000001-000002"), 1U);
  EXPECT_EQ(occurrences("aXaXa", "a"), 3U);
  EXPECT_EQ(occurrences("aaaa", "aa"), 2U);
  EXPECT_EQ(occurrences("abc", ""), 0U);
}

TEST(Spread, KeepsAllOfFewAndTheEndsOfMany) {
  EXPECT_EQ(spread(requests(500), 500).size(), 500U);
  const auto some = spread(requests(12'001), 5);
  ASSERT_EQ(some.size(), 5U);
  for (std::uint32_t i = 0; i < 5; ++i) EXPECT_EQ(some[i].request.value, i * 3000);
}

class AcknowledgedRequests : public ::testing::Test {
 protected:
  AcknowledgedRequests() {
    ClientGroup keeps;
    keeps.url = "http://127.0.0.1/put/{id}";
    ClientGroup looks;
    looks.url = "http://127.0.0.1/health";
    plan_.scenario.clients = {keeps, looks};
    auto writer = SegmentWriter::create(path());
    EXPECT_TRUE(writer);
    for (const std::uint32_t group : {0U, 1U}) {
      const ConnectionId connection = connection_id({group}, 0);
      writer->record(ConnectInvoked{connection, group});
      writer->record(RequestEnded{connection, {0}, RequestEnd::ok, 200, 1});
      writer->record(RequestEnded{connection, {1}, RequestEnd::refused, 503, 1});
      writer->record(RequestEnded{connection, {2}, RequestEnd::unknown, 0, 0});
    }
    EXPECT_TRUE(writer->finish());
  }
  [[nodiscard]] std::string path() const { return folder_.path() + "/clients-0.seg"; }

  testing::ScratchFolder folder_;
  Plan plan_;
};

TEST_F(AcknowledgedRequests, AreThoseOfClientsThatTheTargetHeardAnIdOf) {
  const auto found = acknowledged_requests(plan_, {"http://127.0.0.1/{id}", {}, ""}, {path()});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(client_of(found->front().connection).value, 0U);
  EXPECT_EQ(found->front().request.value, 0U);
}
TEST_F(AcknowledgedRequests, AreAllIfTheQuestionNamesNoId) {
  const auto found = acknowledged_requests(plan_, {"http://127.0.0.1/", {}, "{client}"}, {path()});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size(), 2U);
}
TEST_F(AcknowledgedRequests, AreAnErrorWithoutTheSegment) {
  EXPECT_FALSE(acknowledged_requests(plan_, {}, {path() + ".none"}));
}

}  // namespace
}  // namespace lastcall

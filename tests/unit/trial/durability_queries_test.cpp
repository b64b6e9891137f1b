#include "trial/durability_queries.hpp"

#include <gtest/gtest.h>

#include "history/segment.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

std::vector<Acknowledged> requests(std::uint32_t count) {
  std::vector<Acknowledged> all;
  for (std::uint32_t i = 0; i < count; ++i) all.push_back({{7}, {i}, "", false, ""});
  return all;
}

TEST(Occurrences, AreCountedWithoutOverlap) {
  EXPECT_EQ(occurrences("", "a"), 0U);
  EXPECT_EQ(occurrences("000001-000002\n000001-000003", "000001-000002"), 1U);
  EXPECT_EQ(occurrences("aXaXa", "a"), 3U);
  EXPECT_EQ(occurrences("aaaa", "aa"), 2U);
  EXPECT_EQ(occurrences("abc", ""), 0U);
}

TEST(WordsIn, AreNoPartsOfOthers) {
  EXPECT_EQ(words_in("[7,17,71,7]", "7"), 2U);
  EXPECT_EQ(words_in("order-7 order_7 x7", "7"), 2U);
  EXPECT_EQ(words_in("id:7;id:77", "id:7"), 1U);
  EXPECT_EQ(words_in("<7><77>", "<7>"), 1U);
  EXPECT_EQ(words_in("7", "7"), 1U);
  EXPECT_EQ(words_in("77", "7"), 0U);
  EXPECT_EQ(words_in("", "7"), 0U);
  EXPECT_EQ(words_in("7", ""), 0U);
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
    ClientGroup named;
    named.url = "http://127.0.0.1/orders";
    named.id_from = IdSource{false, "/id"};
    plan_.scenario.clients = {keeps, looks, named};
    auto writer = SegmentWriter::create(path());
    EXPECT_TRUE(writer);
    for (const std::uint32_t group : {0U, 1U, 2U}) {
      const ConnectionId connection = connection_id({group}, 0);
      writer->record(ConnectInvoked{connection, group});
      if (group == 2) writer->record(IdGiven{connection, {0}, "17", ""});
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
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ(client_of(found->front().connection).value, 0U);
  EXPECT_EQ(found->front().request.value, 0U);
  EXPECT_EQ(found->front().id, "000000-000000");
  EXPECT_FALSE(found->front().is_given);
  EXPECT_EQ(client_of(found->back().connection).value, 2U);
  EXPECT_EQ(found->back().id, "17");
  EXPECT_TRUE(found->back().is_given);
}
TEST_F(AcknowledgedRequests, AreAllIfTheQuestionNamesNoId) {
  const auto found = acknowledged_requests(plan_, {"http://127.0.0.1/", {}, "{client}"}, {path()});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size(), 3U);
}
TEST_F(AcknowledgedRequests, AreThoseWhoseMessageHoldsTheId) {
  ClientGroup mixed;
  mixed.url = "http://127.0.0.1/orders";
  mixed.message = {R"({"put":"{id}"})", R"({"ping":1})"};
  plan_.scenario.clients.push_back(mixed);
  const auto other = folder_.path() + "/clients-1.seg";
  auto writer = SegmentWriter::create(other);
  ASSERT_TRUE(writer);
  const auto connection = connection_id({3}, 0);
  writer->record(ConnectInvoked{connection, 3});
  for (const std::uint32_t request : {0U, 1U}) {
    writer->record(RequestSent{connection, {request}, 1, request});
    writer->record(RequestEnded{connection, {request}, RequestEnd::ok, 200, 1});
  }
  ASSERT_TRUE(writer->finish());
  const auto by_id = acknowledged_requests(plan_, {"http://127.0.0.1/{id}", {}, ""}, {other});
  ASSERT_TRUE(by_id);
  ASSERT_EQ(by_id->size(), 1U);
  EXPECT_EQ(by_id->front().request.value, 0U);
  const auto by_client = acknowledged_requests(plan_, {"http://127.0.0.1/", {}, "x"}, {other});
  EXPECT_EQ(by_client->size(), 2U);
}
TEST_F(AcknowledgedRequests, SayWhyTheyHaveNoId) {
  const auto other = folder_.path() + "/clients-1.seg";
  auto writer = SegmentWriter::create(other);
  ASSERT_TRUE(writer);
  const auto connection = connection_id({2}, 0);
  writer->record(ConnectInvoked{connection, 2});
  writer->record(IdGiven{connection, {0}, "", "the answer is not JSON"});
  writer->record(RequestEnded{connection, {0}, RequestEnd::ok, 200, 1});
  ASSERT_TRUE(writer->finish());
  const auto by_id = acknowledged_requests(plan_, {"http://127.0.0.1/{id}", {}, ""}, {other});
  ASSERT_TRUE(by_id);
  ASSERT_EQ(by_id->size(), 1U);
  EXPECT_EQ(by_id->front().problem, "the answer is not JSON");
  const auto by_client = acknowledged_requests(plan_, {"http://127.0.0.1/", {}, "x"}, {other});
  ASSERT_EQ(by_client->size(), 1U);
  EXPECT_EQ(by_client->front().problem, "") << "nobody asks for the id";
}
TEST_F(AcknowledgedRequests, AreAnErrorWithoutTheSegment) {
  EXPECT_FALSE(acknowledged_requests(plan_, {}, {path() + ".none"}));
}

}  // namespace
}  // namespace lastcall

// How reasons name clients.
#include <gtest/gtest.h>

#include "checkers/checker_support.hpp"
#include "unit/checkers/history_builder.hpp"

namespace lastcall::address_test {
namespace {

using testing::connection;
using testing::h;

// Twenty "users", then three clients of a group without a name, then one "admin".
Plan plan() {
  auto plan = h().plan;
  auto& groups = plan.scenario.clients;
  groups.resize(3, groups[0]);
  groups[1].name = "";
  groups[1].url = "http://127.0.0.1:{port.api}/slow";
  groups[1].count = 3;
  groups[2].name = "admin";
  groups[2].count = 1;
  return plan;
}

TEST(Address, IsTheGroupAsTheUserNamedItAndTheClientWithinIt) {
  EXPECT_EQ(address(plan(), connection(0)), "clients \"users\", client 1");
  EXPECT_EQ(address(plan(), connection(19)), "clients \"users\", client 20");
  EXPECT_EQ(address(plan(), connection(23)), "clients \"admin\", client 1");
}
TEST(Address, OfAGroupWithoutANameIsItsNumberAndUrl) {
  EXPECT_EQ(address(plan(), connection(20)),
            "clients #2 (http://127.0.0.1:{port.api}/slow), client 1");
  EXPECT_EQ(address(plan(), connection(22)),
            "clients #2 (http://127.0.0.1:{port.api}/slow), client 3");
}
TEST(Address, HasTheConnectionIfItIsNotTheFirst) {
  EXPECT_EQ(address(plan(), connection_id(ClientId{4}, 2)),
            "clients \"users\", client 5, connection 3");
}
TEST(Address, IsTheSchedulesOwnInProcess) {
  auto in_process = plan();
  in_process.scenario.clients[0].url = "";
  EXPECT_EQ(address(in_process, connection_id(ClientId{3}, 1)), "3/1");
  EXPECT_EQ(address(in_process, connection_id(ClientId{3}, 1), RequestId{4}), "3/1 request 4");
}
TEST(Address, OfAClientThatTheScenarioDoesNotHaveIsItsId) {
  EXPECT_EQ(address(plan(), connection(24)), "24/0");
}
TEST(Address, CountsRequestsFromOneToo) {
  const auto story = h(Protocol::http).ready().client(0).up(0).sent(0, 0).began(0, 0).stop();
  EXPECT_EQ(testing::said(testing::HistoryBuilder(story).exited(0), "in-flight-finished"),
            "fail 1: 1 of 1 requests got an answer that was cut, first: clients \"users\", client "
            "1, request 1, sent 2.00 ms before the stop; the target exited 1.00 ms after SIGTERM, "
            "before it had answered anybody");
}

}  // namespace
}  // namespace lastcall::address_test

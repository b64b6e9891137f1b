#include "history/socket_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lastcall {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SocketList, ComesBackFromItsText) {
  for (const auto& [socket, text] :
       {std::pair(SocketSeen{40001, true, 812, 0}, "40001:812"),
        std::pair(SocketSeen{40001, true, 812, 18}, "40001:812+18"),
        std::pair(SocketSeen{1, true, 0, 1}, "1:0+1"),
        std::pair(SocketSeen{65535, false, {}, 0}, "65535:backlog"),
        std::pair(SocketSeen{40001, true, {}, 0}, "40001:?"),
        std::pair(SocketSeen{40001, true, {}, 18}, "40001:?+18"),
        std::pair(SocketSeen{40001, true, 812, 1, HalfClosed::client}, "40001:812+1/fin"),
        std::pair(SocketSeen{40001, false, {}, 0, HalfClosed::client}, "40001:backlog/fin"),
        std::pair(SocketSeen{40001, true, 812, 0, HalfClosed::target}, "40001:812/shut")}) {
    EXPECT_EQ(to_text(socket), text);
    EXPECT_THAT(sockets_in(text), ElementsAre(socket)) << text;
  }
}
TEST(SocketList, HoldsSeveral) {
  EXPECT_THAT(sockets_in("1:backlog 2:7  3:?"),
              ElementsAre(SocketSeen{1, false}, SocketSeen{2, true, 7}, SocketSeen{3, true}));
  EXPECT_THAT(sockets_in(""), IsEmpty());
}
TEST(SocketList, LeavesOutWhatIsNoWordOfIt) {
  EXPECT_THAT(
      sockets_in("x 1 1: :1 1:x 1:2+ 1:+2 1:2+x 70000:1 1:-1 1:backlogs 1:2/ 1:2/end 1:/fin"),
      IsEmpty());
}

}  // namespace
}  // namespace lastcall

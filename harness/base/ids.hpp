// Strong identifiers: numbers of different kinds do not convert into one another.
#pragma once

#include <compare>
#include <cstdint>

namespace lastcall {

template <class Tag, class Rep>
struct StrongId {
  Rep value{};
  friend constexpr auto operator<=>(StrongId, StrongId) = default;
};

// A client of the plan, counted over all groups from 0.
using ClientId = StrongId<struct ClientTag, std::uint32_t>;
// One connection of one client: the client in the high half, the attempt (from 0) in the low half.
using ConnectionId = StrongId<struct ConnectionTag, std::uint64_t>;
// A request on one connection, counted from 0.
using RequestId = StrongId<struct RequestTag, std::uint32_t>;
// A fault of the plan, by its position.
using FaultId = StrongId<struct FaultTag, std::uint32_t>;

constexpr ConnectionId connection_id(ClientId client, std::uint32_t attempt) {
  return {(std::uint64_t{client.value} << 32) | attempt};
}
constexpr ClientId client_of(ConnectionId id) {
  return {static_cast<std::uint32_t>(id.value >> 32)};
}

}  // namespace lastcall

// The habits of a crowd: a group of clients that says nothing about how its clients behave. Clients
// that go on asking keep a server's drain moving, and so hide what one connection without a request
// shows, or one that has ended: a drain may wait for a client whose end was never counted. Pure
// functions.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "scenario/scenario.hpp"

namespace lastcall {

// What clients of the group do beside going on to ask; nothing for a group that is no crowd.
// Plans are drawn over them in this order.
std::vector<Behaviour> habits_of_crowd(const ClientGroup& group);

// Which clients of the group, by position, have which of them. Of each habit there is one client in
// ten, at least one and at most ten; at least half of the group goes on asking. Where the group is
// too small for all habits, it is drawn which it has, so that over a campaign all of them come up.
std::map<std::uint32_t, Behaviour> draw_crowd(const ClientGroup& group, std::uint64_t seed);

}  // namespace lastcall

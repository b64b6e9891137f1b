// The habits of a crowd: a group whose scenario says nothing about how its clients behave. Clients
// that go on asking keep a server's drain moving, and so hide bugs that show with a connection that
// asks for nothing, or that has ended: a drain may wait for a client whose end was never counted.
// Pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "scenario/scenario.hpp"

namespace lastcall {

// What clients of the group do other than go on asking; empty for a group that is no crowd. Plans
// are drawn over them in this order.
std::vector<Behaviour> habits_of_crowd(const ClientGroup& group);

// Which clients of the group, by position, have which of them. One client in ten has each habit, at
// least one and at most ten clients; at least half of the group goes on asking. A group that is too
// small for all habits has some of them, drawn, so that over a campaign all of them come up.
std::map<std::uint32_t, Behaviour> draw_crowd(const ClientGroup& group, std::uint64_t seed);

}  // namespace lastcall

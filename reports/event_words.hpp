// One event as people read it, and in which lane of a timeline it stands. Pure functions; from any
// thread.
#pragma once

#include <string>
#include <string_view>

#include "base/names.hpp"
#include "history/event.hpp"

namespace lastcall::reports {

// `faults`: what lastcall did to the target, its clients and their network. `target`: what became
// of its processes. `calls`: what the tracer saw in them. `lastcall`: how lastcall itself fared,
// and what it looked at.
BOOST_DEFINE_FIXED_ENUM_CLASS(Lane, std::uint8_t, phases, faults, target, output, notifications,
                              calls, clients, lastcall)

Lane lane_of(const Event& event);

// What happened, without a full stop: "SIGTERM to process", "answered 200". The connection and the
// request of a client's event are not named: address() of checkers/checker_support.hpp does that.
// As bytes came: not yet fit for a terminal or a file.
std::string words(const Event& event);

}  // namespace lastcall::reports

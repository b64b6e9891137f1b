// What clients were doing on the connections that a target still had: what may have held its stop
// up. And which habits of clients a stop was tried with. Pure functions.
//
// Sees the clients' side. A connection counts as open from its connect until the target closed it
// or its client was through; one whose client is gone without a word, as after a power cut, stays
// open to the target. A connection that came after the stop counts once the target answered
// something on it: before, it may lie in a backlog that nobody looks at.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "history/history.hpp"
#include "plan/plan.hpp"

namespace lastcall {

struct OpenConnection {
  ConnectionId id;
  // Goes on after "connection" or "connections": "idle after an answer".
  std::string_view habit;
  friend bool operator==(const OpenConnection&, const OpenConnection&) = default;
};

// Those that were open when the event `at` happened, in order of their first event.
std::vector<OpenConnection> open_connections(const Plan& plan, const History& history,
                                             EventIndex at);

// What was still open at this event after the stop, as a clause of a reason:
// `held by 1 connection that never said anything (clients "web", client 5)`, or, if the target had
// closed no connection since the stop, so that these need not be what it waits for,
// `8 connections waiting for an answer (first: clients "web", client 1) still open`. Empty if
// nothing was.
std::string held_by(const Plan& plan, const History& history, EventIndex at);

// Makes such a clause of words for these connections: "held by 1 connection …" or "… still open".
std::string as_clause(const History& history, EventIndex at, const std::string& connections);

// The habits of a harsh crowd (kHabits) that this stop met: late, if somebody came before the
// target had ended; leaves and reset, if such a client had gone before the stop; the others, if one
// was connected and had come as far as its habit begins.
std::vector<Behaviour> habits_tried(const Plan& plan, const History& history);

}  // namespace lastcall

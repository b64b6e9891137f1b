// What held a target that hangs, as the kernel knew it at the deadline (SocketsAtDeadline): where
// it still listened, which connections of clients it had, and what those clients were doing by
// their own account. A pure function.
#pragma once

#include <string>

#include "history/history.hpp"
#include "plan/plan.hpp"

namespace lastcall {

// "it still listened on {port}, and 3 accepted connections were open: 2 that waited for an answer
// (first: clients "orders", client 5); 1 that was idle after an answer (clients "chat", client 1)".
// Empty if the kernel was not asked. Of connections it says nothing where the kernel shows none and
// a client still has one: the target is in another network namespace then, or behind a proxy.
std::string open_at_deadline(const Plan& plan, const History& history);

// The client whose own end this is, as address() names it; empty if it is none.
std::string client_at(const Plan& plan, const History& history, std::string_view local);

}  // namespace lastcall

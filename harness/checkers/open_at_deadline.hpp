// What a target that hangs still had open, as the kernel knew it at the deadline
// (SocketsAtDeadline): where it listened, and which connections it had, with what their clients
// were doing by their own account (habits.hpp). A pure function.
#pragma once

#include <string>

#include "history/history.hpp"
#include "plan/plan.hpp"

namespace lastcall {

// `the target still listens on {port}; held by 2 connections idle after an answer, with 12 bytes
// unread (first: clients "orders", client 5) and 1 connection that only the target has closed
// (clients "chat", client 1)`. Empty if the kernel was not asked. Where it shows no connection and
// a client still has one, the target is in another network namespace or behind a proxy: then it is
// told as the clients see it.
std::string open_at_deadline(const Plan& plan, const History& history);

// The client whose own end this is, as address() names it; empty if it is none.
std::string client_at(const Plan& plan, const History& history, std::string_view local);

}  // namespace lastcall

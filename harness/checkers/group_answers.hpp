// Whether the clients of a group were answered before the stop, and were still talking when it
// came. A property that nobody exercised passes or has nothing to judge; the campaign must not take
// that for a sign of health (campaign/summary.hpp). A pure function of plan and history.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "history/history.hpp"
#include "plan/plan.hpp"

namespace lastcall {

enum class GroupAnswers : std::uint8_t {
  not_asked,    // it is meant to say nothing, comes with the stop, or no stop came in the load
  unanswered,   // nothing that it sent before the stop was ever answered
  fell_silent,  // some did, but every client had gone long before the stop, with more to say
  stalled,      // some did, but all clients that were left had waited for long when the stop came
  gone_lately,  // every client had gone, but only just
  talking,
};

// The words of verdict.json.
constexpr std::string_view name(GroupAnswers answers) {
  constexpr std::string_view kNames[] = {"not-asked", "unanswered",  "fell-silent",
                                         "stalled",   "gone-lately", "talking"};
  return kNames[static_cast<std::size_t>(answers)];
}

// One a group, in the plan's order. A fault's SIGKILL is a stop here: what the restarted target has
// kept is worth nothing if nobody was answered before.
//
// An answer is any end of a request but silence. During the stop only an acknowledgement is one: a
// server that answers nobody may refuse them all as it stops. Without a request it is the upgrade
// of a WebSocket, or what an `opening` expects. Behaviours that say nothing are not asked, nor are
// tcp groups without a message or an expectation, nor those whose requests the stop cut or made the
// target refuse where the scenario switches in-flight-finished off. A client has gone when its last
// connection has ended, or the server has closed it (Close frame, close_notify, FIN), not by itself
// nor by a fault, with messages left. Those whose behaviour is to go (leaves, reset, …) say nothing
// about the others once they have.
//
// A client has waited for long if that was more than 400 ms and eight times the slowest
// answer of its group, so that a long poll that was answered once is known by its time. What
// lastcall did to the target, or lagged itself, is left out.
std::vector<GroupAnswers> group_answers(const Plan& plan, const History& history);

// One a group, in the plan's order: the one status that all its answers before the stop had, where
// that is a 4xx and the scenario does not say which status it wants; else 0. Then the URL is likely
// to be wrong, or to need a login. 5xx is the target's own error, and a target that gives one
// answer now and another then contradicts itself.
std::vector<int> only_refusals(const Plan& plan, const History& history);

// One a group, in the plan's order: what the target said to the first client to which it said
// anything but the answer that the scenario wants; empty if it did not.
std::vector<std::string> heard_instead(const Plan& plan, const History& history);

// "every answer was 404: say status = 404 if that is right, or another url"; `where` comes before
// the colon.
std::string refusal_text(int status, const std::string& where = "");

// Whether a group has clients that ask for something before the stop.
bool is_to_ask(const ClientGroup& group);

}  // namespace lastcall

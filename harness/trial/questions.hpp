// What a restarted target is asked: for each acknowledged request whether it is still there. At
// most 500 single questions, spread evenly over the requests, and half a minute in all; what was
// not asked is recorded. One thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <vector>

#include "trial/trial_parts.hpp"

namespace lastcall {

struct Acknowledged {
  ConnectionId connection;
  RequestId request;
};

// The acknowledged requests in the segments of the client workers, which must have finished, in the
// order of their acknowledgement a worker. If the question names {id}, those of clients that send
// no {id} are left out: the target never heard it.
Result<std::vector<Acknowledged>> acknowledged_requests(const Plan& plan, const Ask& ask,
                                                        const std::vector<std::string>& segments);

// `count` of them at most, the first and the last among them, evenly spread.
std::vector<Acknowledged> spread(const std::vector<Acknowledged>& all, std::size_t count);

// How often `what` stands in `text`, overlaps not counted.
std::uint32_t occurrences(std::string_view text, std::string_view what);

// Records Asked for each answer, Observed for how many were asked of how many, NotObserved (all of
// "acked-durable") for what could not be asked. Ends early when `over()`: the target is gone.
boost::asio::awaitable<void> ask_for(const TrialParts& trial, const Ask& ask,
                                     std::vector<Acknowledged> requests,
                                     std::function<bool()> over);

}  // namespace lastcall

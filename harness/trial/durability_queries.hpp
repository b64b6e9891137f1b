// What a restarted target is asked: for each acknowledged request whether it is still there. At
// most 500 single questions, spread evenly over the requests, and half a minute in all; what was
// not asked is recorded. And what it is asked before the stop, so that it is known whether the
// question finds anything at all. One thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/control.hpp"
#include "trial/trial_context.hpp"

namespace lastcall {

struct Acknowledged {
  ConnectionId connection;
  RequestId request;
  std::string id;         // what stands for it in a question
  bool is_given = false;  // by the server
  std::string problem;    // why there is no id; empty: there is
};

// The acknowledged requests in the segments of the client workers, which must have finished, in the
// order of their acknowledgement a worker. If the question names {id}, those that hold
// no {id}, and whose clients take none from the answer, are left out: the target never heard it.
Result<std::vector<Acknowledged>> acknowledged_requests(const Plan& plan, const Ask& ask,
                                                        const std::vector<std::string>& segments);

// `count` of them at most, the first and the last among them, evenly spread.
std::vector<Acknowledged> spread(const std::vector<Acknowledged>& all, std::size_t count);

// How often `what` stands in `text`, overlaps not counted.
std::uint32_t occurrences(std::string_view text, std::string_view what);
// The same where no letter or digit goes on with what begins or ends with one: "7" is not in "17".
std::uint32_t words_in(std::string_view text, std::string_view what);

// Records Asked for each answer, Observed for how many were asked of how many, NotObserved (all of
// "acked-durable") for what could not be asked. Ends early when `over()`: the target is gone.
boost::asio::awaitable<void> ask_for(const TrialContext& trial, const Ask& ask,
                                     std::vector<Acknowledged> requests,
                                     std::function<bool()> over);

// During the load: asks for the first acknowledged request of each message of each group of
// clients, as soon as a worker has told of it, and again after pauses that grow, until it is found:
// a server may show later what it has acknowledged. 20 questions at most, one at a time, on
// connections of their own; one that is under way at the stop is broken off, so that nothing waits
// for it. Records AskedBefore for each answer.
class EarlyQuestions {
 public:
  EarlyQuestions(const TrialContext& trial, const Ask& ask);

  void acknowledged(const Acknowledgement& first);
  // Until end(), or all questions were asked.
  boost::asio::awaitable<void> run();
  void end();
  // Whether a question is under way; Changes are told when it no longer is.
  [[nodiscard]] bool is_asking() const { return asking_; }

 private:
  struct Pending {
    Acknowledged request;
    TimePoint at;
    Nanoseconds pause;
  };
  const TrialContext& trial_;
  const Ask& ask_;
  boost::asio::steady_timer wake_;
  std::vector<Pending> pending_;
  std::set<std::pair<std::uint32_t, std::uint32_t>> known_;  // groups and which of their messages
  bool over_ = false;
  bool asking_ = false;
};

}  // namespace lastcall

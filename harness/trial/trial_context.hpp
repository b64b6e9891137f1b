// What the parts of a trial share: references to what outlives them (trial/conduct.hpp). One
// thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>

#include "history/event_sink.hpp"
#include "plan/plan.hpp"
#include "scenario/placeholders.hpp"
#include "target/limits.hpp"
#include "trial/changes.hpp"
#include "trial/child_ends.hpp"
#include "trial/own_trouble.hpp"
#include "trial/trial.hpp"

namespace lastcall {

struct TrialContext {
  boost::asio::io_context& io;
  const TrialOrder& order;
  const Plan& plan;
  const Placeholders& placeholders;
  EventSink& events;
  Changes& changes;
  ChildEnds& ends;
  std::function<bool()> given_up;             // the trial is to end at once
  const std::optional<TargetLimits>& limits;  // there once the target was started
  OwnTrouble& trouble;
};

}  // namespace lastcall

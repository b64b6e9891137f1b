// Histories made of decisions: the life of a trial, in which anything may happen, be missing or
// come twice.
#pragma once

#include "choices.hpp"
#include "history/history.hpp"
#include "plan/plan.hpp"

namespace lastcall::fuzz {

// As it is merged from the segments of the trial process, one client worker and the tracer. The
// events name clients, faults and properties that the plan has, mostly. Its times and lengths are
// those that lastcall can measure: nobody else writes segments.
History history_of(const Plan& plan, Choices& choices);

}  // namespace lastcall::fuzz

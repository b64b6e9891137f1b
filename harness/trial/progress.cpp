#include "trial/progress.hpp"

#include <optional>

#include "base/invariant.hpp"
#include "trial/lifeline.hpp"

namespace lastcall {
namespace {

// The phase that begins with a stage, if one does.
std::optional<Phase> phase_of(Progress::Stage stage) {
  switch (stage) {
    case Progress::Stage::starting:
      return Phase::start;
    case Progress::Stage::loading:
      return Phase::load;
    case Progress::Stage::draining:
      return Phase::drain;
    case Progress::Stage::after:
      return Phase::after;
    case Progress::Stage::preparing:
    case Progress::Stage::ready:
    case Progress::Stage::stopping:
    case Progress::Stage::closed:
      break;
  }
  return std::nullopt;
}

// What a trial process was doing in this stage, in words for say_doing().
std::string_view doing(Progress::Stage stage) {
  switch (stage) {
    case Progress::Stage::preparing:
      return "prepared the target's folder";
    case Progress::Stage::starting:
      return "waited until the target was ready";
    case Progress::Stage::ready:
      return "waited for the client workers";
    case Progress::Stage::loading:
      return "had the clients load the target";
    case Progress::Stage::stopping:
      return "sent the signal of the stop";
    case Progress::Stage::draining:
      return "waited for the target's end";
    case Progress::Stage::after:
      return "looked at what the target had left";
    case Progress::Stage::closed:
      return "closed its history";
  }
  return {};
}

}  // namespace

void Progress::enter(Stage stage) {
  LASTCALL_INVARIANT(stage > stage_);
  stage_ = stage;
  been_.set(static_cast<std::size_t>(stage));
  say_doing(lifeline_, doing(stage));
  if (const auto phase = phase_of(stage)) events_.record(PhaseBegan{*phase});
}

}  // namespace lastcall

#include "trial/progress.hpp"

#include <optional>

#include "base/invariant.hpp"

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

}  // namespace

void Progress::enter(Stage stage) {
  LASTCALL_INVARIANT(stage > stage_);
  stage_ = stage;
  been_.set(static_cast<std::size_t>(stage));
  if (const auto phase = phase_of(stage)) events_.record(PhaseBegan{*phase});
}

}  // namespace lastcall

#include "hunt/two_calibrations.hpp"

#include <algorithm>
#include <utility>

namespace lastcall {

std::optional<SavedCalibration> calibrate_twice(const CalibrationTrial& trial) {
  auto both = trial(PointScope::functions, {});
  if (!both) return std::nullopt;
  const auto inside = trial(PointScope::insides, both->calibration);
  if (!inside) return std::nullopt;
  both->calibration = joined(std::move(both->calibration), inside->calibration);
  both->known += inside->known;
  both->left_out += inside->left_out;
  both->threads = std::max(both->threads, inside->threads);
  return both;
}

}  // namespace lastcall

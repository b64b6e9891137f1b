// Which thread comes where in a program, whatever kind of trial sees it. From the thread that runs
// trials.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "search/point_choice.hpp"
#include "search/saved_calibration.hpp"

namespace lastcall {

// What one trial saw; `scope`: at functions, or inside of those that threads met in the earlier
// calibration. Nothing: it broke or was interrupted.
using CalibrationTrial =
    std::function<std::optional<SavedCalibration>(PointScope scope, const Calibration& met)>;

// One trial cannot look at all places of a large program: the first looks at functions, the second
// inside of those that threads came to. What both saw.
std::optional<SavedCalibration> calibrate_twice(const CalibrationTrial& trial);

}  // namespace lastcall

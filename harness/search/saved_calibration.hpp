// What a traced trial saw of who comes where, as its process leaves it for the search. Pure, from
// any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "search/attempts.hpp"

namespace lastcall {

struct SavedCalibration {
  Calibration calibration{};  // only places that some thread met
  std::size_t known = 0;      // places looked at, or inside of a function that nobody came to
  std::size_t left_out = 0;   // further ones, that were not looked at
  int threads = 0;            // most that were seen
};

// Names and counts of threads, times and places; neither `favoured` nor `calls`.
std::string calibration_json(const SavedCalibration& saved);
// An error names the key.
Result<SavedCalibration> parse_calibration(std::string_view text);

}  // namespace lastcall

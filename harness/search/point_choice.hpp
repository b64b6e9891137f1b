// Which places of a program a calibration looks at, where it has more than a trial can bear: first
// functions, then what is inside of those that some thread came to. Pure functions, from any
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "search/attempts.hpp"
#include "search/code_point.hpp"

namespace lastcall {

// A module, and where the function begins in it: names may be there twice.
using FunctionStart = std::pair<std::string, std::uint64_t>;
FunctionStart function_of(const CodePoint& point);

enum class PointScope : std::uint8_t {
  everywhere,  // functions first, plain accesses last
  functions,   // their entries only
  insides,     // places inside of functions that threads met in an earlier calibration
};

struct PointChoice {
  std::vector<CodePoint> points{};
  std::size_t unmet = 0;     // places inside of functions that no thread came to
  std::size_t left_out = 0;  // of the scope, further ones that the limit does not admit
};

// At most `most` of all places. `met`: the earlier calibration, of functions; only for insides.
// Each thread has its turn, one place at a time, so that a busy one does not take them all: first
// functions that it came to during the stop, then under load, then at the start; of each, accesses
// to memory come after atomic accesses and returns from calls. Threads that have a name in common
// have one turn.
PointChoice choose_points(std::vector<CodePoint> all, PointScope scope, const Calibration& met,
                          std::size_t most);

// What two calibrations of the same program saw, of different places.
Calibration joined(Calibration first, const Calibration& second);

}  // namespace lastcall

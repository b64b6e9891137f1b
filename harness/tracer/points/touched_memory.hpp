// Which thread touched which memory from which place, in the order of its phases: what threads have
// in common, and what one of them changes that another one looks at. Of a calibration, on the
// tracer's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "search/attempts.hpp"

namespace lastcall {

class TouchedMemory {
 public:
  // `point`: an index of Calibration::points.
  void note(std::uint64_t address, std::size_t point, int thread, HuntPhase phase, bool writes);
  // Whether no thread but one touched what this place touched, or nobody wrote it.
  [[nodiscard]] bool is_private(std::size_t point) const;
  // Of memory that some thread writes in `phase` and another one touches, at any time but the
  // start. Names are left empty. Those that are written in this phase only come first; no more than
  // kMostConflicts.
  [[nodiscard]] std::vector<Conflict> conflicts(HuntPhase phase) const;

  static constexpr std::size_t kMostConflicts = 4000;

 private:
  using Access = std::tuple<std::size_t, int, HuntPhase>;  // place, thread, phase
  struct Word {
    std::set<int> threads{};
    std::set<Access> reads{};
    std::set<Access> writes{};
  };
  std::unordered_map<std::uint64_t, Word> words_;
  std::map<std::size_t, std::set<std::uint64_t>> addresses_;  // by place
};

}  // namespace lastcall

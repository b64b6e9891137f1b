// The places of a process where threads can be held, found in its symbols and its code: entries of
// its own functions, accesses to memory and returns from calls inside of them, entries of the
// functions by which threads meet. On the tracer's thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "search/code_point.hpp"
#include "tracer/ptrace/tracee.hpp"

namespace lastcall {

struct PointCatalogue {
  // More places than that slow a trial down too much: of a large program a part is chosen.
  static constexpr std::size_t kMaxPoints = 6000;

  std::vector<CodePoint> points{};
  std::map<std::string, std::string> build_ids{};  // of modules that have points
  std::string program{};                           // path of the main module
  bool is_go = false;
  std::size_t unmet = 0;     // as PointChoice has them, once places are chosen
  std::size_t left_out = 0;  // the same
  std::map<std::string, std::vector<std::string>> texts{};  // that own functions refer to
};

// Everything is mapped: the thread stands at the program's entry.
PointCatalogue catalogue_of(const Tracee& thread);

// Where points are in this process: one address each, 0 where it has no such module or where the
// module has another build id and no function of that name. `moved` counts points that are found by
// name because the build id differs.
struct PlacedPoints {
  std::vector<std::uint64_t> addresses{};
  std::size_t moved = 0;
  std::vector<std::string> missing{};  // texts of the points that are nowhere
};
PlacedPoints place(const std::vector<CodePoint>& points,
                   const std::map<std::string, std::string>& build_ids, const Tracee& thread);

}  // namespace lastcall

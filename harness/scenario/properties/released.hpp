// released: what a scenario can say about it. checkers/released.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

// An entry of `allow`; a text alone is a file.
inline const Table& left_behind_table() {
  static const Table table{
      .where = "[properties.released] allow",
      .keys = {{.name = "file",
                .kind = Kind::plain,
                .about = "A glob pattern of paths below {dir} that may stay, or of shared memory "
                         "and semaphores as the reason names them: /dev/shm/NAME, key 0x4c.",
                .low = 1},
               {.name = "process",
                .kind = Kind::plain,
                .about = "A glob pattern of the command lines of processes that may stay.",
                .low = 1},
               {.name = "port",
                .kind = Kind::plain,
                .about = "A port that may stay bound: \"admin\" for {port.admin}, \"port\" for "
                         "{port}, or its number.",
                .low = 1},
               {.name = "why", .kind = Kind::plain, .about = "Why it may.", .low = 1}},
      .exactly_one_of = {"file", "process", "port"}};
  return table;
}

struct Released {
  static constexpr std::string_view kName = "released";
  static constexpr std::string_view kHoldsWhen =
      "no child process, port, socket, pid file, lock file or shared memory is left";
  static constexpr std::string_view kCannotSee = "what was left elsewhere on the machine";
  static const Checker kChecker;

  bool strict = false;           // also at the exit call
  std::vector<Allowance> allow;  // globs of files, processes and ports

  static auto keys() {
    return std::tuple{
        Setting{
            {.name = "strict",
             .kind = Kind::boolean,
             .about = "Whether these count, too: what the target still had open at its exit call, "
                      "what it opens more of with every request, and files that stay in its "
                      "temporary folder. Needs trace = true.",
             .fallback = "false"},
            &Released::strict},
        Setting{
            {.name = "allow",
             .kind = Kind::table,
             .shape = Shape::list,
             .about = "What may stay: glob patterns of files below {dir}, or tables that name a "
                      "file, a process or a port and say why. What is excused is counted.",
             .fallback = "[]",
             .table = &left_behind_table(),
             .short_for = "file"},
            &Released::allow}};
  }

  void validate(const Section& section, const Scenario& scenario, Errors& errors) const {
    if (strict && !scenario.target.trace)
      errors.add(section.place("strict"), "'strict' needs trace = true in [target]");
  }
};

}  // namespace lastcall::property

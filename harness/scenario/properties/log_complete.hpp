// log-complete: what a scenario can say about it. checkers/log_complete.cpp judges it.
#pragma once

#include "scenario/property.hpp"
#include "scenario/value_syntax.hpp"

namespace lastcall::property {

struct LogComplete {
  static constexpr std::string_view kName = "log-complete";
  static constexpr std::string_view kHoldsWhen =
      "the lines that must be in the log at the end are there";
  static constexpr std::string_view kCannotSee = "their order, and whether they are true";
  static const Checker kChecker;

  std::vector<std::string> lines;  // regular expressions
  std::string file;                // below {dir}; empty: the output

  static auto keys() {
    return std::tuple{
        Setting{{.name = "lines",
                 .kind = Kind::pattern,
                 .shape = Shape::list,
                 .about = "Regular expressions; each must match a line at the end. Without "
                          "them nothing is judged.",
                 .fallback = "[]",
                 .low = 1},
                &LogComplete::lines},
        Setting{{.name = "file",
                 .kind = Kind::plain,
                 .about = "A log file below {dir}. Default: the target's output.",
                 .low = 1},
                &LogComplete::file}};
  }

  void validate(const Section& section, const Scenario&, Errors& errors) const {
    if (auto problem = below_problem(file); !problem.empty())
      errors.add(section["file"].place, std::move(problem));
  }
};

}  // namespace lastcall::property

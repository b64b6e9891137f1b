// checkpoint-intact: what a scenario can say about it. checkers/checkpoint_intact.cpp judges it.
#pragma once

#include "scenario/property.hpp"

namespace lastcall::property {

struct CheckpointIntact {
  static constexpr std::string_view kName = "checkpoint-intact";
  static constexpr std::string_view kHoldsWhen =
      "each checkpoint reads back whole (JSON, SQLite, or your command, on a copy)";
  static constexpr std::string_view kCannotSee =
      "whether it is the newest state; what a power cut would lose";
  static const Checker kChecker;

  std::vector<std::string> files;    // globs below {dir}
  std::string format;                // "json", "sqlite", or empty: by command
  std::vector<std::string> command;  // with {file}, exit 0 says intact

  static auto keys() {
    return std::tuple{
        Setting{{.name = "files",
                 .kind = Kind::plain,
                 .shape = Shape::list,
                 .about = "Glob patterns of the checkpoint's files below {dir}. Without them "
                          "nothing is judged.",
                 .fallback = "[]",
                 .low = 1},
                &CheckpointIntact::files},
        Setting{{.name = "format",
                 .kind = Kind::choice,
                 .about = "The format of the files.",
                 .choices = {"json", "sqlite"}},
                &CheckpointIntact::format},
        Setting{{.name = "command",
                 .kind = Kind::text,
                 .shape = Shape::list,
                 .about =
                     "A command that checks {file}, a copy of the checkpoint, instead: exit 0 says "
                     "that it is intact."},
                &CheckpointIntact::command}};
  }

  void validate(const Section& section, const Scenario&, Errors& errors) const {
    if (section["judge"].boolean &&
        files.empty() == (section.has("format") || section.has("command")))
      errors.add(section.place(), "'files' goes with one of 'format' and 'command'");
  }
};

}  // namespace lastcall::property

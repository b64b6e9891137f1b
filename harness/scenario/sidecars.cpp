// Everything that a scenario says of the processes next to the target.
#include <chrono>
#include <set>

#include "scenario/build.hpp"
#include "scenario/keys.hpp"

namespace lastcall {
namespace {

// How long a sidecar may take to end.
constexpr auto kSidecarDeadline = std::chrono::seconds(5);

// What people might expect of {dir}: with a limited disk it is a tmpfs that only the target sees.
void check_folder(const Section& section, bool disk_is_limited, Errors& errors) {
  if (!disk_is_limited) return;
  std::vector<Value> values = list_of(section["command"]);
  for (const auto& [name, place, value] : section["environment"].entries) values.push_back(value);
  values.push_back(section["directory"]);
  for (const auto& value : values) {
    if (value.text.find("{dir}") == std::string::npos) continue;
    errors.add(value.place,
               "with a limited disk nobody but the target sees {dir}: use {sidecar.NAME}");
  }
}

}  // namespace

const Table& sidecars_table() {
  static const Table ready = ready_table("[sidecars.ready]");
  static const Table table{
      .where = "[[sidecars]]",
      .keys = concatenated(
          concatenated(
              {{.name = "name",
                .kind = Kind::plain,
                .about = "A lower-case word, unique. {sidecar.NAME} is a folder of its own, "
                         "where HOME and TMPDIR lie.",
                .required = true,
                .low = 1,
                .high = 20}},
              process_keys("The working directory; may be relative to {sidecar.NAME}, which is "
                           "also the default.")),
          {{.name = "ready",
            .kind = Kind::table,
            .about = "How lastcall sees that it is ready, as for the target. Only then the next "
                     "one starts, and at last the target.",
            .required = true,
            .table = &ready},
           {.name = "stop",
            .kind = Kind::signal,
            .about = "The signal that ends it, after the target's end. SIGKILL follows after "
                     "five seconds.",
            .fallback = R"("SIGTERM")"}})};
  return table;
}

std::vector<Sidecar> build_sidecars(const Section& file, bool disk_is_limited, Errors& errors) {
  std::vector<Sidecar> sidecars;
  std::set<std::string> names;
  for (const auto& section : file.each("sidecars")) {
    Sidecar sidecar{section["name"].text, build_process(section, errors)};
    auto& process = sidecar.process;
    process.trace = false;
    process.stop.signals = signals_of(section["stop"]);
    process.stop.deadline = kSidecarDeadline;
    check_folder(section, disk_is_limited, errors);
    sidecars.push_back(std::move(sidecar));
    if (!section.has("name") || !section.sound("name")) continue;
    const auto& name = sidecars.back().name;
    if (auto problem = word_problem(name); !problem.empty()) {
      errors.add(section.place("name"), problem);
    } else if (!names.insert(name).second) {
      errors.add(section.place("name"),
                 "the name " + in_single_quotes(name) + " is taken by another sidecar");
    }
  }
  return sidecars;
}

}  // namespace lastcall

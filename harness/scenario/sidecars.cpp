// Everything that a scenario says of the processes next to the target, and how lastcall sees that a
// process, the target too, is ready.
#include <chrono>
#include <set>

#include "scenario/build.hpp"
#include "scenario/keys.hpp"

namespace lastcall {
namespace {

// How long a sidecar may take to end.
constexpr auto kSidecarDeadline = std::chrono::seconds(5);

Table ready_keys(std::string_view where) {
  return {.where = where,
          .keys = {{.name = "url",
                    .kind = Kind::url,
                    .shape = Shape::one_or_list,
                    .about = "Ready when this has answered with a 2xx status; of a list each.",
                    .choices = {"http", "https"}},
                   {.name = "port",
                    .kind = Kind::port,
                    .shape = Shape::one_or_list,
                    .about = "Ready when this port has accepted a TCP connection: \"{port}\"; of a "
                             "list each."},
                   {.name = "log",
                    .kind = Kind::pattern,
                    .shape = Shape::one_or_list,
                    .about = "Ready when a line of output has matched this regular "
                             "expression; of a list each.",
                    .low = 1},
                   {.name = "notify",
                    .kind = Kind::truth,
                    .about = "Ready when it sends READY=1 to NOTIFY_SOCKET, see sd_notify(3)."},
                   {.name = "timeout",
                    .kind = Kind::duration,
                    .about = "The longest time until all of them have held.",
                    .fallback = R"("10s")",
                    .low = kMillisecond,
                    .high = kDay}},
          .at_least_one_of = {"url", "port", "log", "notify"}};
}

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

const Table& ready_table() {
  static const Table table = ready_keys("[target.ready]");
  return table;
}

Readiness build_ready(const Section& section) {
  return {.notify = section["notify"].boolean,
          .urls = texts_of(section["url"]),
          .ports = texts_of(section["port"]),
          .logs = texts_of(section["log"]),
          .timeout = duration_of(section["timeout"])};
}

const Table& sidecars_table() {
  static const Table ready = ready_keys("[sidecars.ready]");
  static const Table table{
      .where = "[[sidecars]]",
      .keys = {{.name = "name",
                .kind = Kind::plain,
                .about = "A lower-case word, unique. {sidecar.NAME} is a folder of its own, where "
                         "HOME and TMPDIR lie.",
                .required = true,
                .low = 1,
                .high = 20},
               {.name = "command",
                .kind = Kind::text,
                .shape = Shape::list,
                .about = "The program and its arguments; no shell is involved.",
                .required = true},
               {.name = "environment",
                .kind = Kind::text,
                .shape = Shape::map,
                .about = "Variables to add to a small fixed environment.",
                .names = Names::variable,
                .instead_of = {"env", "variables"}},
               {.name = "directory",
                .kind = Kind::text,
                .about = "The working directory; may be relative to {sidecar.NAME}, which is also "
                         "the default.",
                .low = 1,
                .instead_of = {"cwd", "workdir", "working_dir", "working_directory", "chdir"}},
               {.name = "user",
                .kind = Kind::plain,
                .about = "The user that it runs as. Needs root. Default: whoever runs lastcall.",
                .low = 1},
               {.name = "ready",
                .kind = Kind::table,
                .about = "How lastcall sees that it is ready, as for the target. Only then the "
                         "next one starts, and at last the target.",
                .required = true,
                .table = &ready},
               {.name = "stop",
                .kind = Kind::signal,
                .about = "The signal that ends it, after the target's end. SIGKILL follows after "
                         "five seconds.",
                .fallback = R"("SIGTERM")"}}};
  return table;
}

std::vector<Sidecar> build_sidecars(const Section& file, bool disk_is_limited, Errors& errors) {
  std::vector<Sidecar> sidecars;
  std::set<std::string> names;
  for (const auto& section : file.each("sidecars")) {
    Sidecar sidecar;
    sidecar.name = section["name"].text;
    auto& process = sidecar.process;
    process.command = texts_of(section["command"]);
    for (const auto& [name, place, value] : section["environment"].entries)
      process.environment[name] = value.text;
    process.directory = section["directory"].text;
    process.user = section["user"].text;
    process.trace = false;
    process.ready = build_ready(section.sub("ready"));
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

// What is said of a process that lastcall starts, the target or one next to it, and how it is seen
// to be ready.
#include "scenario/keys.hpp"

namespace lastcall {
namespace {

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
                    .about = "Ready when a line of output has matched this ECMAScript regular "
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

}  // namespace

const Table& ready_table() {
  static const Table table = ready_keys("[target.ready]");
  return table;
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

}  // namespace lastcall

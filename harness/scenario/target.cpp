// Everything that a scenario says of the target: its keys, what they say together, and the Target
// that they make.
#include <set>

#include "base/signal_names.hpp"
#include "scenario/build.hpp"
#include "scenario/keys.hpp"

namespace lastcall {
namespace {

// A race that tracing hides shows in the untraced trials of a campaign of twenty, and the tracer
// still has most of them to explain what it finds.
constexpr std::uint32_t kUntracedEvery = 4;

const Table& limits_table() {
  static const Table table{.where = "[target.limits]", .keys = limit_keys()};
  return table;
}

const Table& service_table() {
  static const Table table{
      .where = "[target.service]",
      .keys = {
          {.name = "watchdog",
           .kind = Kind::duration,
           .about = "WATCHDOG_USEC. A target that sends no WATCHDOG=1 for this long is ended with "
                    "SIGABRT, as systemd does.",
           .low = kMillisecond,
           .high = kDay},
          {.name = "watchdog_while_stopping",
           .kind = Kind::boolean,
           .about =
               "Whether heartbeats are due during the stop, too. systemd stops its watchdog then.",
           .fallback = "false",
           .with = "watchdog"},
          {.name = "access",
           .kind = Kind::choice,
           .about = "Whose notifications count, like NotifyAccess= in systemd.service(5).",
           .fallback = R"("main")",
           .choices = {"main", "all"}},
          {.name = "max_extension",
           .kind = Kind::integer,
           .about = "The most that EXTEND_TIMEOUT_USEC can make of the deadline, and with notify "
                    "of the time to get ready, as a multiple of them. What the target asks for "
                    "beyond that is counted, and not granted.",
           .fallback = "10",
           .low = 1,
           .high = 1000}}};
  return table;
}

const Table& ask_table() {
  static const Table table{
      .where = "[target.recovery.ask]",
      .keys = {{.name = "url",
                .kind = Kind::url,
                .about = "A URL to GET. With {id} in it, lastcall asks once for each acknowledged "
                         "request; without, the answer lists all of them.",
                .choices = {"http", "https"}},
               {.name = "command",
                .kind = Kind::text,
                .shape = Shape::list,
                .about = "A command to run instead; its output is the answer."},
               {.name = "expect",
                .kind = Kind::text,
                .about = "What the answer must contain, once. Default: \"{id}\" for a listing; "
                         "otherwise a 2xx status or exit 0 is enough.",
                .low = 1}},
      .exactly_one_of = {"url", "command"}};
  return table;
}

const Table& recovery_table() {
  static const Table table{.where = "[target.recovery]",
                           .keys = {{.name = "command",
                                     .kind = Kind::text,
                                     .shape = Shape::list,
                                     .about = "The command that starts the target again, in the "
                                              "same directory. Default: the target's command."},
                                    {.name = "ask",
                                     .kind = Kind::table,
                                     .about = "How to ask the target what it still knows.",
                                     .table = &ask_table()}}};
  return table;
}

const Table& vary_table() {
  static const Table table{
      .where = "[[target.vary]]",
      .keys = {{.name = "name",
                .kind = Kind::plain,
                .about = "A name in lower case; {vary.NAME} stands for the value drawn.",
                .required = true,
                .low = 1},
               {.name = "values",
                .kind = Kind::plain,
                .shape = Shape::list,
                .about = "The values; each trial draws one.",
                .required = true}}};
  return table;
}

const Table& stop_table() {
  static const Table table{
      .where = "[target.stop]",
      .keys = {
          {.name = "signal",
           .kind = Kind::signal,
           .shape = Shape::one_or_list,
           .about = "The signal that tells the target to stop; each trial draws one of a list.",
           .fallback = R"("SIGTERM")"},
          {.name = "to",
           .kind = Kind::choice,
           .about = "Who gets the signal: the target's first process, its process group, the first "
                    "child of that process, or every process of the target.",
           .fallback = R"("process")",
           .choices = choices_of<Recipient>()},
          {.name = "deadline",
           .kind = Kind::duration,
           .about = "The longest time from the signal to the target's end; EXTEND_TIMEOUT_USEC "
                    "extends it, up to max_extension times.",
           .fallback = R"("10s")",
           .low = kMillisecond,
           .high = kDay},
          {.name = "exit",
           .kind = Kind::end,
           .shape = Shape::one_or_list,
           .about = "The promised end: an exit code, a signal that ends the target, or a list of "
                    "those. Default: 0 and, if the target had a handler for the signal, also 128 + "
                    "signal (as the JVM exits) or that signal itself (which a handler may raise "
                    "again once it is done).",
           .low = 0,
           .high = 255}}};
  return table;
}

Stop build_stop(const Section& section) {
  return {.signals = signals_of(section["signal"]),
          .to = choice_of<Recipient>(section["to"]),
          .deadline = duration_of(section["deadline"]),
          .expected =
              section.has("exit") ? ends_of(section["exit"]) : std::vector<ExpectedEnd>{{false, 0}},
          .end_is_stated = section.has("exit")};
}

Service build_service(const Section& section) {
  Service service;
  if (section.has("watchdog")) service.watchdog = duration_of(section["watchdog"]);
  service.watchdog_while_stopping = section["watchdog_while_stopping"].boolean;
  service.access_all = section["access"].text == "all";
  service.max_extension = static_cast<std::uint32_t>(section["max_extension"].integer);
  return service;
}

Recovery build_recovery(const Section& section, const std::vector<std::string>& command) {
  Recovery recovery{.command = section.has("command") ? command_of(section["command"]) : command,
                    .ask = std::nullopt};
  if (!section.has("ask")) return recovery;
  const auto ask = section.sub("ask");
  recovery.ask = Ask{
      .url = ask["url"].text, .command = command_of(ask["command"]), .expect = ask["expect"].text};
  const bool each = recovery.ask->url.find("{id}") != std::string::npos ||
                    std::ranges::any_of(recovery.ask->command, [](const std::string& word) {
                      return word.find("{id}") != std::string::npos;
                    });
  if (!each && recovery.ask->expect.empty()) recovery.ask->expect = "{id}";
  return recovery;
}

std::vector<Vary> build_vary(const Section& section, Errors& errors) {
  std::vector<Vary> all;
  std::set<std::string> names;
  for (const auto& one : section.each("vary")) {
    all.push_back({one["name"].text, texts_of(one["values"])});
    if (!one.has("name") || !one.sound("name")) continue;
    if (auto problem = word_problem(all.back().name); !problem.empty()) {
      errors.add(one.place("name"), problem);
    } else if (!names.insert(all.back().name).second) {
      errors.add(one.place("name"), in_single_quotes(all.back().name) + " varies already");
    }
  }
  return all;
}

// A file is no folder of another one, and not the folder for temporary files, which is always
// there.
void check_files(const Section& section, Errors& errors) {
  const auto files = section["files"];
  std::set<std::string> names;
  for (const auto& entry : files.entries) names.insert(entry.name);
  for (const auto& entry : files.entries) {
    const auto below = names.lower_bound(entry.name + "/");
    if (entry.name != "tmp" && (below == names.end() || !below->starts_with(entry.name + "/")))
      continue;
    errors.add(entry.place, in_single_quotes(entry.name) + " is a folder of {dir}, not a file");
  }
}

}  // namespace

const Table& target_table() {
  static const Table ready = ready_table("[target.ready]");
  static const Table table{
      .where = "[target]",
      .keys = concatenated(
          process_keys("The working directory; may be relative to {dir}.", R"("{dir}")"),
          {{.name = "inherit_environment",
            .kind = Kind::boolean,
            .about = "Whether it has the environment of whoever runs lastcall, with HOME, PATH and "
                     "TMPDIR, instead of the small fixed one. A replay then depends on it, too.",
            .fallback = "false"},
           {.name = "ready",
            .kind = Kind::table,
            .about = "How lastcall sees that the target is ready: url, port, log, notify, or "
                     "several of them, of which each must have held.",
            .required = true,
            .table = &ready},
           {.name = "stop",
            .kind = Kind::table,
            .about = "How the target is told to stop, and which end it promises.",
            .table = &stop_table()},
           {.name = "pid1",
            .kind = Kind::boolean,
            .about =
                "Whether it runs as the init process of its own PID namespace, as in a container, "
                "where signals without a handler are ignored (pid_namespaces(7)). Needs root.",
            .fallback = "false"},
           {.name = "trace",
            .kind = Kind::boolean,
            .about =
                "Whether lastcall traces the target with ptrace(2). Some properties need it. A "
                "program that traces itself, or that a debugger attaches to, needs false.",
            .fallback = "true"},
           {.name = "untraced_every",
            .kind = Kind::integer,
            .about = "Which trials of a campaign run untraced, because tracing can hide a race: "
                     "with 4 the 4th, the 8th and so on, with 0 none. Default: 4; 0 if a fault "
                     "strikes at a system call.",
            .low = 0,
            .high = 1'000'000},
           {.name = "state",
            .kind = Kind::plain,
            .about =
                "The folder below {dir} where the target keeps what it must not lose; \".\" is "
                "{dir} itself.",
            .low = 1},
           {.name = "shell",
            .kind = Kind::boolean,
            .about = "Whether the target runs below a shell that waits for it and passes no signal "
                     "on, as the command of a container does in its shell form.",
            .fallback = "false"},
           {.name = "limits",
            .kind = Kind::table,
            .about = "What the target may use, from its start on.",
            .table = &limits_table()},
           {.name = "service",
            .kind = Kind::table,
            .about = "What lastcall does as the target's service manager, besides listening.",
            .table = &service_table()},
           {.name = "recovery",
            .kind = Kind::table,
            .about = "Starts the target again after its end, and asks it what it still knows.",
            .table = &recovery_table()},
           {.name = "vary",
            .kind = Kind::table,
            .shape = Shape::list,
            .about = "Settings that differ from trial to trial.",
            .table = &vary_table()},
           {.name = "files",
            .kind = Kind::content,
            .shape = Shape::map,
            .about = "Files to create before the target starts: path below {dir} = content. Known "
                     "placeholders are replaced, other braces stay.",
            .names = Names::path}})};
  return table;
}

std::vector<ExpectedEnd> ends_of(const Value& value) {
  std::vector<ExpectedEnd> ends;
  for (const auto& end : list_of(value)) {
    const bool by_signal = end.type == Value::Type::text;
    ends.push_back({by_signal, by_signal ? signal_number(end.text).value_or(0)
                                         : static_cast<int>(end.integer)});
  }
  return ends;
}

Target build_target(const Section& section, Errors& errors) {
  Target target = build_process(section, errors);
  target.inherits_environment = section["inherit_environment"].boolean;
  target.pid1 = section["pid1"].boolean;
  target.trace = section["trace"].boolean;
  target.untraced_every = section.has("untraced_every")
                              ? static_cast<std::uint32_t>(section["untraced_every"].integer)
                              : kUntracedEvery;
  if (target.untraced_every == 1)
    errors.add(section.place("untraced_every"), "1 traces no trial: say trace = false");
  target.state = section["state"].text;
  if (auto problem = below_problem(target.state); !problem.empty())
    errors.add(section["state"].place, std::move(problem));
  target.shell = section["shell"].boolean;
  for (const auto& [name, place, value] : section["files"].entries)
    target.files.push_back({name, value.text});
  check_files(section, errors);
  target.stop = build_stop(section.sub("stop"));
  target.limits = build_limits(section.sub("limits"));
  target.service = build_service(section.sub("service"));
  if (section.has("recovery"))
    target.recovery = build_recovery(section.sub("recovery"), target.command);
  target.vary = build_vary(section, errors);
  return target;
}

}  // namespace lastcall

// What each property can be told, beside `judge` and `why`.
#include "scenario/keys.hpp"

namespace lastcall {
namespace {

// An entry of no-panic.allow; a text alone is a pattern.
const Table& excused_error_table() {
  static const Table table{
      .where = "[properties.no-panic] allow",
      .keys = {{.name = "pattern",
                .kind = Kind::pattern,
                .about = "A regular expression that matches a line of the error.",
                .low = 1},
               {.name = "name",
                .kind = Kind::plain,
                .about = "The type of the exception, with or without its modules: "
                         "\"java.io.IOException\", \"IOException\".",
                .low = 1},
               {.name = "why",
                .kind = Kind::plain,
                .about = "Why it is excused; the reason of the verdict repeats it.",
                .low = 1}},
      .exactly_one_of = {"pattern", "name"}};
  return table;
}

// An entry of released.allow; a text alone is a file.
const Table& left_behind_table() {
  static const Table table{
      .where = "[properties.released] allow",
      .keys = {{.name = "file",
                .kind = Kind::plain,
                .about = "A glob pattern of paths below {dir} that may stay.",
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

}  // namespace

std::vector<Key> property_keys(std::string_view property) {
  const auto within = [](std::string_view about, std::string_view fallback) {
    return Key{.name = "within",
               .kind = Kind::duration,
               .about = about,
               .fallback = fallback,
               .high = kDay};
  };
  if (property == "no-panic") {
    return {{.name = "allow",
             .kind = Kind::table,
             .shape = Shape::list,
             .about = "An error in the output is excused, and counted, if one of these matches a "
                      "line of it, a regular expression, or names the type of its exception. A "
                      "regular expression that matches what is said of a child's crash excuses "
                      "that.",
             .fallback = "[]",
             .table = &excused_error_table(),
             .short_for = "pattern"},
            {.name = "logged",
             .kind = Kind::choice,
             .about = "What an error is that the program caught and logged, after which it went "
                      "on. fail: a failure; warn: counted and said; panics: a panic and what a "
                      "sanitizer reports are failures (Go, Rust, C, C++), an exception is counted "
                      "and said (Python, Java, JavaScript, Ruby, PHP, .NET, Erlang).",
             .fallback = R"("panics")",
             .choices = {"panics", "fail", "warn"}}};
  }
  if (property == "no-masked-panic") {
    return {{.name = "allow",
             .kind = Kind::pattern,
             .shape = Shape::list,
             .about = "What matches one of these, in its type, message or a function of its stack, "
                      "is meant.",
             .fallback = "[]"}};
  }
  if (property == "no-send-on-closed") {
    return {{.name = "allow",
             .kind = Kind::pattern,
             .shape = Shape::list,
             .about = "What matches one of these is meant: what it was sent on, a function of the "
                      "sender's stack, or \"25 bytes after the Close frame\".",
             .fallback = "[]"},
            {.name = "own_answers",
             .kind = Kind::boolean,
             .about = "Whether a client is sent only what answers its own messages: the {id} of "
                      "another one's is a violation then.",
             .fallback = "false"}};
  }
  if (property == "released") {
    return {{.name = "strict",
             .kind = Kind::boolean,
             .about = "Whether what the target still had open at its exit call counts too, "
                      "what it opens more of with every request, and files that stay in its "
                      "temporary folder; needs trace = true.",
             .fallback = "false"},
            {.name = "allow",
             .kind = Kind::table,
             .shape = Shape::list,
             .about = "What may stay: glob patterns of files below {dir}, or tables that name a "
                      "file, a process or a port and say why. What is excused is counted.",
             .fallback = "[]",
             .table = &left_behind_table(),
             .short_for = "file"}};
  }
  if (property == "close-handshake") {
    return {{.name = "codes",
             .kind = Kind::integer,
             .shape = Shape::list,
             .about = "The WebSocket close codes that the target may use, RFC 6455 section 7.4; "
                      "1005 stands for a Close frame without a code. Codes from 4000 on, which are "
                      "the application's, are counted and no failure unless this list is given.",
             .fallback = "[1000, 1001, 1005, 1012]",
             .low = 1000,
             .high = 4999},
            {.name = "strict",
             .kind = Kind::boolean,
             .about = "Whether a reset after the Close frame, over TLS after close_notify, counts "
                      "too. Otherwise it is only said.",
             .fallback = "false"}};
  }
  if (property == "in-flight-finished") {
    return {{.name = "settling",
             .kind = Kind::duration,
             .about =
                 "Where the kernel does not show what the target had read: a request sent this "
                 "much before the stop counts as taken on. Without it ten times the median "
                 "time of an answer, between 50ms and 100ms.",
             .high = kDay}};
  }
  if (property == "stops-accepting") {
    return {within("So long after the stop signal new work may still be taken on.", R"("100ms")")};
  }
  if (property == "drains-health") {
    return {{.name = "url",
             .kind = Kind::url,
             .about = "Asked all the time during the stop; without it nothing is judged.",
             .choices = {"http", "https"}},
            {.name = "visible",
             .kind = Kind::duration,
             .about = "It answers with something other than 2xx for at least so long before the "
                      "listener goes.",
             .fallback = R"("50ms")",
             .low = kMillisecond,
             .high = kDay}};
  }
  if (property == "notify") {
    return {{.name = "stopping",
             .kind = Kind::boolean,
             .about = "Whether STOPPING=1 must come. A service manager can do without it.",
             .fallback = "false"}};
  }
  if (property == "repeat-signal") {
    return {{.name = "policy",
             .kind = Kind::choice,
             .about = "What a second stop signal does. ignore: nothing. hasten: the stop ends "
                      "`within`. force: so does the target, with `exit`, whatever it had promised.",
             .fallback = R"("ignore")",
             .choices = {"ignore", "hasten", "force"}},
            within("hasten, force: from the second signal to the end.", R"("1s")"),
            {.name = "exit",
             .kind = Kind::end,
             .shape = Shape::one_or_list,
             .about = "force: the end it leads to. Default: the end promised for the stop.",
             .low = 0,
             .high = 255}};
  }
  if (property == "acked-durable") {
    return {{.name = "after_kill",
             .kind = Kind::boolean,
             .about = "Whether it is promised also when SIGKILL ended the target.",
             .fallback = "true"}};
  }
  if (property == "checkpoint-intact") {
    return {
        {.name = "files",
         .kind = Kind::plain,
         .shape = Shape::list,
         .about = "Glob patterns of the checkpoint's files below {dir}; without them nothing is "
                  "judged.",
         .fallback = "[]",
         .low = 1},
        {.name = "format",
         .kind = Kind::choice,
         .about = "What they are.",
         .choices = {"json", "sqlite"}},
        {.name = "command",
         .kind = Kind::text,
         .shape = Shape::list,
         .about = "Or a command that inspects {file}, a copy: exit 0 says it is intact."}};
  }
  if (property == "log-complete") {
    return {{.name = "lines",
             .kind = Kind::pattern,
             .shape = Shape::list,
             .about = "ECMAScript regular expressions; each must match a line at the end. Without "
                      "them nothing is judged.",
             .fallback = "[]",
             .low = 1},
            {.name = "file",
             .kind = Kind::plain,
             .about = "A log file below {dir}. Default: the output.",
             .low = 1}};
  }
  if (property == "prompt-exit") {
    return {within(
        "From the last thing that the stop had to wait for to the end, without time at work; more "
        "than a quarter of a campaign's trials may not take longer. Without it this time is shown, "
        "and only waits for a time fail that hold up the end: a poll interval, a fixed sleep, a "
        "time-out.",
        "")};
  }
  if (property == "config-effective") {
    return {
        {.name = "setting",
         .kind = Kind::plain,
         .about = "The name of a [[target.vary]]; without it nothing is judged.",
         .low = 1},
        {.name = "url",
         .kind = Kind::url,
         .about = "What is looked at: the answer of this before the stop. Default: the output.",
         .choices = {"http", "https"}},
        {.name = "expect",
         .kind = Kind::pattern,
         .shape = Shape::map,
         .about = "For each value the regular expression that a line of it must match then, and "
                  "only then.",
         .low = 1}};
  }
  if (property == "overhead") {
    return {{.name = "startup",
             .kind = Kind::duration,
             .about = "From the start to readiness.",
             .low = kMillisecond,
             .high = kDay},
            {.name = "memory",
             .kind = Kind::size,
             .about = "Its resident set at most (VmHWM, proc(5)), when the stop begins.",
             .low = 1,
             .high = kMostBytes},
            {.name = "cpu",
             .kind = Kind::integer,
             .about = "Percent of one processor, from readiness to the stop.",
             .low = 1,
             .high = 10'000}};
  }
  return {};
}

}  // namespace lastcall

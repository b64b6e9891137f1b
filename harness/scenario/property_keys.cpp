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
                .about = "The type of the exception, with or without its package: "
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
             .about = "Errors that are excused, and counted. An entry is a regular expression that "
                      "matches a line of the error, or names the type of its exception. A regular "
                      "expression that matches what is said of a child's crash excuses that crash.",
             .fallback = "[]",
             .table = &excused_error_table(),
             .short_for = "pattern"},
            {.name = "logged",
             .kind = Kind::choice,
             .about = "How to judge an error that the program caught and logged, and after which "
                      "it went on. fail: it is a failure. warn: it is counted and said. panics: a "
                      "panic or a sanitizer's report (Go, Rust, C, C++) is a failure, an exception "
                      "(Python, Java, JavaScript, Ruby, PHP, .NET, Erlang) is counted and said.",
             .fallback = R"("panics")",
             .choices = {"panics", "fail", "warn"}}};
  }
  if (property == "no-masked-panic") {
    return {{.name = "allow",
             .kind = Kind::pattern,
             .shape = Shape::list,
             .about = "Regular expressions. An error is excused if one of them matches its type, "
                      "its message or a function of its stack.",
             .fallback = "[]"}};
  }
  if (property == "no-send-on-closed") {
    return {
        {.name = "allow",
         .kind = Kind::pattern,
         .shape = Shape::list,
         .about = "Regular expressions. A send is excused if one of them matches what it was sent "
                  "on, a function of the sender's stack, or \"25 bytes after the Close frame\".",
         .fallback = "[]"},
        {.name = "own_answers",
         .kind = Kind::boolean,
         .about = "Whether a client may receive only answers to its own messages. The {id} of "
                  "another client's message is a violation then.",
         .fallback = "false"}};
  }
  if (property == "released") {
    return {{.name = "strict",
             .kind = Kind::boolean,
             .about = "Whether these count, too: what the target still had open at its exit call, "
                      "what it opens more of with every request, and files that stay in its "
                      "temporary folder. Needs trace = true.",
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
             .about = "The WebSocket close codes that the target may use (RFC 6455, section 7.4); "
                      "1005 stands for a Close frame without a code. Codes from 4000 on belong to "
                      "the application: they are counted, and fail only if this list is given.",
             .fallback = "[1000, 1001, 1005, 1012]",
             .low = 1000,
             .high = 4999},
            {.name = "strict",
             .kind = Kind::boolean,
             .about = "Whether a reset after the Close frame (over TLS, after close_notify) is a "
                      "failure. Otherwise it is only counted and said.",
             .fallback = "false"}};
  }
  if (property == "in-flight-finished") {
    return {{.name = "settling",
             .kind = Kind::duration,
             .about = "Used where the kernel does not show what the target had read: a request "
                      "that was sent this long before the stop counts as taken on. Default: ten "
                      "times the median time of an answer, between 50ms and 100ms.",
             .high = kDay}};
  }
  if (property == "stops-accepting") {
    return {within("How long after the stop signal new work may still be taken on.", R"("100ms")")};
  }
  if (property == "drains-health") {
    return {{.name = "url",
             .kind = Kind::url,
             .about = "The readiness URL, which lastcall asks all the time during the stop. "
                      "Without it nothing is judged.",
             .choices = {"http", "https"}},
            {.name = "visible",
             .kind = Kind::duration,
             .about = "How long, at least, it must answer with something other than 2xx before the "
                      "listener goes.",
             .fallback = R"("50ms")",
             .low = kMillisecond,
             .high = kDay}};
  }
  if (property == "notify") {
    return {{.name = "stopping",
             .kind = Kind::boolean,
             .about = "Whether STOPPING=1 must come. Service managers can do without it.",
             .fallback = "false"}};
  }
  if (property == "repeat-signal") {
    return {{.name = "policy",
             .kind = Kind::choice,
             .about =
                 "What a second stop signal does. ignore: nothing. hasten: the stop ends `within`. "
                 "force: the target ends `within`, with `exit`, whatever it had promised.",
             .fallback = R"("ignore")",
             .choices = {"ignore", "hasten", "force"}},
            within("hasten, force: the longest time from the second signal to the end.", R"("1s")"),
            {.name = "exit",
             .kind = Kind::end,
             .shape = Shape::one_or_list,
             .about = "force: the end that it leads to. Default: the end promised for the stop.",
             .low = 0,
             .high = 255}};
  }
  if (property == "acked-durable") {
    return {{.name = "after_kill",
             .kind = Kind::boolean,
             .about = "Whether the promise also holds when SIGKILL ended the target.",
             .fallback = "true"}};
  }
  if (property == "checkpoint-intact") {
    return {
        {.name = "files",
         .kind = Kind::plain,
         .shape = Shape::list,
         .about =
             "Glob patterns of the checkpoint's files below {dir}. Without them nothing is judged.",
         .fallback = "[]",
         .low = 1},
        {.name = "format",
         .kind = Kind::choice,
         .about = "The format of the files.",
         .choices = {"json", "sqlite"}},
        {.name = "command",
         .kind = Kind::text,
         .shape = Shape::list,
         .about = "A command that checks {file}, a copy of the checkpoint, instead: exit 0 says "
                  "that it is intact."}};
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
             .about = "A log file below {dir}. Default: the target's output.",
             .low = 1}};
  }
  if (property == "prompt-exit") {
    return {
        within("The longest time from the last thing that the stop had to wait for to the end, "
               "without time at work. A quarter of the trials may take longer. Without this key "
               "the time is only shown, and what fails is a wait for a time that holds up the end: "
               "a poll interval, a fixed sleep, a time-out.",
               "")};
  }
  if (property == "config-effective") {
    return {{.name = "setting",
             .kind = Kind::plain,
             .about = "The name of a [[target.vary]]. Without it nothing is judged.",
             .low = 1},
            {.name = "url",
             .kind = Kind::url,
             .about = "A URL whose answer, before the stop, shows the setting. Default: the "
                      "target's output.",
             .choices = {"http", "https"}},
            {.name = "expect",
             .kind = Kind::pattern,
             .shape = Shape::map,
             .about = "For each value a regular expression. A line must match it when that value "
                      "was drawn, and only then.",
             .low = 1}};
  }
  if (property == "overhead") {
    return {{.name = "startup",
             .kind = Kind::duration,
             .about = "The longest time from the start to readiness.",
             .low = kMillisecond,
             .high = kDay},
            {.name = "memory",
             .kind = Kind::size,
             .about = "The largest resident set (VmHWM, proc(5)) when the stop begins.",
             .low = 1,
             .high = kMaxBytes},
            {.name = "cpu",
             .kind = Kind::integer,
             .about = "The largest share of one processor, in percent, from readiness to the stop.",
             .low = 1,
             .high = 10'000}};
  }
  return {};
}

}  // namespace lastcall

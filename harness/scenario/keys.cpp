#include "scenario/keys.hpp"

#include <boost/json/parse.hpp>

#include "base/invariant.hpp"
#include "scenario/properties.hpp"

namespace lastcall {
namespace {

constexpr std::int64_t kMaxClients = 1'000'000;

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
           .choices = {"main", "all"}}}};
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
                    "extends it.",
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

const Table& target_table() {
  static const Table table{
      .where = "[target]",
      .keys = {
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
           .about = "The working directory; may be relative to {dir}.",
           .fallback = R"("{dir}")",
           .low = 1,
           .instead_of = {"cwd", "workdir", "working_dir", "working_directory", "chdir"}},
          {.name = "ready",
           .kind = Kind::table,
           .about = "How lastcall sees that the target is ready: url, port, log, notify, or "
                    "several of them, of which each must have held.",
           .required = true,
           .table = &ready_table()},
          {.name = "stop",
           .kind = Kind::table,
           .about = "How the target is told to stop, and which end it promises.",
           .table = &stop_table()},
          {.name = "user",
           .kind = Kind::plain,
           .about = "The user that it runs as. Needs root. Default: whoever runs lastcall.",
           .low = 1},
          {.name = "pid1",
           .kind = Kind::boolean,
           .about =
               "Whether it runs as the init process of its own PID namespace, as in a container, "
               "where signals without a handler are ignored (pid_namespaces(7)). Needs root.",
           .fallback = "false"},
          {.name = "trace",
           .kind = Kind::boolean,
           .about = "Whether lastcall traces the target with ptrace(2). Some properties need it. A "
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
           .about = "The folder below {dir} where the target keeps what it must not lose; \".\" is "
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
           .names = Names::path}}};
  return table;
}

const Table& id_from_table() {
  static const Table table{
      .where = "id_from",
      .keys = {{.name = "json",
                .kind = Kind::pointer,
                .about = "A JSON pointer (RFC 6901) into the answer, to a string or an integer: "
                         "\"/order/id\"."},
               {.name = "pattern",
                .kind = Kind::group,
                .about = "An ECMAScript regular expression with one group, which is the id. Only "
                         "the first 8 KiB of the answer are searched; http: where its body has no "
                         "match, those of its status line and headers: "
                         "\"Location: /orders/([0-9]+)\".",
                .low = 1}},
      .exactly_one_of = {"json", "pattern"}};
  return table;
}

const Table& step_table() {
  static const Table table{
      .where = "opening",
      .keys = {{.name = "send", .kind = Kind::bytes, .about = "Bytes to send.", .low = 1},
               {.name = "expect",
                .kind = Kind::bytes,
                .about = "Bytes that must arrive before the next step.",
                .low = 1}},
      .exactly_one_of = {"send", "expect"}};
  return table;
}

const Table& clients_table() {
  static const Table table{
      .where = "[[clients]]",
      .keys = {
          {.name = "name",
           .kind = Kind::plain,
           .about = "A unique name. Default: \"clients-1\" and so on, by position.",
           .low = 1},
          {.name = "url",
           .kind = Kind::url,
           .about = "The address, on this machine; its scheme is the protocol.",
           .required = true,
           .choices = choices_of<Protocol>()},
          {.name = "count",
           .kind = Kind::integer,
           .about =
               "How many clients; all groups together at most 1000000. Default: 1, for a crowd 10.",
           .low = 1,
           .high = kMaxClients},
          {.name = "crowd",
           .kind = Kind::choice,
           .about = "Which habits the clients have. Default: the top-level `crowd`; none for a "
                    "group that says itself how its clients behave (behaviour, mix, misbehaves, "
                    "read_rate, during, messages, talk, reconnect), and for tcp and tls without a "
                    "message.",
           .choices = choices_of<Crowd>()},
          {.name = "ramp",
           .kind = Kind::duration,
           .about = "The time over which the clients start.",
           .fallback = R"("0s")",
           .high = kDay},
          {.name = "pace",
           .kind = Kind::duration_range,
           .about = "The pause between an answer and the next message.",
           .fallback = R"("10ms..50ms")",
           .high = kDay},
          {.name = "messages",
           .kind = Kind::integer,
           .about = "How many messages a client sends; 0 is no limit.",
           .fallback = "0",
           .low = 0,
           .high = UINT32_MAX},
          {.name = "during",
           .kind = Kind::choice,
           .about = "When the clients start: when the load begins, or when the stop begins.",
           .fallback = R"("load")",
           .choices = {"load", "drain"}},
          {.name = "talk",
           .kind = Kind::choice,
           .about = "ws and wss only: a whole protocol instead of opening, message and ack. "
                    "charge-point: OCPP-J calls. staff-chat: init, messages, history.",
           .choices = {"charge-point", "staff-chat"}},
          {.name = "opening",
           .kind = Kind::table,
           .shape = Shape::list,
           .about = "Not http: what is said once on each connection, step by step.",
           .table = &step_table()},
          {.name = "message",
           .kind = Kind::bytes,
           .shape = Shape::one_or_list,
           .about = "What a client sends; of a list one is drawn each time. {id} is unique to each "
                    "message. Default: \"{id}\" for ws and wss, nothing for the others. {length} "
                    "is the number of bytes between {body} and {end}, which stand for nothing "
                    "themselves. Without {body} it counts from the first blank line after it or, "
                    "if there is none, from itself; without {end}, up to the end of the message. "
                    "{length.be32} and {length.le32} are the same number as four bytes."},
          {.name = "headers",
           .kind = Kind::header,
           .shape = Shape::map,
           .about = "Headers of each request (http, https), which may contain {id}, or of the "
                    "upgrade (ws, wss). Those that lastcall itself sets cannot be given.",
           .names = Names::header},
          {.name = "id_from",
           .kind = Kind::table,
           .about = "Where an acknowledging answer says which id the server chose; {id} in "
                    "[target.recovery.ask] is that id then.",
           .table = &id_from_table()},
          {.name = "ack",
           .kind = Kind::bytes,
           .about = "Not http: an answer that contains this acknowledges the message. Default: "
                    "\"{id}\".",
           .low = 1},
          {.name = "closing",
           .kind = Kind::bytes,
           .about = "tcp and tls only: what a client sends after all its messages.",
           .low = 1},
          {.name = "subprotocol",
           .kind = Kind::plain,
           .about = "ws and wss only: the subprotocol to ask for (Sec-WebSocket-Protocol).",
           .low = 1},
          {.name = "binary",
           .kind = Kind::boolean,
           .about = "ws and wss only: whether messages are binary.",
           .fallback = "false"},
          {.name = "fragments",
           .kind = Kind::integer,
           .about = "How many frames (ws, wss) or segments (others) a message is sent in.",
           .fallback = "1",
           .low = 1,
           .high = 1000},
          {.name = "ping",
           .kind = Kind::duration,
           .about = "ws and wss only: how often a client sends a Ping frame.",
           .low = kMillisecond,
           .high = kDay},
          {.name = "behaviour",
           .kind = Kind::choice,
           .about = "How the clients behave; `lastcall list behaviours` explains each.",
           .fallback = R"("steady")",
           .choices = choices_of<Behaviour>()},
          {.name = "mix",
           .kind = Kind::integer,
           .shape = Shape::map,
           .about =
               "Several behaviours with weights, drawn for each client: { steady = 8, reset = 1 }.",
           .low = 1,
           .high = 1'000'000,
           .choices = choices_of<Behaviour>(),
           .names = Names::choice},
          {.name = "misbehaves",
           .kind = Kind::duration_range,
           .about = "How long after the handshake a client misbehaves; drawn for each client.",
           .fallback = R"("0ms..200ms")",
           .high = kDay},
          {.name = "read_rate",
           .kind = Kind::size,
           .about = "How many bytes a second a slow reader reads.",
           .fallback = "1024",
           .low = 1,
           .high = kMaxBytes},
          {.name = "reconnect",
           .kind = Kind::duration_range,
           .about = "How long a client waits before it comes back once its connection has ended: "
                    "first the low end, doubled after each failure, up to the high end. Default: "
                    "it does not come back.",
           .low = kMillisecond,
           .high = kDay},
          {.name = "reconnect_until",
           .kind = Kind::choice,
           .about =
               "Until when clients come back: until the stop begins, or until the target's end.",
           .fallback = R"("stop")",
           .choices = {"stop", "end"},
           .with = "reconnect"},
          {.name = "source",
           .kind = Kind::network,
           .about =
               "The addresses that clients connect from; one is drawn for each: \"127.0.0.0/8\"."},
          {.name = "proxy",
           .kind = Kind::boolean,
           .about = "Whether the connections go through lastcall's TCP proxy, which network faults "
                    "act on.",
           .fallback = "false"},
          {.name = "verify",
           .kind = Kind::boolean,
           .about = "TLS only: whether the server's certificate is verified.",
           .fallback = "true"},
          {.name = "ca",
           .kind = Kind::text,
           .about = "TLS only: the PEM file to verify it against. Default: {tls.cert}.",
           .low = 1},
          {.name = "cert",
           .kind = Kind::text,
           .about =
               "TLS only: the client's own certificate, a PEM file, such as {tls.client-cert}.",
           .low = 1,
           .with = "key"},
          {.name = "key",
           .kind = Kind::text,
           .about = "TLS only: the key of that certificate, such as {tls.client-key}.",
           .low = 1,
           .with = "cert"},
          {.name = "method",
           .kind = Kind::choice,
           .about = "http and https only. Default: GET, or POST if there is a message.",
           .choices = {"GET", "POST", "PUT", "DELETE"}},
          {.name = "status",
           .kind = Kind::integer,
           .shape = Shape::one_or_list,
           .about = "http and https only: the statuses that acknowledge a request. Default: any "
                    "2xx or 3xx.",
           .low = 100,
           .high = 599}}};
  return table;
}

template <class Property>
std::vector<Key> keys_of() {
  std::vector<Key> keys{
      {.name = "judge",
       .kind = Kind::boolean,
       .about = "Whether the property is judged.",
       .fallback = "true"},
      {.name = "why",
       .kind = Kind::plain,
       .about = "Why it is not judged. Required with judge = false, an error otherwise.",
       .low = 1}};
  each_setting<Property>([&](const auto& setting) { keys.push_back(setting.key); });
  return keys;
}

const Table& properties_table() {
  static const Table table = [] {
    static const Table custom{
        .where = "[properties.custom]",
        .keys = {
            {.name = "command",
             .kind = Kind::text,
             .shape = Shape::list,
             .about =
                 "A command that reads the history as JSON lines on its standard input and prints "
                 "a verdict as JSON: {\"outcome\": \"pass\", \"judged\": 3, \"reason\": \"\"}.",
             .required = true},
            {.name = "timeout",
             .kind = Kind::duration,
             .about = "How long it may take; after that the verdict is unknown.",
             .fallback = R"("10s")",
             .low = kMillisecond,
             .high = kDay}}};
    static std::vector<Table> settings;
    static std::vector<std::string> names;
    settings.reserve(kProperties.size());  // so that the pointers to them hold
    names.reserve(kProperties.size());
    Table result{.where = "[properties]",
                 .keys = {{.name = "require",
                           .kind = Kind::property,
                           .shape = Shape::list,
                           .about = "Properties that a campaign must judge; if it could not judge "
                                    "one of them, the exit code is 3.",
                           .fallback = "[]"}}};
    Properties::each([&]<class Property>(const Property&) {
      names.push_back("[properties." + std::string(Property::kName) + "]");
      const auto& keys =
          settings.emplace_back(Table{.where = names.back(), .keys = keys_of<Property>()}).keys;
      Key key{.name = Property::kName,
              .kind = Kind::table,
              .about = Property::kHoldsWhen,
              .table = &settings.back()};
      if (std::ranges::find(keys, std::string_view("strict"), &Key::name) != keys.end())
        key.choices = {"strict"};
      result.keys.push_back(std::move(key));
    });
    result.keys.push_back({.name = "custom",
                           .kind = Kind::table,
                           .shape = Shape::map,
                           .about = "Checkers of your own, by name.",
                           .names = Names::word,
                           .table = &custom});
    return result;
  }();
  return table;
}

const Table& budget_table() {
  static const Table table{.where = "[budget]",
                           .keys = {{.name = "trials",
                                     .kind = Kind::integer,
                                     .about = "How many trials a campaign has.",
                                     .fallback = "20",
                                     .low = 1,
                                     .high = 1'000'000},
                                    {.name = "load",
                                     .kind = Kind::duration,
                                     .about = "The longest load phase; a fault whose moment has "
                                              "not come by then is reported as not reached.",
                                     .fallback = R"("10s")",
                                     .low = kMillisecond,
                                     .high = kDay}}};
  return table;
}

Value from_json(const boost::json::value& json) {
  Value value;
  if (const auto* text = json.if_string()) {
    value.type = Value::Type::text;
    value.text = std::string(*text);
  } else if (const auto* integer = json.if_int64()) {
    value.type = Value::Type::integer;
    value.integer = *integer;
  } else if (const auto* boolean = json.if_bool()) {
    value.type = Value::Type::boolean;
    value.boolean = *boolean;
  } else {
    value.type = Value::Type::array;
    for (const auto& item : json.as_array()) value.items.push_back(from_json(item));
  }
  return value;
}

}  // namespace

const Key& Table::key(std::string_view name) const {
  const auto found = std::ranges::find(keys, name, &Key::name);
  LASTCALL_INVARIANT(found != keys.end());
  return *found;
}

const Table& scenario_table() {
  static const Table table{
      .where = "at the top level",
      .keys = {
          {.name = "about",
           .kind = Kind::plain,
           .about = "Why this scenario exists.",
           .required = true,
           .low = 1},
          {.name = "name",
           .kind = Kind::plain,
           .about = "Scenarios of the same name draw the same plans from the same seed, whatever "
                    "else changes in them. Default: what the scenario says decides, without "
                    "comments and `about`; its file's name never does.",
           .low = 1},
          {.name = "target",
           .kind = Kind::table,
           .about = "What lastcall runs and tells to stop.",
           .required = true,
           .table = &target_table()},
          {.name = "crowd",
           .kind = Kind::choice,
           .about = kAboutCrowds,
           .fallback = R"("usual")",
           .choices = choices_of<Crowd>()},
          {.name = "sidecars",
           .kind = Kind::table,
           .shape = Shape::list,
           .about = "Processes next to the target, which are not judged. They start before it, one "
                    "after the other, and end after it.",
           .table = &sidecars_table()},
          {.name = "clients",
           .kind = Kind::table,
           .shape = Shape::list,
           .about = "Groups of clients that keep the target busy. Without them nobody asks it for "
                    "anything, and answers are not judged.",
           .table = &clients_table()},
          {.name = "faults",
           .kind = Kind::table,
           .shape = Shape::list,
           .about = "What is done to the target, and when. At least one fault must begin the stop. "
                    "Default: one stop, when = { phase = \"load\", at = \"measured\" }.",
           .table = &faults_table()},
          {.name = "properties",
           .kind = Kind::table,
           .about = "What is judged: every property that is not switched off.",
           .table = &properties_table()},
          {.name = "budget",
           .kind = Kind::table,
           .about = "How many trials, and how long their load may last.",
           .table = &budget_table()}}};
  return table;
}

Value default_value(const Key& key) {
  return key.fallback.empty() ? Value{} : from_json(boost::json::parse(key.fallback));
}

}  // namespace lastcall

#include "scenario/keys.hpp"

#include <boost/json/parse.hpp>

#include "base/invariant.hpp"
#include "scenario/property_names.hpp"

namespace lastcall {
namespace {

constexpr std::int64_t kMostClients = 1'000'000;
constexpr std::int64_t kMostEvents = 1'000'000'000;

const std::vector<std::string_view> kRecipients{"process", "group", "child", "tree"};
const std::vector<std::string_view> kBehaviourNames = [] {
  std::vector<std::string_view> names;
  for (const auto behaviour : kBehaviours) names.push_back(name(behaviour));
  return names;
}();

const std::vector<std::string_view> kCrowdNames{name(Crowd::usual), name(Crowd::harsh),
                                                name(Crowd::none)};

// What a limit takes, the same from the start on and as a fault.
std::vector<Key> limit_keys() {
  return {{.name = "descriptors",
           .kind = Kind::integer,
           .about = "How many descriptors a process of the target may have open (RLIMIT_NOFILE).",
           .low = 3,
           .high = 1'000'000},
          {.name = "memory",
           .kind = Kind::size,
           .about = "Of all its processes together; needs a memory cgroup (v1 or v2).",
           .low = 1 << 20,
           .high = kMostBytes},
          {.name = "disk",
           .kind = Kind::size,
           .about = "Of {dir}, which is a tmpfs then; needs root.",
           .low = 4096,
           .high = kMostBytes},
          {.name = "cpu",
           .kind = Kind::integer,
           .about = "Percent of one processor, for all its processes; needs a cpu cgroup.",
           .low = 1,
           .high = 10'000}};
}

const Table& limits_table() {
  static const Table table{.where = "[target.limits]", .keys = limit_keys()};
  return table;
}

const Table& service_table() {
  static const Table table{
      .where = "[target.service]",
      .keys = {{.name = "watchdog",
                .kind = Kind::duration,
                .about = "WATCHDOG_USEC: without WATCHDOG=1 for so long the target is ended with "
                         "SIGABRT, as systemd does.",
                .low = kMillisecond,
                .high = kDay},
               {.name = "watchdog_while_stopping",
                .kind = Kind::boolean,
                .about = "Heartbeats are due during the stop too. systemd stops its watchdog then.",
                .fallback = "false",
                .with = "watchdog"},
               {.name = "access",
                .kind = Kind::choice,
                .about = "Whose notifications count, as NotifyAccess= in systemd.service(5).",
                .fallback = R"("main")",
                .choices = {"main", "all"}}}};
  return table;
}

const Table& ask_table() {
  static const Table table{
      .where = "[target.recovery.ask]",
      .keys = {{.name = "url",
                .kind = Kind::url,
                .about = "GET this. With {id} it is asked once for each acknowledged request, else "
                         "it is a listing of them all.",
                .choices = {"http", "https"}},
               {.name = "command",
                .kind = Kind::text,
                .shape = Shape::list,
                .about = "Or run this, and look at its output."},
               {.name = "expect",
                .kind = Kind::text,
                .about = "What must stand in the answer, once. Default: \"{id}\" for a listing, "
                         "else a 2xx status or exit 0 will do.",
                .low = 1}},
      .exactly_one_of = {"url", "command"}};
  return table;
}

const Table& recovery_table() {
  static const Table table{
      .where = "[target.recovery]",
      .keys = {{.name = "command",
                .kind = Kind::text,
                .shape = Shape::list,
                .about = "How the target is started again, in the same directory. Default: as it "
                         "was."},
               {.name = "ask",
                .kind = Kind::table,
                .about = "How to see what it still knows.",
                .table = &ask_table()}}};
  return table;
}

const Table& vary_table() {
  static const Table table{.where = "[[target.vary]]",
                           .keys = {{.name = "name",
                                     .kind = Kind::plain,
                                     .about = "{vary.NAME} stands for the value drawn; lower case.",
                                     .required = true,
                                     .low = 1},
                                    {.name = "values",
                                     .kind = Kind::plain,
                                     .shape = Shape::list,
                                     .about = "One is drawn for each trial.",
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
           .about = "What tells the target to stop; of a list one is drawn for each trial.",
           .fallback = R"("SIGTERM")"},
          {.name = "to",
           .kind = Kind::choice,
           .about = "Who gets it: the target's first process, its process group, the first child "
                    "of that process, or every process of the target.",
           .fallback = R"("process")",
           .choices = kRecipients},
          {.name = "deadline",
           .kind = Kind::duration,
           .about = "From the signal to the end of the target; EXTEND_TIMEOUT_USEC extends it.",
           .fallback = R"("10s")",
           .low = kMillisecond,
           .high = kDay},
          {.name = "exit",
           .kind = Kind::end,
           .shape = Shape::one_or_list,
           .about =
               "The promised end: an exit code, a signal that ends it, or a list of those. "
               "Default: 0; and, if it had a handler for the signal, 128 + signal, as the JVM "
               "exits, or that signal itself, which a handler may raise again once it is done.",
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
           .about = "Variables, added to a small fixed environment.",
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
           .about = "How to see that the target is ready: url, port, log or notify. If there are "
                    "several, all must have held.",
           .required = true,
           .table = &ready_table()},
          {.name = "stop",
           .kind = Kind::table,
           .about = "How the target is told to stop, and what it promises then.",
           .table = &stop_table()},
          {.name = "user",
           .kind = Kind::plain,
           .about = "The user it runs as; needs root. Default: whoever runs lastcall.",
           .low = 1},
          {.name = "pid1",
           .kind = Kind::boolean,
           .about = "As the init of a PID namespace of its own, as in a container: signals without "
                    "a handler are ignored, pid_namespaces(7). Needs root.",
           .fallback = "false"},
          {.name = "trace",
           .kind = Kind::boolean,
           .about = "Whether lastcall traces it, ptrace(2): without that some properties cannot be "
                    "judged. A program that traces itself, or that a debugger shall attach to, "
                    "needs false.",
           .fallback = "true"},
          {.name = "untraced_every",
           .kind = Kind::integer,
           .about =
               "Which trials of a campaign run untraced, because tracing can hide a race: with "
               "4 the 4th, the 8th and so on, with 0 none. Default: 4; 0 where a fault is at "
               "a system call.",
           .low = 0,
           .high = 1'000'000},
          {.name = "state",
           .kind = Kind::plain,
           .about = "The folder below {dir} where it keeps what it must not lose; \".\" for {dir}.",
           .low = 1},
          {.name = "shell",
           .kind = Kind::boolean,
           .about = "Below a shell that waits for it and passes no signal on, as the shell form of "
                    "a container's command does.",
           .fallback = "false"},
          {.name = "limits",
           .kind = Kind::table,
           .about = "What it may use, from its start on.",
           .table = &limits_table()},
          {.name = "service",
           .kind = Kind::table,
           .about = "What lastcall does as its service manager, beside listening.",
           .table = &service_table()},
          {.name = "recovery",
           .kind = Kind::table,
           .about = "After its end the target is started again and asked what it still knows.",
           .table = &recovery_table()},
          {.name = "vary",
           .kind = Kind::table,
           .shape = Shape::list,
           .about = "Settings that differ from trial to trial.",
           .table = &vary_table()},
          {.name = "files",
           .kind = Kind::content,
           .shape = Shape::map,
           .about = "Files to lay out before the target starts: path below {dir} = content. Known "
                    "placeholders are filled in, other braces are left alone.",
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
                .about = "An ECMAScript regular expression with one group, which is the id; it is "
                         "looked for in the first 8 KiB of the answer.",
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
           .about = "Unique; default: \"clients-1\" and so on, by position.",
           .low = 1},
          {.name = "url",
           .kind = Kind::url,
           .about = "Where to, on this machine; the scheme decides the protocol.",
           .required = true,
           .choices = {"ws", "wss", "http", "https", "tcp", "tls"}},
          {.name = "count",
           .kind = Kind::integer,
           .about = "How many clients; all groups together at most 1000000. Default: 1, of a "
                    "crowd 10.",
           .low = 1,
           .high = kMostClients},
          {.name = "crowd",
           .kind = Kind::choice,
           .about = "Which habits they have. Default: what the top-level key of this name says, "
                    "or none for a group that says itself how its clients behave (behaviour, mix, "
                    "misbehaves, read_rate, during, messages, talk, opening, closing, reconnect), "
                    "and for tcp and tls without a message.",
           .choices = kCrowdNames},
          {.name = "ramp",
           .kind = Kind::duration,
           .about = "Their starts are spread over this.",
           .fallback = R"("0s")",
           .high = kDay},
          {.name = "pace",
           .kind = Kind::duration_range,
           .about = "The pause between an answer and the next message.",
           .fallback = R"("10ms..50ms")",
           .high = kDay},
          {.name = "messages",
           .kind = Kind::integer,
           .about = "A client stops sending after so many; 0: no limit.",
           .fallback = "0",
           .low = 0,
           .high = UINT32_MAX},
          {.name = "during",
           .kind = Kind::choice,
           .about = "When they start: as the load begins, or as the stop does.",
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
           .about = "Not http: what is said once a connection, in turn.",
           .table = &step_table()},
          {.name = "message",
           .kind = Kind::bytes,
           .shape = Shape::one_or_list,
           .about = "What is sent; of a list one is drawn each time. {id} is unique to each "
                    "message. Default: \"{id}\" for ws and wss, nothing for the others. {length} "
                    "is how many bytes stand between {body} and {end}, which stand for nothing; "
                    "without {body} it counts from the first blank line after it, without one "
                    "from itself; without {end} to the end of the message. {length.be32} and "
                    "{length.le32} are the same as four bytes."},
          {.name = "headers",
           .kind = Kind::header,
           .shape = Shape::map,
           .about = "http, https: sent with each request, with {id}; ws, wss: with the upgrade. "
                    "Not those that lastcall itself sets.",
           .names = Names::header},
          {.name = "id_from",
           .kind = Kind::table,
           .about = "Where an answer that acknowledges says which id the server chose: then {id} "
                    "in [target.recovery.ask] is that one.",
           .table = &id_from_table()},
          {.name = "ack",
           .kind = Kind::bytes,
           .about = "Not http: an answer that contains this acknowledges the message. Default: "
                    "\"{id}\".",
           .low = 1},
          {.name = "closing",
           .kind = Kind::bytes,
           .about = "tcp and tls only: sent by a client that has done its messages.",
           .low = 1},
          {.name = "subprotocol",
           .kind = Kind::plain,
           .about = "ws and wss only: asked for with Sec-WebSocket-Protocol.",
           .low = 1},
          {.name = "binary",
           .kind = Kind::boolean,
           .about = "ws and wss only: messages are binary.",
           .fallback = "false"},
          {.name = "fragments",
           .kind = Kind::integer,
           .about = "A message is sent in so many frames (ws, wss) or segments.",
           .fallback = "1",
           .low = 1,
           .high = 1000},
          {.name = "ping",
           .kind = Kind::duration,
           .about = "ws and wss only: a Ping frame so often.",
           .low = kMillisecond,
           .high = kDay},
          {.name = "behaviour",
           .kind = Kind::choice,
           .about = "How they behave: `lastcall list behaviours` says what each does.",
           .fallback = R"("steady")",
           .choices = kBehaviourNames},
          {.name = "mix",
           .kind = Kind::integer,
           .shape = Shape::map,
           .about = "Or several, with weights: { steady = 8, reset = 1 }; drawn for each client.",
           .low = 1,
           .high = 1'000'000,
           .choices = kBehaviourNames,
           .names = Names::choice},
          {.name = "misbehaves",
           .kind = Kind::duration_range,
           .about = "When, after the handshake; drawn for each client.",
           .fallback = R"("0ms..200ms")",
           .high = kDay},
          {.name = "read_rate",
           .kind = Kind::size,
           .about = "What a slow reader takes, bytes a second.",
           .fallback = "1024",
           .low = 1,
           .high = kMostBytes},
          {.name = "reconnect",
           .kind = Kind::duration_range,
           .about = "A client whose connection ended comes back after the low end, doubled each "
                    "time it fails, up to the high end. Default: not at all.",
           .low = kMillisecond,
           .high = kDay},
          {.name = "reconnect_until",
           .kind = Kind::choice,
           .about = "How long they come back: until the stop begins, or until the target's end.",
           .fallback = R"("stop")",
           .choices = {"stop", "end"},
           .with = "reconnect"},
          {.name = "source",
           .kind = Kind::network,
           .about = "Each client is bound to an address drawn from this: \"127.0.0.0/8\"."},
          {.name = "proxy",
           .kind = Kind::boolean,
           .about = "Connects through lastcall's TCP proxy, which network faults act on.",
           .fallback = "false"},
          {.name = "verify",
           .kind = Kind::boolean,
           .about = "TLS only: the server's certificate is verified.",
           .fallback = "true"},
          {.name = "ca",
           .kind = Kind::text,
           .about = "TLS only: against this PEM file. Default: {tls.cert}.",
           .low = 1},
          {.name = "cert",
           .kind = Kind::text,
           .about = "TLS only: the client's own certificate, a PEM file; {tls.client-cert} is one.",
           .low = 1,
           .with = "key"},
          {.name = "key",
           .kind = Kind::text,
           .about = "TLS only: and its key; {tls.client-key} belongs to {tls.client-cert}.",
           .low = 1,
           .with = "cert"},
          {.name = "method",
           .kind = Kind::choice,
           .about = "http and https only. Default: GET, or POST if there is a message.",
           .choices = {"GET", "POST", "PUT", "DELETE"}},
          {.name = "status",
           .kind = Kind::integer,
           .shape = Shape::one_or_list,
           .about = "http and https only: statuses that acknowledge a request. Default: any 2xx or "
                    "3xx.",
           .low = 100,
           .high = 599}}};
  return table;
}

const Table& when_table() {
  static const Table table{
      .where = "[faults.when]",
      .keys = {{.name = "phase",
                .kind = Kind::choice,
                .about = "start: not ready yet. load: clients at work. drain: after the stop "
                         "signal. Beside syscall: counted from there on.",
                .choices = {"start", "load", "drain"}},
               {.name = "at",
                .kind = Kind::moment,
                .about = "How long after the phase began; drawn from a range. \"measured\", of the "
                         "load: drawn over four response times as they are measured, at least 1s. "
                         "Of a system call: \"entry\", before it is made, or \"exit\".",
                .fallback = R"("0ms")",
                .high = kDay},
               {.name = "event",
                .kind = Kind::choice,
                .about = "What a client does.",
                .choices = {"connected", "handshake", "sent", "acknowledged"}},
               {.name = "nth",
                .kind = Kind::count_range,
                .about = "The how manieth such event, line, notification or system call; drawn "
                         "from a range \"1..40\".",
                .fallback = "1",
                .low = 1,
                .high = kMostEvents},
               {.name = "log",
                .kind = Kind::pattern,
                .about = "A line of output that matches this ECMAScript regular expression.",
                .low = 1},
               {.name = "notification",
                .kind = Kind::plain,
                .about = "A notification that holds this assignment: \"STOPPING=1\".",
                .low = 1},
               {.name = "syscall",
                .kind = Kind::syscall,
                .about =
                    "A system call of any process of the target, in the order lastcall sees "
                    "them; one that is made again after a signal counts again. Needs trace = "
                    "true. rename is renameat and renameat2 too; likewise accept, fork, link, "
                    "mkdir, open, read, recv (from, msg, mmsg), send (to, msg, mmsg), symlink, "
                    "unlink and write (v, and those with an offset). fsync is not fdatasync."},
               {.name = "path",
                .kind = Kind::text,
                .about =
                    "A glob, in which * matches / too: one of the files that the call names, by "
                    "path or by descriptor, made absolute.",
                .low = 1,
                .with = "syscall"},
               {.name = "role",
                .kind = Kind::choice,
                .about = "What a descriptor that it is given is. listener: it listens. connection: "
                         "it was accepted. state: a file or folder in target.state, by path too. "
                         "log: standard output or error, or a file elsewhere opened to append.",
                .choices = {"listener", "connection", "state", "log"},
                .with = "syscall"}},
      .exactly_one_of = {"phase", "event", "log", "notification", "syscall"},
      .beside_last = "phase"};
  return table;
}

const Table& faults_table() {
  static const Table table = [] {
    Table faults{
        .where = "[[faults]]",
        .keys = {
            {.name = "what",
             .kind = Kind::choice,
             .about = "`lastcall list faults` says what each does and which keys it takes.",
             .required = true,
             .choices = {"stop", "signal", "double-signal", "storm", "pause", "kill",
                         "abort-clients", "network", "syscall", "limit"}},
            {.name = "signal",
             .kind = Kind::signal,
             .shape = Shape::one_or_list,
             .about =
                 "signal, double-signal, storm: of a list one is drawn, in a storm each time."},
            {.name = "second",
             .kind = Kind::signal,
             .shape = Shape::one_or_list,
             .about = "double-signal: the second signal; of a list one is drawn."},
            {.name = "gap",
             .kind = Kind::duration_range,
             .about = "double-signal, storm: from one signal to the next.",
             .fallback = R"("0ms..100ms")",
             .high = kDay},
            {.name = "count",
             .kind = Kind::count_range,
             .about = "storm: how many signals; drawn from a range. syscall: how many calls in a "
                      "row that match, by default 1.",
             .fallback = R"("5..20")",
             .low = 1,
             .high = 10'000},
            {.name = "to",
             .kind = Kind::choice,
             .about = "Signals: who gets them. Default: the target's stop.to for a stop, else its "
                      "first process.",
             .choices = kRecipients},
            {.name = "for",
             .kind = Kind::duration_range,
             .about = "pause: how long it stands still. network: how long it stalls, or how much "
                      "later each byte comes.",
             .high = kDay},
            {.name = "percent",
             .kind = Kind::integer,
             .about = "abort-clients, network: of how many connections.",
             .fallback = "100",
             .low = 1,
             .high = 100},
            {.name = "action",
             .kind = Kind::choice,
             .about = "network: what happens to connections through the proxy.",
             .choices = {"delay", "stall", "cut", "half-close", "reset", "truncate"}},
            {.name = "toward",
             .kind = Kind::choice,
             .about = "network: what is sent to whom.",
             .fallback = R"("both")",
             .choices = {"target", "clients", "both"}},
            {.name = "at_byte",
             .kind = Kind::count_range,
             .about = "network, truncate: after how many bytes; drawn from a range.",
             .high = kMostBytes},
            {.name = "error",
             .kind = Kind::error,
             .about = "syscall: it is not made and fails with this error, errno(3)."},
            {.name = "short_write",
             .kind = Kind::truth,
             .about = "syscall: of what it shall write it writes half. Calls that write less than "
                      "two bytes do not count."},
            {.name = "delay",
             .kind = Kind::duration_range,
             .about = "syscall: it is made so much later.",
             .low = 1,
             .high = kDay},
            {.name = "when",
             .kind = Kind::table,
             .about = "A time in a phase, or the Nth event or system call of a kind.",
             .required = true,
             .table = &when_table()}}};
    for (auto& key : limit_keys()) {
      faults.keys.push_back(std::move(key));
    }
    return faults;
  }();
  return table;
}

std::vector<Key> settings_of(std::string_view property) {
  std::vector<Key> keys{
      {.name = "judge",
       .kind = Kind::boolean,
       .about = "Whether the property is judged.",
       .fallback = "true"},
      {.name = "why",
       .kind = Kind::plain,
       .about = "Why it is not judged: required with judge = false, an error otherwise.",
       .low = 1}};
  for (auto& key : property_keys(property)) keys.push_back(std::move(key));
  return keys;
}

const Table& properties_table() {
  static const Table table = [] {
    static const Table custom{
        .where = "[properties.custom]",
        .keys = {{.name = "command",
                  .kind = Kind::text,
                  .shape = Shape::list,
                  .about = "Gets the history as JSON lines on its standard input and prints a "
                           "verdict as JSON: {\"outcome\": \"pass\", \"judged\": 3, \"reason\": "
                           "\"\"}.",
                  .required = true},
                 {.name = "timeout",
                  .kind = Kind::duration,
                  .about = "It has so long; later the verdict is unknown.",
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
                           .about = "Properties that a campaign must have been able to judge.",
                           .fallback = "[]"}}};
    for (const auto& property : kProperties) {
      names.push_back("[properties." + std::string(property.name) + "]");
      settings.push_back({.where = names.back(), .keys = settings_of(property.name)});
      result.keys.push_back(
          {.name = property.name,
           .kind = Kind::table,
           .about = property.holds_when,
           .choices = property.name == "released" || property.name == "close-handshake"
                          ? std::vector<std::string_view>{"strict"}
                          : std::vector<std::string_view>{},
           .table = &settings.back()});
    }
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
  static const Table table{
      .where = "[budget]",
      .keys = {
          {.name = "trials",
           .kind = Kind::integer,
           .about = "Trials of a campaign.",
           .fallback = "20",
           .low = 1,
           .high = 1'000'000},
          {.name = "load",
           .kind = Kind::duration,
           .about =
               "The longest load phase; a fault whose moment has not come by then is reported.",
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
      .keys = {{.name = "about",
                .kind = Kind::plain,
                .about = "Why this scenario exists.",
                .required = true,
                .low = 1},
               {.name = "name",
                .kind = Kind::plain,
                .about = "A campaign draws the same plans from the same seed for every scenario of "
                         "this name, whatever else changes in it. Default: what the scenario says "
                         "decides, comments and about aside; its file's name never does.",
                .low = 1},
               {.name = "target",
                .kind = Kind::table,
                .about = "What is run and told to stop.",
                .required = true,
                .table = &target_table()},
               {.name = "crowd",
                .kind = Kind::choice,
                .about = "Which habits the clients of a group have that says nothing about them. "
                         "usual: most go on asking; of each ten clients one says nothing more "
                         "once the stop has begun (idle), one comes during the drain (late), one "
                         "ends its connection in order before the stop (leaves), and over "
                         "WebSocket one never sends a message (quiet). harsh: also reset, and "
                         "silent, slow-reader and never-closes, for which good servers may wait. "
                         "none: all go on asking.",
                .fallback = R"("usual")",
                .choices = kCrowdNames},
               {.name = "sidecars",
                .kind = Kind::table,
                .shape = Shape::list,
                .about = "Processes next to the target, which are not judged: started before it, "
                         "one after the other, and ended after it.",
                .table = &sidecars_table()},
               {.name = "clients",
                .kind = Kind::table,
                .shape = Shape::list,
                .about = "Groups of clients that keep the target busy. Without them nobody asks "
                         "it for anything, and what is about answers is not judged.",
                .table = &clients_table()},
               {.name = "faults",
                .kind = Kind::table,
                .shape = Shape::list,
                .about = "What is done to the target, and when. At least one must begin the stop. "
                         "Default: one "
                         "stop, when = { phase = \"load\", at = \"measured\" }.",
                .table = &faults_table()},
               {.name = "properties",
                .kind = Kind::table,
                .about = "What is judged; every property unless it is switched off.",
                .table = &properties_table()},
               {.name = "budget",
                .kind = Kind::table,
                .about = "How much of it.",
                .table = &budget_table()}}};
  return table;
}

Value default_value(const Key& key) {
  return key.fallback.empty() ? Value{} : from_json(boost::json::parse(key.fallback));
}

}  // namespace lastcall

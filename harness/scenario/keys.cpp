#include "scenario/keys.hpp"

#include <boost/json/parse.hpp>

#include "base/invariant.hpp"
#include "scenario/property_names.hpp"

namespace lastcall {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
// No stop worth testing takes longer, and sums of such durations cannot overflow.
constexpr std::int64_t kDay = 24 * 3600 * 1000 * kMillisecond;
constexpr std::int64_t kMostClients = 1'000'000;
constexpr std::int64_t kMostEvents = 1'000'000'000;

const Table& ready_table() {
  static const Table table{
      .where = "[target.ready]",
      .keys = {{.name = "url",
                .kind = Kind::url,
                .about = "Ready when this answers with a 2xx status.",
                .choices = {"http", "https"}},
               {.name = "port",
                .kind = Kind::port,
                .about = "Ready when this port accepts a TCP connection: \"{port}\"."},
               {.name = "log",
                .kind = Kind::pattern,
                .about = "Ready when a line of output matches this ECMAScript regular expression.",
                .low = 1},
               {.name = "notify",
                .kind = Kind::truth,
                .about = "Ready when it sends READY=1 to NOTIFY_SOCKET, see sd_notify(3)."},
               {.name = "timeout",
                .kind = Kind::duration,
                .about = "How long the target may take to become ready.",
                .fallback = R"("10s")",
                .low = kMillisecond,
                .high = kDay}},
      .exactly_one_of = {"url", "port", "log", "notify"}};
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
          {.name = "deadline",
           .kind = Kind::duration,
           .about = "From the signal to the end of the target.",
           .fallback = R"("10s")",
           .low = kMillisecond,
           .high = kDay},
          {.name = "exit",
           .kind = Kind::end,
           .shape = Shape::one_or_list,
           .about = "The promised end: an exit code, a signal that ends it, or a list of those.",
           .fallback = "0",
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
           .names = Names::variable},
          {.name = "directory",
           .kind = Kind::text,
           .about = "The working directory.",
           .fallback = R"("{dir}")",
           .low = 1},
          {.name = "ready",
           .kind = Kind::table,
           .about = "How to see that the target is ready: exactly one of url, port, log, notify.",
           .required = true,
           .table = &ready_table()},
          {.name = "stop",
           .kind = Kind::table,
           .about = "How the target is told to stop, and what it promises then.",
           .table = &stop_table()},
          {.name = "files",
           .kind = Kind::content,
           .shape = Shape::map,
           .about = "Files to lay out before the target starts: path below {dir} = content. Known "
                    "placeholders are filled in, other braces are left alone.",
           .names = Names::path}}};
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
           .choices = {"ws", "wss", "http", "https"}},
          {.name = "count",
           .kind = Kind::integer,
           .about = "How many clients; all groups together at most 1000000.",
           .fallback = "1",
           .low = 1,
           .high = kMostClients},
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
          {.name = "message",
           .kind = Kind::text,
           .about = "What is sent; {id} is unique to each message. Default: \"{id}\" for ws and "
                    "wss, nothing "
                    "for http and https."},
          {.name = "ack",
           .kind = Kind::text,
           .about =
               "ws and wss only: an answer that contains this acknowledges the message. Default: "
               "\"{id}\"."},
          {.name = "method",
           .kind = Kind::choice,
           .about = "http and https only. Default: GET, or POST if there is a message.",
           .choices = {"GET", "POST", "PUT", "DELETE"}},
          {.name = "status",
           .kind = Kind::integer,
           .shape = Shape::one_or_list,
           .about = "http and https only: statuses that acknowledge a request. Default: any 2xx.",
           .low = 100,
           .high = 599}}};
  return table;
}

const Table& when_table() {
  static const Table table{
      .where = "[faults.when]",
      .keys = {{.name = "phase",
                .kind = Kind::choice,
                .about =
                    "start: not ready yet. load: clients at work. drain: after the stop signal.",
                .choices = {"start", "load", "drain"}},
               {.name = "at",
                .kind = Kind::duration_range,
                .about = "How long after the phase began; drawn from a range.",
                .fallback = R"("0ms")",
                .high = kDay,
                .with = "phase"},
               {.name = "event",
                .kind = Kind::choice,
                .about = "What a client does.",
                .choices = {"connected", "handshake", "sent", "acknowledged"}},
               {.name = "nth",
                .kind = Kind::count_range,
                .about =
                    "The how manieth such event, over all clients; drawn from a range \"1..40\".",
                .fallback = "1",
                .low = 1,
                .high = kMostEvents,
                .with = "event"}},
      .exactly_one_of = {"phase", "event"}};
  return table;
}

const Table& faults_table() {
  static const Table table{
      .where = "[[faults]]",
      .keys = {
          {.name = "what",
           .kind = Kind::choice,
           .about =
               "stop: the target's stop signal. signal: another one. double-signal: two in a row.",
           .required = true,
           .choices = {"stop", "signal", "double-signal"}},
          {.name = "signal",
           .kind = Kind::signal,
           .shape = Shape::one_or_list,
           .about =
               "Required for signal and double-signal, an error for stop; of a list one is drawn."},
          {.name = "second",
           .kind = Kind::signal,
           .shape = Shape::one_or_list,
           .about =
               "double-signal only, required there: the second signal; of a list one is drawn."},
          {.name = "gap",
           .kind = Kind::duration_range,
           .about = "double-signal only: between the first and the second.",
           .fallback = R"("0ms..100ms")",
           .high = kDay},
          {.name = "when",
           .kind = Kind::table,
           .about = "A time in a phase, or the Nth event of a kind.",
           .required = true,
           .table = &when_table()}}};
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
  if (property == "no-panic") {
    keys.push_back({.name = "allow",
                    .kind = Kind::pattern,
                    .shape = Shape::list,
                    .about = "Lines of output that match one of these are no panic.",
                    .fallback = "[]"});
  } else if (property == "released") {
    keys.push_back({.name = "allow",
                    .kind = Kind::plain,
                    .shape = Shape::list,
                    .about = "Glob patterns of files below {dir} that may stay.",
                    .fallback = "[]",
                    .low = 1});
  } else if (property == "close-handshake") {
    keys.push_back(
        {.name = "codes",
         .kind = Kind::integer,
         .shape = Shape::list,
         .about = "The WebSocket close codes that the target may use, RFC 6455 section 7.4.",
         .fallback = "[1001, 1000]",
         .low = 1000,
         .high = 4999});
  } else if (property == "in-flight-finished") {
    keys.push_back({.name = "settling",
                    .kind = Kind::duration,
                    .about = "A request sent this much before the stop counts as taken on.",
                    .fallback = R"("100ms")",
                    .high = kDay});
  }
  return keys;
}

const Table& properties_table() {
  static const Table table = [] {
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
      result.keys.push_back({.name = property.name,
                             .kind = Kind::table,
                             .about = property.holds_when,
                             .table = &settings.back()});
    }
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
               {.name = "target",
                .kind = Kind::table,
                .about = "What is run and told to stop.",
                .required = true,
                .table = &target_table()},
               {.name = "clients",
                .kind = Kind::table,
                .shape = Shape::list,
                .about = "Groups of clients that keep the target busy.",
                .required = true,
                .table = &clients_table()},
               {.name = "faults",
                .kind = Kind::table,
                .shape = Shape::list,
                .about = "What is done to the target, and when. At least one must begin the stop. "
                         "Default: one "
                         "stop, 0ms..1s into the load phase.",
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

// Everything that a scenario says of clients: the keys of a group, what they say together, and the
// ClientGroup that they make.
#include <algorithm>
#include <array>
#include <boost/algorithm/string/case_conv.hpp>
#include <set>

#include "scenario/build.hpp"
#include "scenario/keys.hpp"
#include "scenario/placeholders.hpp"

namespace lastcall {
namespace {

constexpr std::uint64_t kMaxClients = 1'000'000;  // all groups together
constexpr std::uint32_t kCrowd = 10;              // clients of a crowd, if nobody says how many
// Keys that say how the clients of a group behave: with one of them it is no crowd by default.
constexpr std::array<std::string_view, 8> kBehaviourKeys{
    "behaviour", "mix", "misbehaves", "read_rate", "during", "messages", "talk", "reconnect"};

const Table& id_from_table() {
  static const Table table{
      .where = "id_from",
      .keys = {{.name = "json",
                .kind = Kind::pointer,
                .about = "A JSON pointer (RFC 6901) into the answer, to a string or an integer: "
                         "\"/order/id\"."},
               {.name = "pattern",
                .kind = Kind::group,
                .about = "A regular expression with one group, which is the id. Only "
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

struct KeyRule {
  std::string_view key;
  bool (*goes_with)(Protocol);
  std::string_view with;  // for people
};
constexpr bool is_not_http(Protocol p) { return !is_http(p); }
constexpr bool has_headers(Protocol p) { return !is_raw(p); }
constexpr std::array<KeyRule, 14> kRules{{
    {"headers", has_headers, "http, https, ws and wss"},
    {"ack", is_not_http, "ws, wss, tcp and tls"},
    {"opening", is_not_http, "ws, wss, tcp and tls"},
    {"method", is_http, "http and https"},
    {"status", is_http, "http and https"},
    {"closing", is_raw, "tcp and tls"},
    {"talk", is_websocket, "ws and wss"},
    {"subprotocol", is_websocket, "ws and wss"},
    {"binary", is_websocket, "ws and wss"},
    {"ping", is_websocket, "ws and wss"},
    {"verify", is_tls, "wss, https and tls"},
    {"ca", is_tls, "wss, https and tls"},
    {"cert", is_tls, "wss, https and tls"},
    {"key", is_tls, "wss, https and tls"},
}};

// Whether it sends anything that a server could answer.
bool asks(const ClientGroup& group) {
  return is_http(group.protocol) || is_websocket(group.protocol) || !group.message.front().empty();
}

Crowd crowd_of(const Section& section, const ClientGroup& group, Crowd of_all) {
  if (section.has("crowd")) return from_name<Crowd>(section["crowd"].text).value_or(Crowd::none);
  const bool says_how =
      std::ranges::any_of(kBehaviourKeys, [&](auto key) { return section.has(key); });
  return says_how || !asks(group) ? Crowd::none : of_all;
}

void check_crowd(const Section& section, const ClientGroup& group, Errors& errors) {
  if (section.has("crowd") && group.crowd != Crowd::none) {
    for (const std::string_view key : {"behaviour", "mix", "during"}) {
      if (!section.has(key) || section[key].text == "load") continue;
      errors.add(section.place(key), in_single_quotes(key) + " does not go with a crowd, which " +
                                         "has habits of its own; say crowd = \"none\"");
    }
    if (!asks(group))
      errors.add(section.place("crowd"), "a crowd needs something to ask: say 'message'");
  }
  const auto* const key = section.has("mix") ? "mix" : "behaviour";
  if (is_http(group.protocol) && group.mix.contains(Behaviour::quiet)) {
    errors.add(section.place(key),
               "'quiet' is for ws, wss, tcp and tls only; an HTTP client that sends no request is "
               "'silent'");
  }
  if (group.during_drain && group.mix.contains(Behaviour::late)) {
    errors.add(section.place(key),
               "'late' does not go with during = \"drain\": all come late then");
  }
  if (group.during_drain && group.mix.contains(Behaviour::leaves)) {
    errors.add(section.place(key),
               "'leaves' does not go with during = \"drain\": it goes before the stop");
  }
}

// Names differ in more than their case (RFC 9110, section 5.1), and an upgrade is no message.
void check_headers(const Section& section, const ClientGroup& group, Errors& errors) {
  std::set<std::string> names;
  for (const auto& [name, place, value] : section["headers"].entries) {
    if (!names.insert(boost::algorithm::to_lower_copy(name)).second)
      errors.add(place, "the header " + in_single_quotes(name) + " is there already");
    const auto used = placeholders_in(value.text);
    if (is_websocket(group.protocol) && std::ranges::find(used, "id") != used.end())
      errors.add(value.place, "{id} is that of a message, and an upgrade is none");
  }
}

// Where {length} and what goes with it makes sense.
void check_lengths(const Section& section, Errors& errors) {
  const auto check_sent = [&](const Value& value) {
    const auto problem = length_problem(value.text);
    if (!problem.empty()) errors.add(value.place, problem);
  };
  const auto check_received = [&](const Value& value) {
    const auto marks = length_marks_in(value.text);
    if (!marks.empty()) errors.add(value.place, "{" + marks.front() + "} is for what clients send");
  };
  for (const auto& message : list_of(section["message"])) check_sent(message);
  check_sent(section["closing"]);
  check_received(section["ack"]);
  for (const auto& step : section.each("opening")) {
    check_sent(step["send"]);
    check_received(step["expect"]);
  }
}

void check_keys(const Section& section, const ClientGroup& group, bool own_certificate,
                Errors& errors) {
  for (const auto& rule : kRules) {
    if (!section.has(rule.key) || rule.goes_with(group.protocol)) continue;
    errors.add(section.place(rule.key),
               in_single_quotes(rule.key) + " is for " + std::string(rule.with) + " only");
  }
  const auto refuse_both = [&](std::string_view one, std::string_view other) {
    if (section.has(one) && section.has(other)) {
      errors.add(section.place(other),
                 in_single_quotes(other) + " does not go with " + in_single_quotes(one));
    }
  };
  refuse_both("behaviour", "mix");
  check_crowd(section, group, errors);
  for (const std::string_view key : {"opening", "message", "ack", "subprotocol", "binary"}) {
    refuse_both("talk", key);
  }
  if (is_http(group.protocol) && section.has("method") && group.method == "GET" &&
      section.has("message")) {
    errors.add(section.place("message"),
               "a GET request carries no message; without 'method' it is a POST");
  }
  check_headers(section, group, errors);
  check_lengths(section, errors);
  const bool tls = is_tls(group.protocol);
  if (tls && section.has("ca") && !section["verify"].boolean) {
    errors.add(section.place("ca"), "'ca' does not go with verify = false");
  } else if (tls && !own_certificate && !section.has("ca") && section["verify"].boolean) {
    errors.add(section.place(),
               "the server's certificate is not lastcall's own {tls.cert}: say 'ca', the PEM file "
               "that it is verified against, or verify = false");
  }
}

// OCPP-J 1.6 calls, section 4 of its JSON specification: [2, id, action, payload], answered with
// [3, id, payload].
void talk_as_charge_point(ClientGroup& group) {
  group.subprotocol = "ocpp1.6";
  group.opening = {{.send = R"([2,"boot-{client}","BootNotification",)"
                            R"({"chargePointVendor":"lastcall","chargePointModel":"client"}])",
                    .expect = ""},
                   {.send = "", .expect = R"([3,"boot-{client}",)"}};
  group.message = {R"([2,"{id}","Heartbeat",{}])",
                   R"([2,"{id}","StatusNotification",)"
                   R"({"connectorId":1,"errorCode":"NoError","status":"Available"}])",
                   R"([2,"{id}","MeterValues",{"connectorId":1,"meterValue":)"
                   R"([{"timestamp":"2026-01-01T00:00:00Z","sampledValue":[{"value":"42"}]}]}])"};
  group.acknowledgement = R"([3,"{id}",)";
}

void talk_as_staff(ClientGroup& group) {
  group.opening = {{.send = R"({"type":"init","user":"staff-{client}"})", .expect = ""},
                   {.send = "", .expect = R"("type":"init")"}};
  group.message = {R"({"type":"message","id":"{id}","text":"hello from {client}"})",
                   R"({"type":"history","id":"{id}","limit":10})"};
  group.acknowledgement = R"("id":"{id}")";
}

void build_talk(const Section& section, ClientGroup& group) {
  const bool http = is_http(group.protocol);
  for (const auto& text : texts_of(section["message"])) group.message.push_back(unescaped(text));
  if (group.message.empty()) group.message = {is_websocket(group.protocol) ? "{id}" : ""};
  if (!http) group.acknowledgement = section.has("ack") ? unescaped(section["ack"].text) : "{id}";
  for (const auto& step : section.each("opening")) {
    group.opening.push_back({unescaped(step["send"].text), unescaped(step["expect"].text)});
  }
  group.closing = unescaped(section["closing"].text);
  group.subprotocol = section["subprotocol"].text;
  group.binary = section["binary"].boolean;
  if (section["talk"].text == "charge-point") talk_as_charge_point(group);
  if (section["talk"].text == "staff-chat") talk_as_staff(group);
  if (!http) return;
  group.method = section["method"].text;
  if (group.method.empty()) group.method = section.has("message") ? "POST" : "GET";
  group.status = integers_of(section["status"]);
}

// What all groups of a scenario share.
struct Shared {
  bool own_certificate = false;
  Crowd crowd{};
};

ClientGroup build_group(const Section& section, std::size_t position, const Shared& shared,
                        Errors& errors) {
  ClientGroup group;
  group.name = section.has("name") ? section["name"].text : "clients-" + std::to_string(position);
  group.url = section["url"].text;
  // The URL was checked, or the scenario is thrown away.
  group.protocol = from_name<Protocol>(url_parts(group.url).scheme).value_or(Protocol::http);
  group.during_drain = section["during"].text == "drain";
  group.ramp = duration_of(section["ramp"]);
  group.pace = duration_range_of(section["pace"]);
  group.messages = static_cast<std::uint32_t>(section["messages"].integer);
  build_talk(section, group);
  group.crowd = crowd_of(section, group, shared.crowd);
  const bool is_counted = section.has("count") && section.sound("count");
  group.count = is_counted                   ? static_cast<std::uint32_t>(section["count"].integer)
                : group.crowd == Crowd::none ? 1
                                             : kCrowd;
  group.fragments = static_cast<std::uint32_t>(section["fragments"].integer);
  if (section.has("ping")) group.ping = duration_of(section["ping"]);
  for (const auto& [word, place, weight] : section["mix"].entries) {
    group.mix[from_name<Behaviour>(word).value_or(Behaviour::steady)] =
        static_cast<std::uint32_t>(weight.integer);
  }
  if (group.mix.empty()) group.mix[choice_of<Behaviour>(section["behaviour"])] = 1;
  group.misbehaves = duration_range_of(section["misbehaves"]);
  group.read_rate = size_of(section["read_rate"]);
  if (section.has("reconnect")) group.reconnect = duration_range_of(section["reconnect"]);
  group.reconnect_after_stop = section["reconnect_until"].text == "end";
  if (section.has("source")) group.source = parse_network(section["source"].text);
  group.proxy = section["proxy"].boolean;
  group.verify = section["verify"].boolean;
  group.authority = below(kScenarioFolder, section["ca"].text);
  group.certificate = below(kScenarioFolder, section["cert"].text);
  group.key = below(kScenarioFolder, section["key"].text);
  for (const auto& [name, place, value] : section["headers"].entries)
    group.headers[name] = value.text;
  if (section.has("id_from")) {
    const auto from = section.sub("id_from");
    const bool is_pattern = from.has("pattern");
    group.id_from = IdSource{is_pattern, from[is_pattern ? "pattern" : "json"].text};
  }
  if (section.has("url") && section.sound("url")) {
    check_keys(section, group, shared.own_certificate, errors);
  }
  return group;
}

}  // namespace

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

std::vector<ClientGroup> build_clients(const Section& file, bool own_certificate, Errors& errors) {
  std::vector<ClientGroup> groups;
  std::set<std::string> names;
  std::uint64_t clients = 0;
  const Shared shared{own_certificate, choice_of<Crowd>(file["crowd"])};
  for (const auto& section : file.each("clients")) {
    groups.push_back(build_group(section, groups.size() + 1, shared, errors));
    const auto& group = groups.back();
    if (section.sound("name") && !names.insert(group.name).second) {
      errors.add(
          section.has("name") ? section.place("name") : section.place(),
          "the name " + in_single_quotes(group.name) + " is taken by another group of clients");
    }
    const bool was_fine = clients <= kMaxClients;
    clients += group.count;
    if (was_fine && clients > kMaxClients) {
      errors.add(section.has("count") ? section.place("count") : section.place(),
                 "with this group the clients are more than " + std::to_string(kMaxClients));
    }
  }
  return groups;
}

}  // namespace lastcall

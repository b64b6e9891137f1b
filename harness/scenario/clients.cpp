#include <algorithm>
#include <array>
#include <boost/algorithm/string/case_conv.hpp>
#include <set>

#include "scenario/build.hpp"
#include "scenario/placeholders.hpp"

namespace lastcall {
namespace {

constexpr std::uint64_t kMaxClients = 1'000'000;  // all groups together
constexpr std::uint32_t kCrowd = 10;              // clients of a crowd, if nobody says how many
// What says how the clients of a group behave: with one of these it is no crowd by default.
constexpr std::array<std::string_view, 8> kHabits{
    "behaviour", "mix", "misbehaves", "read_rate", "during", "messages", "talk", "reconnect"};

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
  if (section.has("crowd")) return choice_of<Crowd>(section["crowd"]);
  const bool says_how = std::ranges::any_of(kHabits, [&](auto key) { return section.has(key); });
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
  group.authority = section["ca"].text;
  group.certificate = section["cert"].text;
  group.key = section["key"].text;
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

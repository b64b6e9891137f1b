#include <algorithm>
#include <array>
#include <boost/json/stream_parser.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cstdio>

#include "base/durations.hpp"
#include "base/file.hpp"
#include "base/nearest_name.hpp"
#include "base/signal_names.hpp"
#include "base/text.hpp"
#include "fault/syscalls.hpp"
#include "plan/plan_file.hpp"
#include "scenario/keys.hpp"
#include "scenario/pretty_json.hpp"
#include "scenario/value_syntax.hpp"

namespace lastcall {
namespace {

namespace json = boost::json;

constexpr std::string_view kFormat = "lastcall-plan";
constexpr std::size_t kDeepest = 16;            // a plan nests five levels
constexpr std::size_t kLargest = kMostOfAFile;  // a million overrides fit

// --- writing -------------------------------------------------------------------------------------

std::string hex(std::uint64_t seed) {
  std::array<char, 19> text{};
  std::snprintf(text.data(), text.size(), "0x%016llx", static_cast<unsigned long long>(seed));
  return text.data();
}

json::object write(const PlannedGroup& group) {
  json::object overrides;
  for (const auto& [position, change] : group.overrides) {
    json::object fields;
    if (change.absent) fields["absent"] = true;
    if (change.start) fields["start"] = format_duration(*change.start);
    if (change.behaviour) fields["behaviour"] = name(*change.behaviour);
    overrides[std::to_string(position)] = std::move(fields);
  }
  return {{"seed", hex(group.seed)}, {"overrides", std::move(overrides)}};
}

json::object write(const PhaseMoment& moment) {
  return {{"phase", name(moment.phase)}, {"at", format_duration(moment.after)}};
}
json::object write(const ShareOfLoad& share) {
  return {{"phase", name(Phase::load)}, {"millionths", share.millionths}};
}
json::object write(const NthEvent& event) {
  return {{"event", name(event.event)}, {"nth", event.nth}};
}
json::object write(const NthLine& line) { return {{"log", line.pattern}, {"nth", line.nth}}; }
json::object write(const NthNotification& notification) {
  return {{"notification", notification.assignment}, {"nth", notification.nth}};
}

json::object write(const NthSyscall& call) {
  json::object fields{{"syscall", call.syscall}};
  if (!call.path.empty()) fields["path"] = call.path;
  if (call.role) fields["role"] = name(*call.role);
  if (call.phase) fields["phase"] = name(*call.phase);
  fields["nth"] = call.nth;
  fields["at"] = name(call.at);
  return fields;
}

json::object write(const NthVisit& visit) {
  json::object fields{{"function", visit.function}};
  if (!visit.thread.empty()) fields["thread"] = visit.thread;
  if (visit.phase) fields["phase"] = name(*visit.phase);
  fields["nth"] = visit.nth;
  fields["hold"] = format_duration(visit.hold);
  if (visit.follows) fields["follows"] = true;
  return fields;
}

json::object write(const SendSignals& signals) {
  json::array steps;
  for (const auto& step : signals.steps) {
    steps.emplace_back(
        json::object{{"signal", signal_name(step.signal)}, {"after", format_duration(step.after)}});
  }
  return {{"signals", std::move(steps)}, {"to", name(signals.to)}};
}
json::object write(const AbortClients& abort) { return {{"abort-clients", abort.percent}}; }
json::object write(const DisturbNetwork& network) {
  return {{"network", name(network.action)},
          {"toward", name(network.toward)},
          {"for", format_duration(network.duration)},
          {"at_byte", network.at_byte},
          {"percent", network.percent}};
}
json::object write(const SetLimit& limit) {
  return {{"limit", name(limit.resource)}, {"value", limit.value}};
}

json::object write(const DisturbSyscall& disturb) {
  json::object fields{{"syscall", name(disturb.action)}};
  if (disturb.action == CallAction::error) fields["error"] = error_name(disturb.error);
  if (disturb.action == CallAction::delay) fields["for"] = format_duration(disturb.duration);
  fields["count"] = disturb.count;
  return fields;
}

json::object write(const HoldThread&) { return {{"hold", true}}; }

json::object write(const Fault& fault) {
  auto fields = std::visit([](const auto& act) { return write(act); }, fault.act);
  fields["when"] = std::visit([](const auto& when) { return write(when); }, fault.when);
  return fields;
}

// --- reading -------------------------------------------------------------------------------------

// What is wrong with a plan, and where. Stays inside this file.
struct Wrong {
  std::string place;  // "faults[0].when.phase", empty for the whole
  std::string what;
};

// A value and its place in the plan; each accessor throws Wrong if it is something else.
class Node {
 public:
  Node(std::string place, const json::value& value) : place_(std::move(place)), value_(&value) {}

  [[noreturn]] void wrong(std::string what) const { throw Wrong{place_, std::move(what)}; }

  // An object with no other keys than these.
  void only(std::initializer_list<std::string_view> keys) const {
    const std::vector<std::string> names(keys.begin(), keys.end());
    for (const auto& member : object()) {
      if (std::ranges::find(names, member.key()) != names.end()) continue;
      const auto near = nearest_name(member.key(), names);
      wrong("unknown key " + in_single_quotes(member.key()) +
            (near ? "; did you mean '" + *near + "'?" : ""));
    }
  }
  [[nodiscard]] bool has(std::string_view key) const { return object().contains(key); }
  [[nodiscard]] Node at(std::string_view key) const {
    const auto* value = object().if_contains(key);
    if (value == nullptr) wrong("missing key '" + std::string(key) + "'");
    return {place_.empty() ? std::string(key) : place_ + "." + std::string(key), *value};
  }
  [[nodiscard]] std::vector<Node> items(std::size_t most) const {
    const auto* array = value_->if_array();
    if (array == nullptr) wrong("expected an array");
    if (array->size() > most) {
      wrong("expected at most " + std::to_string(most) + " items, found " +
            std::to_string(array->size()));
    }
    std::vector<Node> nodes;
    for (const auto& item : *array) {
      nodes.emplace_back(place_ + "[" + std::to_string(nodes.size()) + "]", item);
    }
    return nodes;
  }
  [[nodiscard]] const json::object& object() const {
    const auto* object = value_->if_object();
    if (object == nullptr) wrong("expected an object");
    return *object;
  }
  [[nodiscard]] std::string text() const {
    const auto* text = value_->if_string();
    if (text == nullptr) wrong("expected a string");
    return std::string(*text);
  }
  [[nodiscard]] bool boolean() const {
    const auto* boolean = value_->if_bool();
    if (boolean == nullptr) wrong("expected true or false");
    return *boolean;
  }
  [[nodiscard]] std::uint64_t integer() const {
    if (const auto* number = value_->if_uint64()) return *number;
    const auto* number = value_->if_int64();
    if (number == nullptr || *number < 0) wrong("expected a non-negative integer");
    return static_cast<std::uint64_t>(*number);
  }
  // At most what the key of a scenario takes, from which such a value is drawn.
  [[nodiscard]] std::uint64_t integer(const Key& key) const {
    const auto number = integer();
    if (number < static_cast<std::uint64_t>(key.low) ||
        number > static_cast<std::uint64_t>(key.high)) {
      wrong("must be from " + std::to_string(key.low) + " to " + std::to_string(key.high) +
            ", found " + std::to_string(number));
    }
    return number;
  }
  [[nodiscard]] Nanoseconds duration() const {
    const auto duration = parse_duration(text());
    if (!duration) wrong("expected a duration such as \"250ms\", found " + in_quotes(text()));
    if (duration->count() > kDay) wrong("must be at most 24h, found " + in_quotes(text()));
    return *duration;
  }
  [[nodiscard]] std::uint64_t seed() const {
    const std::string digits = text();
    std::uint64_t seed = 0;
    const char* end = digits.data() + digits.size();
    if (digits.size() < 3 || !digits.starts_with("0x") ||
        std::from_chars(digits.data() + 2, end, seed, 16) != std::from_chars_result{end, {}}) {
      wrong("expected a seed such as \"0x0123456789abcdef\", found " + in_quotes(digits));
    }
    return seed;
  }
  template <class Enum>
  [[nodiscard]] Enum one_of() const {
    return one_of(values<Enum>());
  }
  [[nodiscard]] auto one_of(const auto& all) const {
    const std::string word = text();
    std::string names;
    for (const auto value : all) {
      if (name(value) == word) return value;
      names += (names.empty() ? "'" : ", '") + std::string(name(value)) + "'";
    }
    wrong("expected one of " + names + ", found " + in_single_quotes(word));
  }

 private:
  std::string place_;
  const json::value* value_;
};

PlannedGroup read_group(const Node& node, std::uint32_t count) {
  node.only({"seed", "overrides"});
  PlannedGroup group{node.at("seed").seed(), {}};
  const Node overrides = node.at("overrides");
  for (const auto& member : overrides.object()) {
    const std::string_view key = member.key();
    const auto position = parse_number<std::uint32_t>(key).value_or(count);
    if (position >= count || std::to_string(position) != key) {
      overrides.wrong("expected the position of a client, below " + std::to_string(count) +
                      ", found " + in_single_quotes(key));
    }
    const Node fields = overrides.at(key);
    fields.only({"absent", "start", "behaviour"});
    auto& change = group.overrides[position];
    if (fields.has("absent")) change.absent = fields.at("absent").boolean();
    if (fields.has("start")) change.start = fields.at("start").duration();
    if (fields.has("behaviour")) change.behaviour = fields.at("behaviour").one_of<Behaviour>();
  }
  return group;
}

std::uint64_t read_nth(const Node& node) {
  const auto nth = node.at("nth").integer();
  if (nth == 0) node.at("nth").wrong("expected an integer from 1");
  return nth;
}

Trigger read_trigger(const Node& node) {
  if (node.has("event")) {
    node.only({"event", "nth"});
    return NthEvent{node.at("event").one_of<ClientEvent>(), read_nth(node)};
  }
  if (node.has("log")) {
    node.only({"log", "nth"});
    auto pattern = node.at("log").text();
    if (auto problem = regex_problem(pattern); !problem.empty()) node.at("log").wrong(problem);
    return NthLine{std::move(pattern), read_nth(node)};
  }
  if (node.has("notification")) {
    node.only({"notification", "nth"});
    return NthNotification{node.at("notification").text(), read_nth(node)};
  }
  if (node.has("syscall")) {
    node.only({"syscall", "path", "role", "phase", "nth", "at"});
    NthSyscall call{.syscall = node.at("syscall").text(), .nth = read_nth(node)};
    if (node.has("path")) call.path = node.at("path").text();
    if (node.has("role")) call.role = node.at("role").one_of<DescriptorRole>();
    if (node.has("phase")) call.phase = node.at("phase").one_of(kPhasesOfFaults);
    call.at = node.at("at").one_of<CallSide>();
    return call;
  }
  if (node.has("function")) {
    node.only({"function", "thread", "phase", "nth", "hold", "follows"});
    NthVisit visit{.function = node.at("function").text(), .nth = read_nth(node)};
    if (node.has("thread")) visit.thread = node.at("thread").text();
    if (node.has("phase")) visit.phase = node.at("phase").one_of(kPhasesOfFaults);
    visit.hold = node.at("hold").duration();
    if (node.has("follows")) visit.follows = node.at("follows").boolean();
    return visit;
  }
  if (node.has("millionths")) {
    node.only({"phase", "millionths"});
    (void)node.at("phase").one_of(std::array{Phase::load});
    const auto millionths = node.at("millionths").integer();
    if (millionths >= 1'000'000)
      node.at("millionths").wrong("expected an integer from 0 to 999999");
    return ShareOfLoad{static_cast<std::uint32_t>(millionths)};
  }
  node.only({"phase", "at"});
  return PhaseMoment{node.at("phase").one_of(kPhasesOfFaults), node.at("at").duration()};
}

std::uint32_t read_percent(const Node& node) {
  const auto percent = node.integer();
  if (percent < 1 || percent > 100) node.wrong("expected a percentage from 1 to 100");
  return static_cast<std::uint32_t>(percent);
}

Act read_signals(const Node& node) {
  constexpr std::size_t kMaxSteps = 10'000;  // as many as a scenario's storm may have
  node.only({"signals", "to", "when"});
  SendSignals signals;
  signals.to = node.at("to").one_of<Recipient>();
  for (const auto& step : node.at("signals").items(kMaxSteps)) {
    step.only({"signal", "after"});
    const auto number = signal_number(step.at("signal").text());
    if (!number) {
      step.at("signal").wrong("unknown signal " + in_single_quotes(step.at("signal").text()));
    }
    signals.steps.push_back({*number, step.at("after").duration()});
  }
  if (signals.steps.empty()) node.at("signals").wrong("expected at least one signal, found none");
  return signals;
}

Act read_act(const Node& node) {
  if (node.has("abort-clients")) {
    node.only({"abort-clients", "when"});
    return AbortClients{read_percent(node.at("abort-clients"))};
  }
  if (node.has("network")) {
    node.only({"network", "toward", "for", "at_byte", "percent", "when"});
    return DisturbNetwork{.action = node.at("network").one_of<NetworkAction>(),
                          .toward = node.at("toward").one_of<Toward>(),
                          .duration = node.at("for").duration(),
                          .at_byte = node.at("at_byte").integer(faults_table().key("at_byte")),
                          .percent = read_percent(node.at("percent"))};
  }
  if (node.has("syscall")) {
    node.only({"syscall", "error", "for", "count", "when"});
    DisturbSyscall disturb{.action = node.at("syscall").one_of<CallAction>(),
                           .count = node.at("count").integer(faults_table().key("count"))};
    if (disturb.action == CallAction::error) {
      const auto name = node.at("error").text();
      const auto number = error_number(name);
      if (!number) node.at("error").wrong("unknown error " + in_single_quotes(name));
      disturb.error = *number;
    }
    if (disturb.action == CallAction::delay) disturb.duration = node.at("for").duration();
    return disturb;
  }
  if (node.has("hold")) {
    node.only({"hold", "when"});
    return HoldThread{};
  }
  if (node.has("limit")) {
    node.only({"limit", "value", "when"});
    const auto resource = node.at("limit").one_of<Resource>();
    return SetLimit{resource, node.at("value").integer(faults_table().key(name(resource)))};
  }
  return read_signals(node);
}

Fault read_fault(const Node& node, bool traced) {
  Fault fault{.when = read_trigger(node.at("when")), .act = read_act(node)};
  const auto* call = std::get_if<NthSyscall>(&fault.when);
  const auto* disturb = std::get_if<DisturbSyscall>(&fault.act);
  if (disturb != nullptr && call == nullptr) node.at("when").wrong("expected a 'syscall'");
  const bool is_visit = std::holds_alternative<NthVisit>(fault.when);
  if (std::holds_alternative<HoldThread>(fault.act) && !is_visit)
    node.at("when").wrong("expected a 'function'");
  if (is_visit && !traced) node.at("when").at("function").wrong("its target is not traced");
  if (call == nullptr) return fault;
  const auto problem = syscall_problem(*call, disturb);
  if (!problem.empty()) node.at("when").at("syscall").wrong(problem);
  if (!traced) node.at("when").at("syscall").wrong("its target is not traced");
  return fault;
}

// Every setting that the scenario varies has one of its values.
std::map<std::string, std::string> read_varied(const Node& node, const Target& target) {
  std::map<std::string, std::string> varied;
  for (const auto& member : node.object()) {
    const std::string name = member.key();
    const auto vary = std::ranges::find(target.vary, name, &Vary::name);
    if (vary == target.vary.end()) node.wrong("no [[target.vary]] has the name '" + name + "'");
    const auto value = node.at(name).text();
    if (std::ranges::find(vary->values, value) == vary->values.end())
      node.at(name).wrong(in_single_quotes(value) + " is not one of its values");
    varied[name] = value;
  }
  if (varied.size() != target.vary.size()) node.wrong("a setting that varies has no value");
  return varied;
}

Scenario read_scenario(const Node& node, Plan& plan) {
  node.only({"file", "text"});
  plan.scenario_file = node.at("file").text();
  if (plan.scenario_file.empty() || plan.scenario_file.find('\0') != std::string::npos)
    node.at("file").wrong("expected the path of a scenario file");
  plan.scenario_text = node.at("text").text();
  auto parsed = parse_scenario(plan.scenario_text, plan.scenario_file);
  if (auto* scenario = std::get_if<Scenario>(&parsed)) return std::move(*scenario);
  const auto& errors = std::get<std::vector<ScenarioError>>(parsed);
  const auto more = errors.size() - 1;
  node.wrong(errors.front().text() + (more == 0 ? "" : " (and " + std::to_string(more) + " more)"));
}

Plan read_plan(const Node& node) {
  if (node.at("format").text() != kFormat) {
    node.at("format").wrong("expected \"" + std::string(kFormat) + "\"");
  }
  if (node.at("version").integer() != Plan::kVersion) {
    node.at("version").wrong("this lastcall reads version " + std::to_string(Plan::kVersion));
  }
  node.only({"format", "version", "seed", "scenario", "varied", "clients", "faults", "traced"});
  Plan plan;
  plan.seed = node.at("seed").seed();
  plan.scenario = read_scenario(node.at("scenario"), plan);
  plan.varied = read_varied(node.at("varied"), plan.scenario.target);
  plan.traced = node.has("traced") ? node.at("traced").boolean() : plan.scenario.target.trace;
  if (plan.traced && !plan.scenario.target.trace)
    node.at("traced").wrong("the scenario says trace = false");
  const auto& groups = plan.scenario.clients;
  for (const auto& item : node.at("clients").items(groups.size())) {
    plan.groups.push_back(read_group(item, groups[plan.groups.size()].count));
  }
  const auto own = plan.scenario.faults.size();
  for (const auto& item : node.at("faults").items(own + kMostAddedHolds)) {
    const bool is_after_visit =
        !plan.faults.empty() && std::holds_alternative<NthVisit>(plan.faults.back().when);
    plan.faults.push_back(read_fault(item, plan.traced));
    const auto* visit = std::get_if<NthVisit>(&plan.faults.back().when);
    if (visit != nullptr && visit->follows && !is_after_visit)
      item.at("when").at("follows").wrong("the fault before it is at no function");
    if (plan.faults.size() > own && !std::holds_alternative<HoldThread>(plan.faults.back().act))
      item.wrong("expected a hold: the scenario has no more than " + std::to_string(own) +
                 " faults");
  }
  return plan;
}

json::value parse_text(std::string_view text) {
  if (text.size() > kLargest) throw Wrong{"", "larger than 64 MiB"};
  json::parse_options options;
  options.max_depth = kDeepest;
  json::stream_parser parser({}, options);
  json::error_code error;
  const auto read = parser.write_some(text.data(), text.size(), error);
  const auto rest = text.substr(std::min(read, text.size()));
  if (!error && rest.find_first_not_of(" \t\r\n") != std::string_view::npos) {
    error = json::error::extra_data;
  }
  if (!error) parser.finish(error);
  if (!error) return parser.release();
  const auto before = text.substr(0, read);
  const auto line = std::ranges::count(before, '\n') + 1;
  const auto column = before.size() - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
  throw Wrong{std::to_string(line) + ":" + std::to_string(column), error.message()};
}

}  // namespace

std::string to_json(const Plan& plan) {
  json::object varied;
  for (const auto& [name, value] : plan.varied) varied[name] = value;
  json::array clients;
  for (const auto& group : plan.groups) clients.emplace_back(write(group));
  json::array faults;
  for (const auto& fault : plan.faults) faults.emplace_back(write(fault));
  json::object written{{"format", kFormat},
                       {"version", Plan::kVersion},
                       {"seed", hex(plan.seed)},
                       {"scenario", {{"file", plan.scenario_file}, {"text", plan.scenario_text}}},
                       {"varied", std::move(varied)},
                       {"clients", std::move(clients)},
                       {"faults", std::move(faults)}};
  if (plan.traced != plan.scenario.target.trace) written["traced"] = plan.traced;
  return pretty_json(written);
}

Result<Plan> read_plan(const std::string& file) {
  const auto text = read_regular(file, kLargest);
  if (!text) return text.error();
  return plan_from_json(*text, file);
}

Result<Plan> plan_from_json(std::string_view json, std::string_view file) {
  try {
    const auto document = parse_text(json);
    return read_plan({"", document});
  } catch (const Wrong& wrong) {
    const std::string place = wrong.place.empty() ? "" : ": " + wrong.place;
    return Error{"read", std::string(file) + place + ": " + wrong.what, 0, ""};
  }
}

}  // namespace lastcall

#include <set>

#include "base/signal_names.hpp"
#include "scenario/build.hpp"

namespace lastcall {
namespace {

// A race that tracing hides shows in the untraced trials of a campaign of twenty, and the tracer
// still has most of them to explain what it finds.
constexpr std::uint32_t kUntracedEvery = 4;

Readiness build_ready(const Section& section) {
  return {.notify = section["notify"].boolean,
          .urls = texts_of(section["url"]),
          .ports = texts_of(section["port"]),
          .logs = texts_of(section["log"]),
          .timeout = duration_of(section["timeout"])};
}

Stop build_stop(const Section& section) {
  return {.signals = signals_of(section["signal"]),
          .to = choice_of<Recipient>(section["to"]),
          .deadline = duration_of(section["deadline"]),
          .expected =
              section.has("exit") ? ends_of(section["exit"]) : std::vector<ExpectedEnd>{{false, 0}},
          .end_is_stated = section.has("exit")};
}

Limits build_limits(const Section& section) {
  const auto value = [&](Resource resource) {
    const auto key = name(resource);
    return section.has(key) ? std::optional(size_of(section[key])) : std::nullopt;
  };
  return {.descriptors = value(Resource::descriptors),
          .memory = value(Resource::memory),
          .disk = value(Resource::disk),
          .cpu = value(Resource::cpu)};
}

Service build_service(const Section& section) {
  Service service;
  if (section.has("watchdog")) service.watchdog = duration_of(section["watchdog"]);
  service.watchdog_while_stopping = section["watchdog_while_stopping"].boolean;
  service.access_all = section["access"].text == "all";
  return service;
}

Recovery build_recovery(const Section& section, const std::vector<std::string>& command) {
  Recovery recovery{.command = section.has("command") ? texts_of(section["command"]) : command,
                    .ask = std::nullopt};
  if (!section.has("ask")) return recovery;
  const auto ask = section.sub("ask");
  recovery.ask = Ask{
      .url = ask["url"].text, .command = texts_of(ask["command"]), .expect = ask["expect"].text};
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

// What people might expect of {dir}: with a limited disk it is a tmpfs that only the target sees.
void check_folder(const Section& section, bool disk_is_limited, Errors& errors) {
  if (!disk_is_limited) return;
  std::vector<Value> values = list_of(section["command"]);
  for (const auto& [name, place, value] : section["environment"].entries) values.push_back(value);
  values.push_back(section["directory"]);
  for (const auto& value : values) {
    if (value.text.find("{dir}") == std::string::npos) continue;
    errors.add(value.place,
               "with a limited disk nobody but the target sees {dir}: use {sidecar.NAME}");
  }
}

// How long a sidecar may take to end.
constexpr auto kSidecarDeadline = std::chrono::seconds(5);

}  // namespace

std::vector<Sidecar> build_sidecars(const Section& file, bool disk_is_limited, Errors& errors) {
  std::vector<Sidecar> sidecars;
  std::set<std::string> names;
  for (const auto& section : file.each("sidecars")) {
    Sidecar sidecar;
    sidecar.name = section["name"].text;
    auto& process = sidecar.process;
    process.command = texts_of(section["command"]);
    for (const auto& [name, place, value] : section["environment"].entries)
      process.environment[name] = value.text;
    process.directory = section["directory"].text;
    process.user = section["user"].text;
    process.trace = false;
    process.ready = build_ready(section.sub("ready"));
    process.stop.signals = signals_of(section["stop"]);
    process.stop.deadline = kSidecarDeadline;
    check_folder(section, disk_is_limited, errors);
    sidecars.push_back(std::move(sidecar));
    if (!section.has("name") || !section.sound("name")) continue;
    const auto& name = sidecars.back().name;
    if (auto problem = word_problem(name); !problem.empty()) {
      errors.add(section.place("name"), problem);
    } else if (!names.insert(name).second) {
      errors.add(section.place("name"),
                 "the name " + in_single_quotes(name) + " is taken by another sidecar");
    }
  }
  return sidecars;
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
  Target target;
  target.command = texts_of(section["command"]);
  for (const auto& [name, place, value] : section["environment"].entries)
    target.environment[name] = value.text;
  target.directory = section["directory"].text;
  target.user = section["user"].text;
  target.pid1 = section["pid1"].boolean;
  target.trace = section["trace"].boolean;
  target.untraced_every = section.has("untraced_every")
                              ? static_cast<std::uint32_t>(section["untraced_every"].integer)
                              : kUntracedEvery;
  if (target.untraced_every == 1)
    errors.add(section.place("untraced_every"), "1 traces no trial: say trace = false");
  target.state = section["state"].text;
  target.shell = section["shell"].boolean;
  for (const auto& [name, place, value] : section["files"].entries)
    target.files.push_back({name, value.text});
  target.ready = build_ready(section.sub("ready"));
  target.stop = build_stop(section.sub("stop"));
  target.limits = build_limits(section.sub("limits"));
  target.service = build_service(section.sub("service"));
  if (section.has("recovery"))
    target.recovery = build_recovery(section.sub("recovery"), target.command);
  target.vary = build_vary(section, errors);
  return target;
}

}  // namespace lastcall

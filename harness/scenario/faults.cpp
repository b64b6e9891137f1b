// Everything that a scenario says of faults: which there are, the keys of each, what `lastcall list
// faults` says of them, what keys say together, and the choices that they make.
#include <array>
#include <csignal>

#include "fault/syscalls.hpp"
#include "scenario/build.hpp"

namespace lastcall {
namespace {

using Words = std::vector<std::string_view>;
using ActOfFault = decltype(FaultChoice::act);

constexpr std::int64_t kMaxEvents = 1'000'000'000;

// "a, b, c", or "a, b or c" where the last is set apart by " or ".
std::string joined(const auto& words, std::string_view last = ", ", std::string_view mark = "") {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? last : ", ";
    text.append(mark).append(words[i]).append(mark);
  }
  return text;
}

Words names_of(const auto& enumerators) {
  Words words;
  for (const auto one : enumerators) words.push_back(name(one));
  return words;
}

// --- what each fault is --------------------------------------------------------------------------

ActOfFault build_signals(const Section& section, const Stop& stop) {
  const auto what = section["what"].text;
  SignalChoice signals;
  signals.to = what == "stop" ? stop.to : Recipient::process;
  if (section.has("to")) {
    signals.to = choice_of<Recipient>(section["to"]);
  }
  signals.first = what == "stop"    ? stop.signals
                  : what == "kill"  ? std::vector{SIGKILL}
                  : what == "pause" ? std::vector{SIGSTOP}
                                    : signals_of(section["signal"]);
  if (what == "double-signal" || what == "storm") {
    const bool storm = what == "storm";
    signals.next = storm ? signals.first : signals_of(section["second"]);
    signals.gap = duration_range_of(section["gap"]);
    signals.count = {1, 1};
    if (storm) {
      const auto count = count_range_of(section["count"]);
      signals.count = {count.low - 1, count.high - 1};
    }
  } else if (what == "pause") {
    signals.next = {SIGCONT};
    signals.gap = duration_range_of(section["for"]);
    signals.count = {1, 1};
  }
  return signals;
}

ActOfFault build_abort(const Section& section, const Stop&) {
  return ActChoice{AbortClients{static_cast<std::uint32_t>(section["percent"].integer)}};
}

ActOfFault build_network(const Section& section, const Stop&) {
  ActChoice choice{
      DisturbNetwork{.action = choice_of<NetworkAction>(section["action"]),
                     .toward = choice_of<Toward>(section["toward"]),
                     .percent = static_cast<std::uint32_t>(section["percent"].integer)}};
  if (section.has("for")) choice.duration = duration_range_of(section["for"]);
  if (section.has("at_byte")) choice.at_byte = count_range_of(section["at_byte"]);
  return choice;
}

ActOfFault build_limit(const Section& section, const Stop&) {
  SetLimit limit;
  for (const auto& [resource, value] : build_limits(section)) limit = {resource, value};
  return ActChoice{limit};
}

ActOfFault build_disturbance(const Section& section, const Stop&) {
  DisturbSyscall disturb{.action = CallAction::delay};
  if (section.has("error")) {
    disturb = {.action = CallAction::error,
               .error = error_number(section["error"].text).value_or(0)};
  } else if (section.has("short_write")) {
    disturb.action = CallAction::short_write;
  }
  ActChoice choice{disturb};
  if (disturb.action == CallAction::delay) choice.duration = duration_range_of(section["delay"]);
  if (section.has("count")) choice.count = count_range_of(section["count"]);
  return choice;
}

ActOfFault build_hold(const Section&, const Stop&) { return ActChoice{HoldThread{}}; }

void check_network(const Section& section, Errors& errors) {
  if (!section.has("action") || !section.sound("action")) return;
  const auto action = section["action"].text;
  const auto only_with = [&](std::string_view key, const Words& actions) {
    const bool wanted = std::ranges::find(actions, action) != actions.end();
    if (wanted && !section.has(key)) {
      errors.add(section.place(), "the action '" + action + "' needs " + in_single_quotes(key));
    } else if (!wanted && section.has(key)) {
      errors.add(section.place(key),
                 in_single_quotes(key) + " does not go with the action '" + action + "'");
    }
  };
  only_with("for", {name(NetworkAction::delay), name(NetworkAction::stall)});
  only_with("at_byte", {name(NetworkAction::truncate)});
}

struct FaultKind {
  std::string_view what;
  std::string about;
  ActOfFault (*build)(const Section&, const Stop&);
  // Its keys beside `what` and `when`.
  Words needed = {};
  Words one_of = {};  // exactly one of them; `about` names them
  Words allowed = {};
  bool needs_clients = false;
  bool needs_proxy = false;                          // of clients
  std::string_view only_at = {};                     // of `when`: the key that it needs
  void (*check)(const Section&, Errors&) = nullptr;  // what its keys say together
};

const std::vector<FaultKind>& kinds() {
  static const std::vector<FaultKind> kinds{
      {.what = "stop",
       .about = "one of the target's stop signals",
       .build = build_signals,
       .allowed = {"to"}},
      {.what = "signal",
       .about = "any signal",
       .build = build_signals,
       .needed = {"signal"},
       .allowed = {"to"}},
      {.what = "double-signal",
       .about = "two signals with a gap between them",
       .build = build_signals,
       .needed = {"signal", "second"},
       .allowed = {"gap", "to"}},
      {.what = "storm",
       .about = "many signals one after the other",
       .build = build_signals,
       .needed = {"signal"},
       .allowed = {"count", "gap", "to"}},
      {.what = "pause",
       .about = "SIGSTOP, and SIGCONT later",
       .build = build_signals,
       .needed = {"for"},
       .allowed = {"to"}},
      {.what = "kill",
       .about = "SIGKILL: there is no stop, the restart is judged",
       .build = build_signals,
       .allowed = {"to"}},
      {.what = "abort-clients",
       .about = "a share of the connected clients goes away at once, with a reset",
       .build = build_abort,
       .allowed = {"percent"},
       .needs_clients = true},
      {.what = "network",
       .about = "changes the connections of groups with proxy = true",
       .build = build_network,
       .needed = {"action"},
       .allowed = {"for", "at_byte", "toward", "percent"},
       .needs_proxy = true,
       .check = check_network},
      {.what = "syscall",
       .about = "makes system calls fail, write only half or come later: error = \"ENOSPC\", "
                "short_write = true or delay, for several in a row",
       .build = build_disturbance,
       .one_of = {"error", "short_write", "delay"},
       .allowed = {"count"},
       .only_at = "syscall"},
      {.what = "hold",
       .about = "lets the thread that comes to a function stand there, while all others go on: a "
                "race whose window is too short to be hit by chance",
       .build = build_hold,
       .only_at = "function"},
      {.what = "limit",
       .about = "limits what the target may use from then on: one of " + joined(names<Resource>()),
       .build = build_limit,
       .one_of = choices_of<Resource>()},
  };
  return kinds;
}

// Nothing if `what` is no sound value.
const FaultKind* kind_of(const Section& section) {
  const auto found = std::ranges::find(kinds(), section["what"].text, &FaultKind::what);
  return found == kinds().end() ? nullptr : &*found;
}

Words names_of_kinds() {
  Words words;
  for (const auto& kind : kinds()) words.push_back(kind.what);
  return words;
}

// --- its keys ------------------------------------------------------------------------------------

const Table& when_table() {
  static const Table table{
      .where = "[faults.when]",
      .keys =
          {{.name = "phase",
            .kind = Kind::choice,
            .about =
                "start: until the target is ready. load: while the clients are at work. drain: "
                "after the stop signal. Next to `syscall` or `function`: they count from this "
                "phase on.",
            .choices = names_of(kPhasesOfFaults)},
           {.name = "at",
            .kind = Kind::moment,
            .about =
                "How long after the phase began; drawn from a range. \"measured\" (load only): "
                "drawn over four response times as they are measured, at least 1s. Next to "
                "`syscall`: \"entry\", before the call is made, or \"exit\", after it.",
            .fallback = R"("0ms")",
            .high = kDay},
           {.name = "event",
            .kind = Kind::choice,
            .about = "Something that a client does.",
            .choices = choices_of<ClientEvent>()},
           {.name = "nth",
            .kind = Kind::count_range,
            .about =
                "Which of these events, lines, notifications, system calls or visits: the first "
                "is 1; drawn from a range such as \"1..40\".",
            .fallback = "1",
            .low = 1,
            .high = kMaxEvents},
           {.name = "log",
            .kind = Kind::pattern,
            .about = "A line of output that matches this regular expression.",
            .low = 1},
           {.name = "notification",
            .kind = Kind::plain,
            .about = "A notification that contains this assignment: \"STOPPING=1\".",
            .low = 1},
           {.name = "syscall",
            .kind = Kind::syscall,
            .about =
                "A system call of any process of the target, in the order in which lastcall sees "
                "them; a call that is made again after a signal counts again. Its thread stands "
                "there until the fault is done. Needs trace = true. "
                "rename also means renameat and renameat2; likewise accept, fork, link, mkdir, "
                "open, read, recv (from, msg, mmsg), send (to, msg, mmsg), symlink, unlink and "
                "write (v, and those with an offset). fsync does not mean fdatasync."},
           {.name = "path",
            .kind = Kind::text,
            .about = "A glob pattern, in which * also matches /. It must match one of the files "
                     "that the call names, by path or by descriptor, as an absolute path.",
            .low = 1,
            .with = "syscall"},
           {.name = "role",
            .kind = Kind::choice,
            .about = "What a descriptor of the call is. listener: it listens. connection: it was "
                     "accepted. state: a file or folder in target.state, also by path. log: "
                     "standard output or error, or a file elsewhere that was opened to append.",
            .choices = choices_of<DescriptorRole>(),
            .with = "syscall"},
           {.name = "function",
            .kind = Kind::plain,
            .about =
                "A thread of the target comes to a function: before its first instruction. Named "
                "as in the source, with or without parameters and outer scopes: "
                "\"SendQueue::push\", \"(*Pool).drain\"; \"SendQueue::push+0x1f\" is 31 bytes "
                "further. Of "
                "the program and its libraries, as far as they have symbols; what the compiler "
                "has put inline is none. Its thread stands there until the fault is done. Needs "
                "trace = true.",
            .low = 1},
           {.name = "thread",
            .kind = Kind::text,
            .about = "A glob pattern: only threads with such a name (pthread_setname_np(3)).",
            .low = 1,
            .with = "function"},
           {.name = "hold",
            .kind = Kind::duration_range,
            .about = "How long its thread stands there after the fault was done.",
            .fallback = R"("0ms")",
            .high = 10 * 1000 * kMillisecond,
            .with = "function"}},
      .exactly_one_of = {"phase", "event", "log", "notification", "syscall", "function"},
      .may_join = "phase",
      .joins = {"syscall", "function"}};
  return table;
}

// --- what its keys say ---------------------------------------------------------------------------

bool takes(const FaultKind& kind, std::string_view key) {
  return std::ranges::any_of(
      std::array{&kind.needed, &kind.one_of, &kind.allowed},
      [&](const Words* keys) { return std::ranges::find(*keys, key) != keys->end(); });
}

void check_fault(const Section& section, const FaultKind& kind, Errors& errors) {
  const auto fault = "a fault " + in_single_quotes(kind.what);
  for (const auto key : kind.needed) {
    if (!section.has(key)) errors.add(section.place(), fault + " needs " + in_single_quotes(key));
  }
  for (const auto& key : faults_table().keys) {
    if (key.name == "what" || key.name == "when" || !section.has(key.name) || takes(kind, key.name))
      continue;
    errors.add(section.place(key.name), in_single_quotes(key.name) + " does not go with " + fault);
  }
  const auto given = std::ranges::count_if(kind.one_of, [&](auto key) { return section.has(key); });
  if (!kind.one_of.empty() && given != 1) {
    errors.add(section.place(), fault + " needs exactly one of " + joined(kind.one_of, ", ", "'"));
  }
  const auto when = section.sub("when");
  if (!kind.only_at.empty() && section.has("when") && !when.has(kind.only_at))
    errors.add(when.place(), fault + " needs a 'when' with " + in_single_quotes(kind.only_at));
  if (kind.check != nullptr) kind.check(section, errors);
}

WhenSyscall build_syscall(const Section& when, Range<std::uint64_t> nth) {
  WhenSyscall built{.call = {.syscall = when["syscall"].text, .path = when["path"].text},
                    .nth = nth};
  if (when.has("role")) built.call.role = choice_of<DescriptorRole>(when["role"]);
  if (when.has("phase")) built.call.phase = choice_of<Phase>(when["phase"]);
  if (when.has("at")) built.call.at = choice_of<CallSide>(when["at"]);
  return built;
}

WhenVisit build_visit(const Section& when, Range<std::uint64_t> nth) {
  WhenVisit built{.visit = {.function = when["function"].text, .thread = when["thread"].text},
                  .nth = nth,
                  .hold = duration_range_of(when["hold"])};
  if (when.has("phase")) built.visit.phase = choice_of<Phase>(when["phase"]);
  return built;
}

// What the keys of a moment say together.
void check_when(const Section& when, Errors& errors) {
  if (when.has("phase") && when.has("nth") && !when.has("syscall") && !when.has("function")) {
    errors.add(when.place("nth"),
               "'nth' goes with 'event', 'log', 'notification', 'syscall' or 'function' only");
  }
  if (when.has("at") && when.has("function"))
    return errors.add(when.place("at"), "'at' goes with 'phase' or 'syscall' only");
  if (!when.has("at") || !when.sound("at")) return;
  const auto at = when["at"].text;
  if (at == kMeasured) {
    const bool is_of_load = when.has("phase") && when["phase"].text == name(Phase::load);
    if (!is_of_load || when.has("syscall"))
      errors.add(when.place("at"), "at = \"measured\" goes with phase = \"load\" only");
    return;
  }
  const bool is_side = from_name<CallSide>(at).has_value();
  if (!when.has("phase") && !when.has("syscall")) {
    errors.add(when.place("at"), "'at' goes with 'phase' or 'syscall' only");
  } else if (is_side != when.has("syscall")) {
    errors.add(when.place("at"), is_side ? "beside 'phase' alone, 'at' is a duration"
                                         : "beside 'syscall', 'at' is \"entry\" or \"exit\"");
  }
}

// What the call is, the fault that is done at it, and the target's settings say together.
void check_call(const Section& section, const FaultChoice& fault, Errors& errors) {
  const auto* when = std::get_if<WhenSyscall>(&fault.when);
  const auto place = section.sub("when");
  if (when == nullptr || !place.sound("syscall")) return;
  const auto* choice = std::get_if<ActChoice>(&fault.act);
  const auto* disturb = choice == nullptr ? nullptr : std::get_if<DisturbSyscall>(&choice->act);
  const auto problem = syscall_problem(when->call, disturb);
  if (!problem.empty()) errors.add(place.place("syscall"), problem);
}

FaultChoice build_fault(const Section& section, const Stop& stop, Errors& errors) {
  const auto* kind = kind_of(section);
  if (kind != nullptr) check_fault(section, *kind, errors);
  FaultChoice fault;
  fault.act = (kind == nullptr ? build_signals : kind->build)(section, stop);
  const auto when = section.sub("when");
  const auto nth = count_range_of(when["nth"]);
  check_when(when, errors);
  if (when.has("syscall")) {
    fault.when = build_syscall(when, nth);
    check_call(section, fault, errors);
  } else if (when.has("function")) {
    fault.when = build_visit(when, nth);
  } else if (when.has("event")) {
    fault.when = WhenEvent{choice_of<ClientEvent>(when["event"]), nth};
  } else if (when.has("log")) {
    fault.when = WhenLine{when["log"].text, nth};
  } else if (when.has("notification")) {
    fault.when = WhenNotification{when["notification"].text, nth};
  } else if (when["at"].text == kMeasured) {
    fault.when = WhenMeasured{};
  } else {
    fault.when = WhenPhase{choice_of<Phase>(when["phase"]), duration_range_of(when["at"])};
  }
  return fault;
}

bool in_drain(const FaultChoice& fault) {
  if (const auto* call = std::get_if<WhenSyscall>(&fault.when))
    return call->call.phase == Phase::drain;
  if (const auto* visit = std::get_if<WhenVisit>(&fault.when))
    return visit->visit.phase == Phase::drain;
  const auto* when = std::get_if<WhenPhase>(&fault.when);
  return when != nullptr && when->phase == Phase::drain;
}

// What the key is for, and what it takes.
std::string explained(const Key& key) {
  std::string text(key.about);
  if (!key.choices.empty()) text += " One of " + joined(key.choices) + ".";
  if (key.table != nullptr) text += " Exactly one of " + joined(key.table->exactly_one_of) + ".";
  if (!key.fallback.empty()) text += " Default: " + std::string(key.fallback) + ".";
  return text;
}

// Whatever is drawn from it, its first signal is one of the target's stop signals, or SIGKILL,
// which ends the target without a stop.
bool ends_the_trial(const FaultChoice& fault, const Stop& stop) {
  const auto* signals = std::get_if<SignalChoice>(&fault.act);
  return signals != nullptr && std::ranges::all_of(signals->first, [&](int signal) {
           return signal == SIGKILL ||
                  std::ranges::find(stop.signals, signal) != stop.signals.end();
         });
}

}  // namespace

std::vector<Key> limit_keys() {
  return {{.name = name(Resource::descriptors),
           .kind = Kind::integer,
           .about = "Descriptors that a process of the target may have open (RLIMIT_NOFILE).",
           .low = 3,
           .high = 1'000'000},
          {.name = name(Resource::memory),
           .kind = Kind::size,
           .about = "Memory of all its processes together. Needs a memory cgroup (v1 or v2).",
           .low = 1 << 20,
           .high = kMaxBytes},
          {.name = name(Resource::disk),
           .kind = Kind::size,
           .about = "Size of {dir}, which becomes a tmpfs. Needs root.",
           .low = 4096,
           .high = kMaxBytes},
          {.name = name(Resource::cpu),
           .kind = Kind::integer,
           .about = "Percent of one processor for all its processes together. Needs a cpu cgroup.",
           .low = 1,
           .high = 10'000}};
}

Limits build_limits(const Section& section) {
  Limits limits;
  for (const auto resource : values<Resource>()) {
    if (section.has(name(resource))) limits[resource] = size_of(section[name(resource)]);
  }
  return limits;
}

const Table& faults_table() {
  static const Table table = [] {
    Table faults{
        .where = "[[faults]]",
        .keys = {
            {.name = "what",
             .kind = Kind::choice,
             .about = "What is done; `lastcall list faults` explains each and names its keys.",
             .required = true,
             .choices = names_of_kinds()},
            {.name = "signal",
             .kind = Kind::signal,
             .shape = Shape::one_or_list,
             .about = "signal, double-signal, storm: the signal; of a list one is drawn, in a "
                      "storm each time."},
            {.name = "second",
             .kind = Kind::signal,
             .shape = Shape::one_or_list,
             .about = "double-signal: the second signal; of a list one is drawn."},
            {.name = "gap",
             .kind = Kind::duration_range,
             .about = "double-signal, storm: the time from one signal to the next.",
             .fallback = R"("0ms..100ms")",
             .high = kDay},
            {.name = "count",
             .kind = Kind::count_range,
             .about = "storm: how many signals; drawn from a range. syscall: how many "
                      "matching calls in a row, by default 1.",
             .fallback = R"("5..20")",
             .low = 1,
             .high = 10'000},
            {.name = "to",
             .kind = Kind::choice,
             .about = "Signals: who gets them. Default: the target's stop.to for a stop, "
                      "otherwise its first process.",
             .choices = choices_of<Recipient>()},
            {.name = "for",
             .kind = Kind::duration_range,
             .about = "pause: how long the target stands still. network: how long a "
                      "connection stalls, or how much later each byte arrives.",
             .high = kDay},
            {.name = "percent",
             .kind = Kind::integer,
             .about = "abort-clients, network: the share of the connections, in percent.",
             .fallback = "100",
             .low = 1,
             .high = 100},
            {.name = "action",
             .kind = Kind::choice,
             .about = "network: what happens to the connections through the proxy.",
             .choices = choices_of<NetworkAction>()},
            {.name = "toward",
             .kind = Kind::choice,
             .about = "network: which direction, named after who receives.",
             .fallback = R"("both")",
             .choices = choices_of<Toward>()},
            {.name = "at_byte",
             .kind = Kind::count_range,
             .about = "network with action = \"truncate\": how many bytes pass before; drawn "
                      "from a range.",
             .high = kMaxBytes},
            {.name = "error",
             .kind = Kind::error,
             .about = "syscall: the call is not made and fails with this error, errno(3)."},
            {.name = "short_write",
             .kind = Kind::truth,
             .about = "syscall: the call writes only half of what it was given. Calls that "
                      "write less than two bytes do not count."},
            {.name = "delay",
             .kind = Kind::duration_range,
             .about = "syscall: how much later the call is made.",
             .low = 1,
             .high = kDay},
            {.name = "when",
             .kind = Kind::table,
             .about = "When: a time in a phase, or the Nth event, system call or visit of a kind.",
             .required = true,
             .table = &when_table()}}};
    faults.keys = concatenated(std::move(faults.keys), limit_keys());
    return faults;
  }();
  return table;
}

std::vector<Listed> listed_faults() {
  std::vector<Listed> list;
  for (const auto& kind : kinds()) {
    auto about = kind.about;
    for (const auto key : kind.needed) {
      about += (key == kind.needed.front() ? ": " : ", ") + std::string(key);
      const auto& choices = faults_table().key(key).choices;
      if (!choices.empty()) about += " = " + joined(choices, " or ");
    }
    if (!kind.allowed.empty()) about += " [" + joined(kind.allowed) + "]";
    if (!kind.only_at.empty()) about += "; needs when = { " + std::string(kind.only_at) + " }";
    list.push_back({std::string(kind.what), std::move(about)});
  }
  const auto explain = [&](const Table& table, const std::string& prefix) {
    for (const auto& key : table.keys) {
      if (key.name != "what")
        list.push_back({prefix + std::string(key.name) + " = ", explained(key)});
    }
  };
  explain(faults_table(), "");
  explain(when_table(), "when.");
  return list;
}

std::vector<FaultChoice> build_faults(const Section& file, const Stop& stop, Errors& errors) {
  if (!file.has("faults")) {
    return {{.act = SignalChoice{.first = stop.signals, .next = {}, .to = stop.to},
             .when = WhenMeasured{}}};
  }
  std::vector<FaultChoice> faults;
  const auto sections = file.each("faults");
  for (const auto& section : sections) faults.push_back(build_fault(section, stop, errors));
  if (!file.sound("faults") || !file.sub("target").sub("stop").sound("signal")) return faults;
  const auto stops = [&](const FaultChoice& fault) { return ends_the_trial(fault, stop); };
  const auto late = std::ranges::find_if(faults, stops);
  if (late == faults.end()) {
    errors.add(
        sections.front().place(),
        "no fault begins the stop: one must be 'stop' or 'kill', or have only the target's stop "
        "signals as 'signal'");
  } else if (std::ranges::all_of(
                 faults, [&](const auto& fault) { return !stops(fault) || in_drain(fault); })) {
    const auto& section = sections[static_cast<std::size_t>(late - faults.begin())];
    errors.add(
        section.sub("when").place("phase"),
        "no fault begins the stop: the drain phase comes after it, so another fault must begin it");
  }
  return faults;
}

void check_audience(const Section& file, const Scenario& scenario, Errors& errors) {
  const bool has_proxy = std::ranges::any_of(scenario.clients, &ClientGroup::proxy);
  const auto sections = file.each("faults");
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const auto* kind = kind_of(sections[i]);
    const auto need = [&](std::string_view what) {
      errors.add(sections[i].place(),
                 "a fault " + in_single_quotes(kind->what) + " needs " + std::string(what));
    };
    if (kind != nullptr && kind->needs_proxy && !has_proxy) need("clients with proxy = true");
    if (file.has("clients")) continue;
    if (std::holds_alternative<WhenEvent>(scenario.faults[i].when))
      errors.add(sections[i].sub("when").place("event"), "'event' needs [[clients]]");
    if (kind != nullptr && kind->needs_clients) need("[[clients]]");
  }
}

bool limits_disk(const std::vector<FaultChoice>& faults) {
  return std::ranges::any_of(faults, [](const FaultChoice& fault) {
    const auto* choice = std::get_if<ActChoice>(&fault.act);
    const auto* limit = choice == nullptr ? nullptr : std::get_if<SetLimit>(&choice->act);
    return limit != nullptr && limit->resource == Resource::disk;
  });
}

}  // namespace lastcall

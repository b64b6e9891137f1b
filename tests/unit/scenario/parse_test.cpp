// What a scenario file that is fine becomes.
#include "scenario/parse.hpp"

#include <gmock/gmock.h>

#include <csignal>

#include "scenario/properties.hpp"

namespace lastcall {
namespace {

using property::LoggedErrors;
using property::RepeatPolicy;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kSmallest = R"(about = "why"
[target]
command = ["server"]
ready = { notify = true }
[[clients]]
url = "ws://127.0.0.1:{port}/"
)";

Scenario parsed(const std::string& text) {
  auto result = parse_scenario(text, "s.toml");
  if (auto* errors = std::get_if<1>(&result)) {
    for (const auto& error : *errors) ADD_FAILURE() << error.text();
    return {};
  }
  return std::get<0>(std::move(result));
}

Scenario with(std::string_view more) { return parsed(std::string(kSmallest) + std::string(more)); }

const SignalChoice& signals(const FaultChoice& fault) { return std::get<SignalChoice>(fault.act); }
const ActChoice& other_act(const FaultChoice& fault) { return std::get<ActChoice>(fault.act); }

TEST(Parse, ARelativePathMeansTheScenariosFolder) {
  const auto command = [](const std::string& more) {
    return parsed("about = \"why\"\n[target]\nready = { notify = true }\n" + more).target;
  };
  EXPECT_THAT(command("command = [\"./bin/server\", \"./x\"]").command,
              ElementsAre("{here}/bin/server", "./x"));
  EXPECT_THAT(command("command = [\"../server\"]").command, ElementsAre("{here}/../server"));
  EXPECT_THAT(command("command = [\"/bin/server\"]").command, ElementsAre("/bin/server"));
  EXPECT_THAT(command("command = [\"{dir}/server\"]").command, ElementsAre("{dir}/server"));
  EXPECT_THAT(command("command = [\"server\"]").command, ElementsAre("server"));
  const auto moved = command("command = [\"./server\"]\ncwd = \"../app\"");
  EXPECT_EQ(moved.directory, "{here}/../app");
  EXPECT_THAT(moved.command, ElementsAre("{here}/../app/server"));
  EXPECT_EQ(command("command = [\"x\"]\ncwd = \".\"").directory, "{here}");
  EXPECT_EQ(command("command = [\"x\"]\ncwd = \"/srv\"").directory, "/srv");
  const auto clients = parsed(std::string(kSmallest) +
                              "[[clients]]\nurl = \"wss://127.0.0.1:{port}/\"\nca = \"ca.pem\"\n"
                              "cert = \"{tls.client-cert}\"\nkey = \"/etc/key.pem\"\n")
                           .clients;
  EXPECT_EQ(clients[1].authority, "{here}/ca.pem");
  EXPECT_EQ(clients[1].certificate, "{tls.client-cert}");
  EXPECT_EQ(clients[1].key, "/etc/key.pem");
}

TEST(Parse, TheSmallestScenarioHasTheStatedDefaults) {
  const auto scenario = with("");
  EXPECT_EQ(scenario.about, "why");
  EXPECT_THAT(scenario.target.command, ElementsAre("server"));
  EXPECT_EQ(scenario.target.directory, "{dir}");
  EXPECT_THAT(scenario.target.environment, IsEmpty());
  EXPECT_TRUE(scenario.target.ready.notify);
  EXPECT_THAT(scenario.sidecars, IsEmpty());
  EXPECT_EQ(scenario.target.ready.timeout, seconds(10));
  EXPECT_THAT(scenario.target.stop.signals, ElementsAre(SIGTERM));
  EXPECT_EQ(scenario.target.stop.deadline, seconds(10));
  EXPECT_THAT(scenario.target.stop.expected, ElementsAre(ExpectedEnd{false, 0}));
  EXPECT_FALSE(scenario.target.stop.end_is_stated);
  EXPECT_EQ(longest_stop(scenario.target), seconds(100));
  EXPECT_EQ(longest_start(scenario.target), seconds(100));
  EXPECT_EQ(scenario.budget.trials, 20U);
  EXPECT_EQ(scenario.budget.load, seconds(10));
  EXPECT_FALSE(scenario.budget.trial_timeout);
  EXPECT_THAT(scenario.required, IsEmpty());
}

TEST(Parse, ATrialInFourIsUntracedUnlessAFaultNeedsTheTracer) {
  const auto every = [](const std::string& target, const std::string& more) {
    auto text = std::string(kSmallest) + more;
    text.insert(text.find("ready"), target);
    return parsed(text).target.untraced_every;
  };
  const std::string at_a_call = "[[faults]]\nwhat = \"stop\"\nwhen = { syscall = \"fsync\" }\n";
  EXPECT_EQ(every("", ""), 4U);
  EXPECT_EQ(every("untraced_every = 0\n", ""), 0U);
  EXPECT_EQ(every("untraced_every = 2\n", ""), 2U);
  EXPECT_EQ(every("", at_a_call), 0U);
  EXPECT_EQ(every("untraced_every = 0\n", at_a_call), 0U);
}

TEST(Parse, AGroupOfWebSocketClientsHasTheStatedDefaults) {
  const auto group = with("").clients.at(0);
  EXPECT_EQ(group.name, "clients-1");
  EXPECT_EQ(group.protocol, Protocol::ws);
  EXPECT_EQ(group.count, 10U);
  EXPECT_EQ(group.crowd, Crowd::usual);
  EXPECT_EQ(group.ramp, seconds(0));
  EXPECT_EQ(group.pace, (Range<Nanoseconds>{milliseconds(10), milliseconds(50)}));
  EXPECT_EQ(group.messages, 0U);
  EXPECT_THAT(group.message, ElementsAre("{id}"));
  EXPECT_THAT(group.mix, ElementsAre(std::pair(Behaviour::steady, 1U)));
  EXPECT_FALSE(group.reconnect || group.ping || group.source || group.proxy || group.during_drain);
  EXPECT_EQ(group.acknowledgement, "{id}");
  EXPECT_EQ(group.method, "");
}

TEST(Parse, HttpClientsGetUnlessThereIsAMessageToPost) {
  const auto scenario = with(R"([[clients]]
url = "https://localhost/"
verify = false
[[clients]]
url = "http://[::1]:8080/x"
message = "{id}"
status = 202
[[clients]]
url = "http://127.1.2.3"
method = "DELETE"
status = [200, 404]
)");
  EXPECT_EQ(scenario.clients.at(1).name, "clients-2");
  EXPECT_EQ(scenario.clients.at(1).method, "GET");
  EXPECT_THAT(scenario.clients.at(1).message, ElementsAre(""));
  EXPECT_EQ(scenario.clients.at(1).acknowledgement, "");
  EXPECT_THAT(scenario.clients.at(1).status, IsEmpty());
  EXPECT_EQ(scenario.clients.at(2).method, "POST");
  EXPECT_THAT(scenario.clients.at(2).status, ElementsAre(202));
  EXPECT_EQ(scenario.clients.at(3).method, "DELETE");
  EXPECT_THAT(scenario.clients.at(3).status, ElementsAre(200, 404));
}

TEST(Parse, WithoutFaultsThereIsOneStopInTheLoadPhase) {
  const auto faults = with("").faults;
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_THAT(signals(faults[0]).first, ElementsAre(SIGTERM));
  EXPECT_EQ(signals(faults[0]).count, (Range<std::uint64_t>{0, 0}));
  EXPECT_TRUE(std::holds_alternative<WhenMeasured>(faults[0].when));
  const auto said = with(
                        "[[faults]]\nwhat = \"stop\"\n"
                        "when = { phase = \"load\", at = \"measured\" }\n")
                        .faults;
  EXPECT_TRUE(std::holds_alternative<WhenMeasured>(said.at(0).when));
}

TEST(Parse, AGroupThatSaysHowItsClientsBehaveIsNoCrowd) {
  const auto group = [](const std::string& keys, const std::string& top = "") {
    return parsed(top +
                  "\nabout = \"why\"\n[target]\ncommand = [\"server\"]\n"
                  "ready = { notify = true }\n[[clients]]\n" +
                  keys)
        .clients.at(0);
  };
  const auto crowd = [&](const auto&... text) { return group(text...).crowd; };
  const std::string http = "url = \"http://127.0.0.1:{port}/\"\n";
  const std::string ws = "url = \"ws://127.0.0.1:{port}/\"\n";
  const std::string tcp = "url = \"tcp://127.0.0.1:{port}\"\n";
  for (const auto* more : {"", "name = \"a\"", "ramp = \"1s\"", "pace = \"5ms\"", "status = 201",
                           "message = \"x\"", "proxy = true", "source = \"127.0.0.0/8\""}) {
    EXPECT_EQ(crowd(http + more), Crowd::usual) << more;
    EXPECT_EQ(crowd(http + more, "crowd = \"harsh\""), Crowd::harsh) << more;
  }
  for (const auto* more : {"behaviour = \"steady\"", "mix = { steady = 1 }", "misbehaves = \"1s\"",
                           "read_rate = 1", "during = \"load\"", "messages = 0",
                           "talk = \"staff-chat\"", "reconnect = \"1s\"", "crowd = \"none\""}) {
    EXPECT_EQ(crowd(ws + more), Crowd::none) << more;
    EXPECT_EQ(group(ws + more).count, 1U) << more;
  }
  EXPECT_EQ(crowd(http, "crowd = \"none\""), Crowd::none);
  EXPECT_EQ(crowd(http + "crowd = \"usual\"", "crowd = \"none\""), Crowd::usual);
  EXPECT_EQ(crowd(http + "messages = 9\ncrowd = \"harsh\""), Crowd::harsh);
  EXPECT_EQ(group(http + "count = 3").count, 3U);
  // Who says nothing has no habits.
  EXPECT_EQ(crowd(tcp), Crowd::none);
  EXPECT_EQ(crowd(tcp + "message = \"x\""), Crowd::usual);
  // Nor does what is said first and last tell how clients behave.
  EXPECT_EQ(crowd(tcp + "opening = [{ send = \"a\" }]\nmessage = \"x\"\nclosing = \"z\""),
            Crowd::usual);
}

TEST(Parse, FaultsAreReadWithTheirDefaults) {
  const auto faults = with(R"([[faults]]
what = "stop"
when = { phase = "load" }
[[faults]]
what = "double-signal"
signal = "SIGTERM"
second = ["SIGTERM", "SIGINT"]
when = { event = "acknowledged", nth = "1..40" }
[[faults]]
what = "signal"
signal = "SIGUSR1"
when = { phase = "drain", at = "1ms..2ms" }
[[faults]]
what = "signal"
signal = ["SIGHUP"]
when = { event = "connected" }
)")
                          .faults;
  ASSERT_EQ(faults.size(), 4U);
  EXPECT_EQ(std::get<WhenPhase>(faults[0].when).at, (Range<Nanoseconds>{}));
  EXPECT_THAT(signals(faults[1]).next, ElementsAre(SIGTERM, SIGINT));
  EXPECT_EQ(signals(faults[1]).gap, (Range<Nanoseconds>{seconds(0), milliseconds(100)}));
  EXPECT_EQ(signals(faults[1]).count, (Range<std::uint64_t>{1, 1}));
  EXPECT_EQ(std::get<WhenEvent>(faults[1].when).event, ClientEvent::acknowledged);
  EXPECT_EQ(std::get<WhenEvent>(faults[1].when).nth, (Range<std::uint64_t>{1, 40}));
  EXPECT_EQ(std::get<WhenPhase>(faults[2].when).phase, Phase::drain);
  EXPECT_EQ(std::get<WhenEvent>(faults[3].when).nth, (Range<std::uint64_t>{1, 1}));
}

TEST(Parse, EveryKindOfFaultIsRead) {
  const auto faults = with(R"([[clients]]
url = "ws://127.0.0.1:{port}/"
proxy = true
[[faults]]
what = "kill"
to = "tree"
when = { log = "^saved", nth = "2..3" }
[[faults]]
what = "storm"
signal = ["SIGTERM", "SIGHUP"]
count = 7
to = "group"
when = { notification = "STOPPING=1" }
[[faults]]
what = "pause"
for = "50ms"
when = { phase = "load" }
[[faults]]
what = "abort-clients"
percent = 30
when = { phase = "load" }
[[faults]]
what = "network"
action = "truncate"
at_byte = "10..20"
toward = "clients"
percent = 5
when = { phase = "load" }
[[faults]]
what = "limit"
memory = "64MiB"
when = { phase = "load" }
)")
                          .faults;
  ASSERT_EQ(faults.size(), 6U);
  EXPECT_THAT(signals(faults[0]).first, ElementsAre(SIGKILL));
  EXPECT_EQ(signals(faults[0]).to, Recipient::tree);
  EXPECT_EQ(std::get<WhenLine>(faults[0].when).pattern, "^saved");
  EXPECT_EQ(std::get<WhenLine>(faults[0].when).nth, (Range<std::uint64_t>{2, 3}));
  EXPECT_THAT(signals(faults[1]).next, ElementsAre(SIGTERM, SIGHUP));
  EXPECT_EQ(signals(faults[1]).count, (Range<std::uint64_t>{6, 6}));
  EXPECT_EQ(std::get<WhenNotification>(faults[1].when).assignment, "STOPPING=1");
  EXPECT_THAT(signals(faults[2]).first, ElementsAre(SIGSTOP));
  EXPECT_THAT(signals(faults[2]).next, ElementsAre(SIGCONT));
  EXPECT_EQ(signals(faults[2]).gap, (Range<Nanoseconds>{milliseconds(50), milliseconds(50)}));
  EXPECT_EQ(std::get<AbortClients>(other_act(faults[3]).act).percent, 30U);
  EXPECT_EQ(
      std::get<DisturbNetwork>(other_act(faults[4]).act),
      (DisturbNetwork{.action = NetworkAction::truncate, .toward = Toward::clients, .percent = 5}));
  EXPECT_EQ(other_act(faults[4]).at_byte, (Range<std::uint64_t>{10, 20}));
  EXPECT_EQ(std::get<SetLimit>(other_act(faults[5]).act), (SetLimit{Resource::memory, 64U << 20}));
}

TEST(Parse, FaultsAtASystemCall) {
  const auto faults = parsed(R"(about = "why"
[target]
command = ["server"]
ready = { notify = true }
trace = true
state = "state"
[[clients]]
url = "ws://127.0.0.1:{port}/"
[[faults]]
what = "kill"
when = { syscall = "rename", path = "{dir}/*.ckpt", nth = "2..3", at = "exit", phase = "load" }
[[faults]]
what = "syscall"
error = "ENOSPC"
count = 2
when = { syscall = "fsync", role = "state" }
[[faults]]
what = "syscall"
delay = "20ms..50ms"
when = { syscall = "sendto", role = "connection", at = "entry" }
)")
                          .faults;
  ASSERT_EQ(faults.size(), 3U);
  const auto& kill = std::get<WhenSyscall>(faults[0].when);
  EXPECT_EQ(kill.call, (NthSyscall{.syscall = "rename",
                                   .path = "{dir}/*.ckpt",
                                   .phase = Phase::load,
                                   .at = CallSide::exit}));
  EXPECT_EQ(kill.nth, (Range<std::uint64_t>{2, 3}));
  EXPECT_EQ(std::get<WhenSyscall>(faults[1].when).call.role, DescriptorRole::state);
  const auto& error = other_act(faults[1]);
  EXPECT_EQ(std::get<DisturbSyscall>(error.act),
            (DisturbSyscall{.action = CallAction::error, .error = ENOSPC}));
  EXPECT_EQ(error.count, (Range<std::uint64_t>{2, 2}));
  const auto& delay = other_act(faults[2]);
  EXPECT_EQ(std::get<DisturbSyscall>(delay.act).action, CallAction::delay);
  EXPECT_EQ(delay.duration, (Range<Nanoseconds>{milliseconds(20), milliseconds(50)}));
  EXPECT_EQ(delay.count, (Range<std::uint64_t>{1, 1}));
}

TEST(Parse, FaultsAtAFunctionHaveTheStatedDefaults) {
  const auto faults = parsed(std::string(kSmallest) + R"([[faults]]
what = "stop"
when = { function = "SendQueue::push", thread = "ping*", phase = "load", nth = "2..3", hold = "8ms" }
[[faults]]
what = "hold"
when = { function = "drain+0x1f" }
)")
                          .faults;
  ASSERT_EQ(faults.size(), 2U);
  const auto& stop = std::get<WhenVisit>(faults[0].when);
  EXPECT_EQ(stop.visit,
            (NthVisit{.function = "SendQueue::push", .thread = "ping*", .phase = Phase::load}));
  EXPECT_EQ(stop.nth, (Range<std::uint64_t>{2, 3}));
  EXPECT_EQ(stop.hold, (Range<Nanoseconds>{milliseconds(8), milliseconds(8)}));
  const auto& hold = std::get<WhenVisit>(faults[1].when);
  EXPECT_EQ(hold.visit, (NthVisit{.function = "drain+0x1f"}));
  EXPECT_EQ(hold.hold, (Range<Nanoseconds>{}));
  EXPECT_TRUE(std::holds_alternative<HoldThread>(other_act(faults[1]).act));
}

TEST(Parse, BytesOfARawProtocolAreUnescaped) {
  const auto group = with(R"([[clients]]
url = "tcp://127.0.0.1:{port}"
opening = [{ send = '\x00\x04hi\\' }, { expect = 'Z\0I' }]
message = ['SET {id}\r\n', '\t']
ack = '+OK\r\n'
closing = 'QUIT\r\n'
mix = { steady = 8, half-open = 1 }
source = "127.0.0.0/8"
reconnect = "10ms..1s"
reconnect_until = "end"
)")
                         .clients.at(1);
  EXPECT_EQ(group.protocol, Protocol::tcp);
  ASSERT_EQ(group.opening.size(), 2U);
  EXPECT_EQ(group.opening[0].send, (std::string("\0\x04hi\\", 5)));
  EXPECT_EQ(group.opening[1].expect, (std::string("Z\0I", 3)));
  EXPECT_THAT(group.message, ElementsAre("SET {id}\r\n", "\t"));
  EXPECT_EQ(group.acknowledgement, "+OK\r\n");
  EXPECT_EQ(group.closing, "QUIT\r\n");
  EXPECT_THAT(group.mix,
              ElementsAre(std::pair(Behaviour::steady, 8U), std::pair(Behaviour::half_open, 1U)));
  EXPECT_EQ(group.source->address, 0x7F000000U);
  EXPECT_EQ(group.source->bits, 8U);
  EXPECT_EQ(group.reconnect, (Range<Nanoseconds>{milliseconds(10), seconds(1)}));
  EXPECT_TRUE(group.reconnect_after_stop);
}

TEST(Parse, ATalkIsAWholeProtocol) {
  const auto group = with(R"([[clients]]
url = "ws://127.0.0.1:{port}/ocpp/CP{client}"
talk = "charge-point"
)")
                         .clients.at(1);
  EXPECT_EQ(group.subprotocol, "ocpp1.6");
  EXPECT_EQ(group.opening.size(), 2U);
  EXPECT_EQ(group.message.size(), 3U);
  for (const auto& message : group.message) EXPECT_NE(message.find("{id}"), std::string::npos);
  EXPECT_EQ(group.acknowledgement, R"([3,"{id}",)");
}

TEST(Parse, WhatATargetMayBeToldIsRead) {
  const auto target = parsed(R"(about = "why"
clients = [{ url = "ws://127.0.0.1:{port}/" }]
[target]
command = ["server", "{vary.queue}"]
user = "nobody"
pid1 = true
shell = true
ready = { notify = true }
stop = { to = "tree" }
limits = { descriptors = 64, disk = "1MiB", cpu = 20 }
service = { watchdog = "200ms", access = "all", max_extension = 3 }
[target.recovery]
ask = { command = ["get", "{id}"], expect = "1" }
[[target.vary]]
name = "queue"
values = ["10", "1000"]
)")
                          .target;
  EXPECT_EQ(target.user, "nobody");
  EXPECT_TRUE(target.pid1 && target.shell);
  EXPECT_EQ(target.stop.to, Recipient::tree);
  EXPECT_EQ(target.limits,
            (Limits{{Resource::descriptors, 64}, {Resource::disk, 1U << 20}, {Resource::cpu, 20}}));
  EXPECT_EQ(target.service.watchdog, milliseconds(200));
  EXPECT_TRUE(target.service.access_all);
  EXPECT_EQ(target.service.max_extension, 3U);
  EXPECT_THAT(target.recovery->command, ElementsAre("server", "{vary.queue}"));
  EXPECT_THAT(target.recovery->ask->command, ElementsAre("get", "{id}"));
  EXPECT_EQ(target.recovery->ask->expect, "1");
  EXPECT_THAT(target.vary.at(0).values, ElementsAre("10", "1000"));
}

TEST(Parse, AListingIsSearchedForEachIdAndASingleQuestionNeedNotBe) {
  const auto expect_of = [](const std::string& ask) {
    return with("[target.recovery]\nask = " + ask + "\n").target.recovery->ask->expect;
  };
  EXPECT_EQ(expect_of(R"({ url = "http://127.0.0.1:{port}/all" })"), "{id}");
  EXPECT_EQ(expect_of(R"({ url = "http://127.0.0.1:{port}/{id}" })"), "");
}

TEST(Parse, ADoubleSignalWhoseFirstIsAStopSignalBeginsTheStop) {
  const auto faults = with(R"([[faults]]
what = "double-signal"
signal = "SIGTERM"
second = "SIGINT"
when = { phase = "load" }
)")
                          .faults;
  EXPECT_EQ(faults.size(), 1U);
}

TEST(Parse, TheStopIsReadWithSignalsDeadlineAndEnds) {
  const auto stop = parsed(R"(about = "why"
clients = [{ url = "ws://127.0.0.1:{port}/" }]
[target]
command = ["server"]
ready = { log = "listening on [0-9]{2,5}", timeout = "1.5s" }
stop = { signal = ["SIGTERM", "SIGQUIT"], deadline = "5s", exit = [0, "SIGTERM", 143] }
)")
                        .target.stop;
  EXPECT_THAT(stop.signals, ElementsAre(SIGTERM, SIGQUIT));
  EXPECT_EQ(stop.deadline, seconds(5));
  EXPECT_THAT(stop.expected, ElementsAre(ExpectedEnd{false, 0}, ExpectedEnd{true, SIGTERM},
                                         ExpectedEnd{false, 143}));
  EXPECT_TRUE(stop.end_is_stated);
}

TEST(Parse, FilesKeepTheirBracesAndTextsKeepTheirPlaceholders) {
  const auto target = parsed(R"(about = "why"
clients = [{ url = "ws://127.0.0.1:{port}/", message = '{"a": {}, "id": "{id}"}' }]
[target]
command = ["server", "{dir}/x", "{port.tls}", "{tls.cert}", "{X}", "{ dir }", "{}"]
directory = "{here}"
environment = { KEY = "{seed}", empty = "" }
ready = { port = "{port.tls}" }
[target.files]
"sub/nginx.conf" = "events {worker} {port} {unknown.word}"
)")
                          .target;
  EXPECT_EQ(target.command.size(), 7U);
  EXPECT_EQ(target.environment.at("KEY"), "{seed}");
  EXPECT_FALSE(target.ready.notify);
  EXPECT_THAT(target.ready.ports, ElementsAre("{port.tls}"));
  ASSERT_EQ(target.files.size(), 1U);
  EXPECT_EQ(target.files[0].path, "sub/nginx.conf");
  EXPECT_EQ(target.files[0].content, "events {worker} {port} {unknown.word}");
}

TEST(Parse, TheBudgetIsRead) {
  const auto budget = with("[budget]\ntrials = 7\nload = \"9s\"\ntrial_timeout = \"90s\"").budget;
  EXPECT_EQ(budget.trials, 7U);
  EXPECT_EQ(budget.load, seconds(9));
  EXPECT_EQ(budget.trial_timeout, seconds(90));
}

TEST(Parse, SeveralConditionsOfReadinessAreRead) {
  const auto ready = parsed(R"(about = "why"
[target]
command = ["server"]
ready = { notify = true, port = ["{port}", "{port.tls}"], url = "http://127.0.0.1:{port}/", log = ["a", "b"], timeout = "1s" }
)")
                         .target.ready;
  EXPECT_TRUE(ready.notify);
  EXPECT_THAT(ready.ports, ElementsAre("{port}", "{port.tls}"));
  EXPECT_THAT(ready.urls, ElementsAre("http://127.0.0.1:{port}/"));
  EXPECT_THAT(ready.logs, ElementsAre("a", "b"));
  EXPECT_EQ(ready.timeout, seconds(1));
}

TEST(Parse, AScenarioNeedsNoClients) {
  const auto scenario = parsed("about = 'why'\n[target]\ncommand = ['x']\nready.log = 'up'\n");
  EXPECT_THAT(scenario.clients, IsEmpty());
  ASSERT_EQ(scenario.faults.size(), 1U);
}

TEST(Parse, SidecarsAreReadInTheirOrder) {
  const auto sidecars = with(R"([[sidecars]]
name = "db"
command = ["db", "--data", "{sidecar.db}/data", "--port", "{port.db}"]
environment = { A = "{dir}" }
directory = "data"
user = "nobody"
ready = { port = "{port.db}", log = "up", timeout = "3s" }
stop = "SIGINT"
[[sidecars]]
name = "cache"
command = ["cache"]
ready = { notify = true }
)")
                            .sidecars;
  ASSERT_EQ(sidecars.size(), 2U);
  EXPECT_EQ(sidecars[0].name, "db");
  const auto& db = sidecars[0].process;
  EXPECT_THAT(db.command, ElementsAre("db", "--data", "{sidecar.db}/data", "--port", "{port.db}"));
  EXPECT_EQ(db.environment.at("A"), "{dir}");
  EXPECT_EQ(db.directory, "data");
  EXPECT_EQ(db.user, "nobody");
  EXPECT_THAT(db.ready.ports, ElementsAre("{port.db}"));
  EXPECT_THAT(db.ready.logs, ElementsAre("up"));
  EXPECT_EQ(db.ready.timeout, seconds(3));
  EXPECT_THAT(db.stop.signals, ElementsAre(SIGINT));
  EXPECT_FALSE(db.trace);
  const auto& cache = sidecars[1].process;
  EXPECT_TRUE(cache.ready.notify);
  EXPECT_THAT(cache.stop.signals, ElementsAre(SIGTERM));
  EXPECT_EQ(cache.directory, "");
}

TEST(Parse, HeadersAndIdsOfTheServersAreRead) {
  const auto clients = with(R"([[clients]]
url = "http://127.0.0.1:{port}/"
headers = { Content-Type = "application/json", "X-Id" = "{id}" }
id_from = { json = "/order/id" }
[[clients]]
url = "tcp://127.0.0.1:{port}"
message = '{length}:{body}{id}{end},'
id_from = { pattern = 'id=(\w+)' }
)")
                           .clients;
  EXPECT_THAT(clients.at(0).headers, IsEmpty());
  EXPECT_FALSE(clients.at(0).id_from);
  EXPECT_THAT(clients.at(1).headers, ElementsAre(testing::Pair("Content-Type", "application/json"),
                                                 testing::Pair("X-Id", "{id}")));
  EXPECT_FALSE(clients.at(1).id_from->is_pattern);
  EXPECT_EQ(clients.at(1).id_from->text, "/order/id");
  EXPECT_TRUE(clients.at(2).id_from->is_pattern);
  EXPECT_EQ(clients.at(2).id_from->text, "id=(\\w+)");
  EXPECT_THAT(clients.at(2).message, ElementsAre("{length}:{body}{id}{end},"));
}

TEST(Parse, EveryPropertyHasAnEntryWithItsDefaults) {
  const auto scenario = with("");
  EXPECT_EQ(scenario.properties.size(), kProperties.size());
  for (const auto& [name, common] : scenario.properties) {
    EXPECT_TRUE(common.judged) << name;
    EXPECT_TRUE(common.own.has_value()) << name;
    EXPECT_FALSE(common.configured) << name;
  }
  const auto& close = settings<property::CloseHandshake>(scenario);
  EXPECT_TRUE(close.codes.empty()) << "it has codes only if they are given";
  EXPECT_FALSE(close.strict);
  EXPECT_FALSE(settings<property::InFlightFinished>(scenario).settling);
  EXPECT_EQ(settings<property::StopsAccepting>(scenario).within, milliseconds(100));
  EXPECT_EQ(settings<property::DrainsHealth>(scenario).visible, milliseconds(50));
  EXPECT_EQ(settings<property::RepeatSignal>(scenario).policy, RepeatPolicy::ignore);
  EXPECT_EQ(settings<property::RepeatSignal>(scenario).within, seconds(1));
  EXPECT_TRUE(settings<property::AckedDurable>(scenario).after_kill);
  EXPECT_FALSE(settings<property::PromptExit>(scenario).within);
  const auto& overhead = settings<property::Overhead>(scenario);
  EXPECT_FALSE(overhead.startup || overhead.memory || overhead.cpu);
}

// Whether the field holds by itself what it holds if the file says the key's default.
template <class Property, class Field>
void check_default(const Setting<Property, Field>& setting) {
  const auto& key = setting.key;
  const auto name = std::string(Property::kName) + "." + std::string(key.name);
  if (key.fallback.empty() || name == "close-handshake.codes") return;
  const auto said = with("[properties]\n" + name + " = " + std::string(key.fallback) + "\n");
  EXPECT_TRUE(settings<Property>(said).*setting.field == Property{}.*setting.field) << name;
}

TEST(Parse, ASettingHasTheDefaultOfItsKey) {
  Properties::each([]<class Property>(const Property&) {
    each_setting<Property>([](const auto& setting) { check_default(setting); });
  });
}

TEST(Parse, SettingsOfTheOtherPropertiesAreRead) {
  const auto scenario = with(R"([[target.vary]]
name = "level"
values = ["debug", "error"]
[properties]
checkpoint-intact = { files = ["*.json"], format = "json" }
log-complete = { lines = ["stopped$"], file = "server.log" }
repeat-signal = { policy = "force", within = "200ms", exit = [1, "SIGINT"] }
overhead = { startup = "100ms", memory = "10MiB", cpu = 1 }
config-effective = { setting = "level", expect = { debug = "^D", error = "^E" } }
custom.mine = { command = ["check.py"], timeout = "1s" }
)");
  EXPECT_THAT(settings<property::CheckpointIntact>(scenario).files, ElementsAre("*.json"));
  EXPECT_EQ(settings<property::CheckpointIntact>(scenario).format, "json");
  EXPECT_THAT(settings<property::LogComplete>(scenario).lines, ElementsAre("stopped$"));
  EXPECT_EQ(settings<property::LogComplete>(scenario).file, "server.log");
  const auto& repeat = settings<property::RepeatSignal>(scenario);
  EXPECT_EQ(repeat.policy, RepeatPolicy::force);
  EXPECT_EQ(repeat.within, milliseconds(200));
  EXPECT_THAT(repeat.ends, ElementsAre(ExpectedEnd{false, 1}, ExpectedEnd{true, SIGINT}));
  const auto& overhead = settings<property::Overhead>(scenario);
  EXPECT_EQ(overhead.startup, milliseconds(100));
  EXPECT_EQ(overhead.memory, 10U << 20);
  EXPECT_EQ(overhead.cpu, 1U);
  EXPECT_EQ(settings<property::ConfigEffective>(scenario).expect.at("error"), "^E");
  EXPECT_THAT(scenario.custom.at("mine").command, ElementsAre("check.py"));
  EXPECT_EQ(scenario.custom.at("mine").timeout, seconds(1));
}

TEST(Parse, PropertiesAreSetAndSwitchedOff) {
  const auto scenario = with(R"([properties]
require = ["serves", "deadline", "serves"]
in-flight-finished = { judge = false, why = "fast shutdown" }
close-handshake = { codes = [1012], strict = true }
no-panic = { allow = ["^panic: test", { name = "IOError", why = "x" }, { pattern = "^y", why = "z" }], logged = "warn" }
released = { allow = ["*.pid"], judge = true }
)");
  EXPECT_THAT(scenario.required, ElementsAre("serves", "deadline"));
  EXPECT_FALSE(scenario.properties.at("in-flight-finished").judged);
  EXPECT_EQ(scenario.properties.at("in-flight-finished").why, "fast shutdown");
  EXPECT_THAT(settings<property::CloseHandshake>(scenario).codes, ElementsAre(1012));
  EXPECT_TRUE(settings<property::CloseHandshake>(scenario).strict);
  EXPECT_THAT(settings<property::NoPanic>(scenario).allow,
              ElementsAre(Allowance{"^panic: test", "pattern"}, Allowance{"IOError", "name", "x"},
                          Allowance{"^y", "pattern", "z"}));
  EXPECT_EQ(settings<property::NoPanic>(scenario).logged, LoggedErrors::warn);
  EXPECT_THAT(settings<property::Released>(scenario).allow,
              ElementsAre(Allowance{"*.pid", "file"}));
}

TEST(Parse, WhatMayStayIsAFileOrATableThatSaysWhat) {
  const auto scenario = with(R"([target.environment]
ADMIN = "{port.admin}"
[properties.released]
allow = ["*.cache", { process = "tail *", why = "by design" }, { port = "admin" }, { file = "a" }]
)");
  EXPECT_THAT(settings<property::Released>(scenario).allow,
              ElementsAre(Allowance{"*.cache", "file"}, Allowance{"tail *", "process", "by design"},
                          Allowance{"admin", "port"}, Allowance{"a", "file"}));
}

TEST(Parse, AWordStandsForATableWithThatBoolean) {
  std::string text(kSmallest);
  text.insert(text.find("ready"), "trace = true\n");
  EXPECT_FALSE(settings<property::Released>(parsed(text)).strict);
  const auto strict = parsed(text + "[properties]\nreleased = \"strict\"");
  EXPECT_TRUE(settings<property::Released>(strict).strict);
}

TEST(Parse, TheSeedKeyLeavesOutWhatSaysNothing) {
  const std::string text(kSmallest);
  const auto key = scenario_seed_key(text);
  EXPECT_FALSE(key.empty());
  EXPECT_EQ(key, scenario_seed_key("# why\n\n" + text + "\n# end"));
  auto about = text;
  about.replace(about.find('"', about.find("about")), 1, "\"again ");
  EXPECT_EQ(key, scenario_seed_key(about));
  EXPECT_NE(key, scenario_seed_key(text + "[budget]\nload = \"9s\""));
}
TEST(Parse, TheSeedKeyDoesNotDependOnTheOrderOfKeys) {
  const std::string text(kSmallest);
  EXPECT_EQ(scenario_seed_key(text + "[budget]\nload = \"9s\"\ntrials = 7"),
            scenario_seed_key(text + "[budget]\ntrials = 7\nload = \"9s\""));
  EXPECT_NE(scenario_seed_key(text + "[budget]\ntrials = 7"),
            scenario_seed_key(text + "[budget]\ntrials = 8"));
}
TEST(Parse, ANameIsTheWholeSeedKey) {
  const auto text = "name = \"a\"\n" + std::string(kSmallest);
  EXPECT_EQ(scenario_seed_key(text), scenario_seed_key(text + "[budget]\ntrials = 7"));
  EXPECT_NE(scenario_seed_key(text), scenario_seed_key(kSmallest));
  EXPECT_NE(scenario_seed_key(text), scenario_seed_key("name = \"b\"\n" + std::string(kSmallest)));
}

}  // namespace
}  // namespace lastcall

// What a scenario file that is fine becomes.
#include "scenario/parse.hpp"

#include <gmock/gmock.h>

#include <csignal>

#include "scenario/property_names.hpp"

namespace lastcall {
namespace {

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

TEST(Parse, TheSmallestScenarioHasTheStatedDefaults) {
  const auto scenario = with("");
  EXPECT_EQ(scenario.about, "why");
  EXPECT_THAT(scenario.target.command, ElementsAre("server"));
  EXPECT_EQ(scenario.target.directory, "{dir}");
  EXPECT_THAT(scenario.target.environment, IsEmpty());
  EXPECT_TRUE(std::holds_alternative<ReadyNotify>(scenario.target.ready.by));
  EXPECT_EQ(scenario.target.ready.timeout, seconds(10));
  EXPECT_THAT(scenario.target.stop.signals, ElementsAre(SIGTERM));
  EXPECT_EQ(scenario.target.stop.deadline, seconds(10));
  EXPECT_THAT(scenario.target.stop.expected, ElementsAre(ExpectedEnd{false, 0}));
  EXPECT_EQ(scenario.budget.trials, 20U);
  EXPECT_EQ(scenario.budget.load, seconds(10));
  EXPECT_THAT(scenario.required, IsEmpty());
}

TEST(Parse, AGroupOfWebSocketClientsHasTheStatedDefaults) {
  const auto group = with("").clients.at(0);
  EXPECT_EQ(group.name, "clients-1");
  EXPECT_EQ(group.protocol, Protocol::ws);
  EXPECT_EQ(group.count, 1U);
  EXPECT_EQ(group.ramp, seconds(0));
  EXPECT_EQ(group.pace, (Range<Nanoseconds>{milliseconds(10), milliseconds(50)}));
  EXPECT_EQ(group.messages, 0U);
  EXPECT_EQ(group.message, "{id}");
  EXPECT_EQ(group.acknowledgement, "{id}");
  EXPECT_EQ(group.method, "");
}

TEST(Parse, HttpClientsGetUnlessThereIsAMessageToPost) {
  const auto scenario = with(R"([[clients]]
url = "https://localhost/"
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
  EXPECT_EQ(scenario.clients.at(1).message, "");
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
  EXPECT_EQ(faults[0].kind, FaultChoice::Kind::stop);
  EXPECT_THAT(faults[0].first, ElementsAre(SIGTERM));
  const auto& when = std::get<WhenPhase>(faults[0].when);
  EXPECT_EQ(when.phase, Phase::load);
  EXPECT_EQ(when.at, (Range<Nanoseconds>{seconds(0), seconds(1)}));
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
  EXPECT_EQ(faults[1].kind, FaultChoice::Kind::double_signal);
  EXPECT_THAT(faults[1].second, ElementsAre(SIGTERM, SIGINT));
  EXPECT_EQ(faults[1].gap, (Range<Nanoseconds>{seconds(0), milliseconds(100)}));
  EXPECT_EQ(std::get<WhenEvent>(faults[1].when).event, ClientEvent::acknowledged);
  EXPECT_EQ(std::get<WhenEvent>(faults[1].when).nth, (Range<std::uint64_t>{1, 40}));
  EXPECT_EQ(std::get<WhenPhase>(faults[2].when).phase, Phase::drain);
  EXPECT_EQ(std::get<WhenEvent>(faults[3].when).nth, (Range<std::uint64_t>{1, 1}));
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
  EXPECT_EQ(std::get<ReadyPort>(target.ready.by).port, "{port.tls}");
  ASSERT_EQ(target.files.size(), 1U);
  EXPECT_EQ(target.files[0].path, "sub/nginx.conf");
  EXPECT_EQ(target.files[0].content, "events {worker} {port} {unknown.word}");
}

TEST(Parse, EveryPropertyHasAnEntryAndOnlyItsOwnSettings) {
  const auto properties = with("").properties;
  EXPECT_EQ(properties.size(), kProperties.size());
  for (const auto& [name, settings] : properties) {
    EXPECT_TRUE(settings.judged) << name;
    EXPECT_EQ(settings.settling.has_value(), name == "in-flight-finished") << name;
    EXPECT_EQ(settings.codes.empty(), name != "close-handshake") << name;
  }
  EXPECT_THAT(properties.at("close-handshake").codes, ElementsAre(1001, 1000));
  EXPECT_EQ(properties.at("in-flight-finished").settling, milliseconds(100));
}

TEST(Parse, PropertiesAreSetAndSwitchedOff) {
  const auto scenario = with(R"([properties]
require = ["serves", "deadline", "serves"]
in-flight-finished = { judge = false, why = "fast shutdown" }
close-handshake = { codes = [1012] }
no-panic = { allow = ["^panic: test"] }
released = { allow = ["*.pid"], judge = true }
)");
  EXPECT_THAT(scenario.required, ElementsAre("serves", "deadline"));
  EXPECT_FALSE(scenario.properties.at("in-flight-finished").judged);
  EXPECT_EQ(scenario.properties.at("in-flight-finished").why, "fast shutdown");
  EXPECT_THAT(scenario.properties.at("close-handshake").codes, ElementsAre(1012));
  EXPECT_THAT(scenario.properties.at("no-panic").allow, ElementsAre("^panic: test"));
  EXPECT_THAT(scenario.properties.at("released").allow, ElementsAre("*.pid"));
}

}  // namespace
}  // namespace lastcall

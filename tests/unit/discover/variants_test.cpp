#include "discover/variants.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck.h>
#include <algorithm>

#include "discover/http2.hpp"
#include "discover/known_servers.hpp"
#include "scenario/parse.hpp"

namespace lastcall {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Discovery http_server() {
  Discovery found;
  found.command.words = {"/srv/\"my\" server", "--port", "8080"};
  found.directory = "/srv";
  found.program = "server";
  found.ready_after = std::chrono::milliseconds(120);
  FoundPort port{.port = 8080, .address = "127.0.0.1", .speech = Speech::http};
  port.answers = {{"/", 200, std::chrono::milliseconds(2)}, {"/health", 404, {}}};
  found.ports = {port};
  return found;
}

Discovery server_that_speaks(Speech speech) {
  auto found = http_server();
  found.ports[0].speech = speech;
  found.ports[0].answers.clear();
  return found;
}

std::vector<Talk> talks(const Discovery& found, const Hints& hints = {}) {
  const auto all = talks_of(found, hints);
  EXPECT_TRUE(all.has_value());
  return all ? *all : std::vector<Talk>{};
}

std::string problem_of(const std::string& text) {
  const auto parsed = parse_scenario(text, "written");
  const auto* errors = std::get_if<std::vector<ScenarioError>>(&parsed);
  return errors == nullptr ? "" : errors->front().text() + "\n" + text;
}

void expect_valid(const Discovery& found, const Hints& hints = {}) {
  const auto all = talks(found, hints);
  EXPECT_EQ(problem_of(commented_scenario(found, hints, all)), "");
  for (const auto& variant : variants_of(found, hints, all))
    EXPECT_EQ(problem_of(variant.text), "");
}

std::vector<std::string> names(const std::vector<StopVariant>& variants) {
  std::vector<std::string> names;
  for (const auto& one : variants) names.push_back(one.name);
  return names;
}

TEST(WrittenScenarios, AreValidWhateverIsSpoken) {
  for (const auto speech : values<Speech>()) {
    SCOPED_TRACE(name(speech));
    auto found = server_that_speaks(speech);
    expect_valid(found);
    found.ports[0].tls = true;
    found.ports[0].websocket = "/ws";
    expect_valid(found);
    found.symbolic[8080] = "{port.main}";
    found.ports[0].address = "::1";
    expect_valid(found);
  }
  auto idle = server_that_speaks(Speech::http2);
  idle.ports[0].opening = http2_opening(Http2Ask::page, false, 4);
  expect_valid(idle);
  auto worker = http_server();
  worker.ports.clear();
  expect_valid(worker);
}
TEST(WrittenScenarios, AreValidWithHints) {
  Hints hints{.urls = {"/orders?a=b", "ws://127.0.0.1:8080/chat", "tcp://127.0.0.1:9"},
              .headers = {{"Authorization", "Bearer \"x\""}},
              .body = "{\"id\":\"{id}\"}\\r\\n",
              .signal = "SIGUSR1",
              .deadline = std::chrono::milliseconds(1500)};
  expect_valid(http_server(), hints);
}
TEST(WrittenScenarios, SayTheCommandAsItIs) {
  rc::check([](const std::vector<std::string>& words) {
    auto found = http_server();
    for (auto word : words) {
      std::erase_if(word, [](char c) { return c == '\0' || c == '{' || (c & 0x80) != 0; });
      found.command.words.push_back(word);
    }
    const auto parsed = parse_scenario(commented_scenario(found, {}, talks(found)), "");
    RC_ASSERT(std::holds_alternative<Scenario>(parsed));
    RC_ASSERT(std::get<Scenario>(parsed).target.command == found.command.words);
  });
}
TEST(WrittenScenarios, AskForWhatAnsweredBest) {
  const auto all = talks(http_server());
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].url, "http://127.0.0.1:8080/");
  auto slow = http_server();
  slow.ports[0].answers.push_back({"/ready", 200, std::chrono::milliseconds(300)});
  EXPECT_EQ(talks(slow)[0].url, "http://127.0.0.1:8080/ready");
}
TEST(WrittenScenarios, TakeAnErrorForTheAnswerWhereThereIsNoBetterOne) {
  auto found = http_server();
  found.ports[0].answers = {{"/", 401, {}}};
  EXPECT_THAT(talks(found)[0].lines, HasSubstr("status = 401\n"));
  EXPECT_THAT(target_text(found, talks(found)), HasSubstr("ready = { port = [\"8080\"]"));
}
TEST(WrittenScenarios, DoNotAskAWebSocketServerForPages) {
  auto found = http_server();
  found.ports[0].answers = {{"/", 426, {}}};
  found.ports[0].websocket = "/";
  const auto all = talks(found);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].kind, TalkKind::websocket);
  EXPECT_FALSE(all[0].asks);
}
TEST(WrittenScenarios, OnlyConnectToHttp2ThatTurnsAwayClientsWithoutH2) {
  auto found = server_that_speaks(Speech::grpc);
  found.ports[0].tls = true;
  EXPECT_EQ(talks(found)[0].url, "tcp://localhost:8080");
  found.ports[0].opening = http2_opening(Http2Ask::grpc_health, true, 5);
  EXPECT_EQ(talks(found)[0].url, "tls://localhost:8080");
}
TEST(WrittenScenarios, NameTheHostToAServerWithTls) {
  auto found = http_server();
  found.ports[0].tls = true;
  EXPECT_EQ(talks(found)[0].url, "https://localhost:8080/");
  EXPECT_THAT(target_text(found, talks(found)), HasSubstr("url = \"https://localhost:8080/\""));
}
TEST(WrittenScenarios, NameThePortsOfLastcallsChoice) {
  auto found = http_server();
  found.symbolic[8080] = "{port}";
  EXPECT_EQ(talks(found)[0].url, "http://127.0.0.1:{port}/");
  EXPECT_EQ(talks(found, {.urls = {"http://localhost:8080/x"}})[0].url,
            "http://localhost:{port}/x");
}
TEST(WrittenScenarios, PromiseNothingForProtocolsThatPromiseNothing) {
  const auto redis = server_that_speaks(Speech::redis);
  EXPECT_THAT(promises_of(talks(redis), redis), HasSubstr("in-flight-finished = { judge = false"));
  const auto http = http_server();
  EXPECT_THAT(promises_of(talks(http), http), Not(HasSubstr("judge = false")));
}
TEST(Hints, ThatDoNotFitAreErrors) {
  EXPECT_FALSE(talks_of(http_server(), {.urls = {"/"}, .body = "\\q"}));
  EXPECT_FALSE(talks_of(http_server(), {.urls = {"tcp://127.0.0.1:8080"}, .body = "PING"}));
  EXPECT_FALSE(talks_of(server_that_speaks(Speech::redis), {.urls = {"/orders"}}));
  EXPECT_FALSE(talks_of(http_server(), {.urls = {"gopher://127.0.0.1:8080"}}));
}

TEST(Variants, FitWhatIsSpoken) {
  const auto http = http_server();
  EXPECT_THAT(names(variants_of(http, {}, talks(http))),
              ElementsAre("calm-stop", "under-load", "idle-keep-alive", "during-start",
                          "second-signal", "sigint", "silent-peer", "slow-reader", "client-storm"));
  auto websocket = http;
  websocket.ports[0].websocket = "/ws";
  EXPECT_THAT(names(variants_of(websocket, {}, talks(websocket))), Contains("idle-websocket"));
  const auto unknown = server_that_speaks(Speech::unknown);
  EXPECT_THAT(names(variants_of(unknown, {}, talks(unknown))),
              ElementsAre("calm-stop", "during-start", "second-signal", "sigint", "silent-peer"));
}
TEST(Variants, HaveAnIdleConnectionWhereClientsCanAskOnceOverHttp2) {
  auto found = server_that_speaks(Speech::http2);
  EXPECT_THAT(names(variants_of(found, {}, talks(found))), Not(Contains("idle-connection")));
  found.ports[0].opening = http2_opening(Http2Ask::page, false, 4);
  const auto all = variants_of(found, {}, talks(found));
  const auto idle = std::ranges::find(all, "idle-connection", &StopVariant::name);
  ASSERT_NE(idle, all.end());
  EXPECT_THAT(idle->text, HasSubstr("behaviour = \"quiet\""));
  EXPECT_FALSE(idle->may_wait.empty()) << "the clients do not know GOAWAY";
}
TEST(Variants, SendASignalDuringTheStartThatIsHeardWithoutAHandler) {
  const auto found = http_server();
  for (const auto& [signal, sent] :
       {std::pair("SIGWINCH", "SIGTERM"), std::pair("SIGUSR1", "SIGUSR1")}) {
    const Hints hints{.signal = signal};
    const auto all = variants_of(found, hints, talks(found));
    const auto start = std::ranges::find(all, "during-start", &StopVariant::name);
    EXPECT_THAT(start->text, HasSubstr("signal = \"" + std::string(sent) + "\""));
  }
}
TEST(Variants, DoNotRepeatTheSignalThatIsTheStop) {
  const auto found = http_server();
  const Hints hints{.signal = "SIGINT"};
  EXPECT_THAT(names(variants_of(found, hints, talks(found))), Not(Contains("sigint")));
}
TEST(Variants, LetGoodServersWaitForSomeClientsOnly) {
  const auto found = http_server();
  for (const auto& one : variants_of(found, {}, talks(found)))
    EXPECT_EQ(!one.may_wait.empty(), one.name == "silent-peer" || one.name == "slow-reader");
}

TEST(KnownServers, AreStoppedAsTheirManualsSay) {
  EXPECT_EQ(known_server("nginx")->signal, "SIGQUIT");
  EXPECT_EQ(known_server("php-fpm8.2")->signal, "SIGQUIT");
  EXPECT_EQ(known_server("python3.11"), nullptr);
  EXPECT_EQ(known_server(""), nullptr);
  auto found = http_server();
  found.program = "nginx";
  EXPECT_EQ(stop_signal(found, {}), "SIGQUIT");
  EXPECT_EQ(stop_signal(found, {.signal = "SIGTERM"}), "SIGTERM");
}

TEST(Commands, TakeVariablesAndPortsAsAShellDoes) {
  const auto command =
      command_of({"PORT={port}", "A=b=c", "./server", "X=1", "{port.tls}"}, "/srv");
  ASSERT_TRUE(command);
  EXPECT_THAT(command->words, ElementsAre("/srv/server", "X=1", "{port.tls}"));
  EXPECT_EQ(command->environment.at("A"), "b=c");
  EXPECT_THAT(ports_in(*command), ElementsAre("port", "port.tls"));
  EXPECT_FALSE(command_of({"PORT=1"}, "/srv"));
  EXPECT_FALSE(command_of({"server", "{dir}"}, "/srv"));
}

}  // namespace
}  // namespace lastcall

#include "discover/deployment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "discover/scenario_text.hpp"
#include "scenario/parse.hpp"

namespace lastcall {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

Deployment read(const std::string& text, const std::string& wanted = "") {
  const auto one = read_deployment(text, "file", wanted);
  EXPECT_TRUE(one.has_value()) << (one ? "" : one.error().message());
  return one ? *one : Deployment{};
}
std::string problem(const std::string& text, const std::string& wanted = "") {
  const auto one = read_deployment(text, "file", wanted);
  return one ? "" : one.error().message();
}
void expect_valid_scenario(const Deployment& deployment) {
  const auto found = discovery_of(deployment, "/srv");
  const auto talks = talks_of(found, {});
  ASSERT_TRUE(talks);
  const auto parsed = parse_scenario(commented_scenario(found, {}, *talks), "");
  EXPECT_TRUE(std::holds_alternative<Scenario>(parsed)) << commented_scenario(found, {}, *talks);
}

constexpr const char* kCompose = R"(
services:
  db: { image: postgres }
  web:
    image: web
    entrypoint: ["python3", "-u"]
    command: server.py --name 'a b'
    environment: [ "PORT=8000", "DEBUG=" ]
    ports: [ "127.0.0.1:80:8000/tcp", { target: 9000 } ]
    healthcheck: { test: ["CMD", "curl", "-f", "http://localhost:8000/health"] }
    stop_signal: SIGINT
    stop_grace_period: 1m30s
    working_dir: /app
)";

TEST(Compose, SaysCommandPortsProbeSignalAndGrace) {
  const auto web = read(kCompose);
  EXPECT_EQ(web.what, "service web");
  EXPECT_THAT(web.command, ElementsAre("python3", "-u", "server.py", "--name", "a b"));
  EXPECT_EQ(web.environment.at("PORT"), "8000");
  EXPECT_EQ(web.environment.at("DEBUG"), "");
  EXPECT_THAT(web.ports, ElementsAre(8000, 9000));
  EXPECT_EQ(web.probed, 8000);
  EXPECT_EQ(web.probe, "/health");
  EXPECT_EQ(web.signal, "SIGINT");
  EXPECT_EQ(web.grace, 90s);
  expect_valid_scenario(web);
}
TEST(Compose, NamesTheServicesWhereNoneFits) {
  EXPECT_THAT(problem("services: { a: { image: x }, b: { image: y } }"), HasSubstr("(a, b)"));
  EXPECT_THAT(problem(kCompose, "wbe"), HasSubstr("no service wbe: db, web"));
  EXPECT_THAT(read(kCompose, "db").command, IsEmpty());
}

constexpr const char* kManifest = R"(
apiVersion: v1
kind: Service
spec: { ports: [ { port: 80 } ] }
---
apiVersion: apps/v1
kind: Deployment
spec:
  template:
    spec:
      terminationGracePeriodSeconds: 45
      containers:
      - name: api
        command: ["/app/api"]
        args: ["--listen", ":8080"]
        env:
        - { name: MODE, value: "fast" }
        - { name: KEY, valueFrom: { secretKeyRef: { name: k, key: v } } }
        ports: [ { name: http, containerPort: 8080 } ]
        readinessProbe: { httpGet: { path: /ready, port: http } }
        lifecycle: { preStop: { exec: { command: [ "sleep", "5" ] } } }
      - { name: sidecar, image: x }
)";

TEST(Manifest, SaysCommandPortsProbeAndGrace) {
  const auto api = read(kManifest);
  EXPECT_THAT(api.command, ElementsAre("/app/api", "--listen", ":8080"));
  EXPECT_EQ(api.environment.at("MODE"), "fast");
  EXPECT_EQ(api.probed, 8080);
  EXPECT_EQ(api.probe, "/ready");
  EXPECT_EQ(api.grace, 45s);
  EXPECT_EQ(api.notes.size(), 2U);
  expect_valid_scenario(api);
  EXPECT_THAT(problem(kManifest, "db"), HasSubstr("no container db: api, sidecar"));
  EXPECT_THAT(problem("kind: ConfigMap"), HasSubstr("no object in it has containers"));
}

TEST(Unit, SaysCommandSignalAndTimeOut) {
  const auto unit = read(
      "[Unit]\nDescription=x\nExecStart=/not/this\n[Service]\n# a comment\nType=notify\n"
      "ExecStart=-/usr/bin/server --name \"a b\" \\\n  --port 80\nEnvironment=\"A=b c\" D=e\n"
      "KillSignal = SIGQUIT\nTimeoutStopSec=1min 30s\nUser=www\n[Install]\nExecStart=/nor/this\n");
  EXPECT_THAT(unit.command, ElementsAre("/usr/bin/server", "--name", "a b", "--port", "80"));
  EXPECT_EQ(unit.environment.at("A"), "b c");
  EXPECT_EQ(unit.signal, "SIGQUIT");
  EXPECT_EQ(unit.grace, 90s);
  EXPECT_TRUE(unit.notifies);
  EXPECT_EQ(unit.notes.size(), 1U);
  const auto found = discovery_of(unit, "/srv");
  EXPECT_THAT(target_text(found, {}), HasSubstr("ready = { notify = true"));
  expect_valid_scenario(unit);
  EXPECT_THAT(problem("[Service]\nType=simple\n"), HasSubstr("no ExecStart="));
}

TEST(Deployments, OfAnotherKindAreErrors) {
  EXPECT_THAT(problem(""), HasSubstr("none of these"));
  EXPECT_THAT(problem("a: [1"), HasSubstr("no YAML"));
  EXPECT_THAT(problem("- 1\n- 2"), HasSubstr("none of these"));
  EXPECT_THAT(problem("services: 3"), HasSubstr("none of these"));
  EXPECT_THAT(problem("kind: Pod\nspec: { containers: [ 3 ] }"), HasSubstr("no object"));
}

}  // namespace
}  // namespace lastcall

#include "reference_server/configuration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "reference_server/nearest_name.hpp"

namespace reference_server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ConfigurationTest : public testing::Test {
 protected:
  // The file's name in problems is FILE.
  ReadConfiguration read(const std::string& toml,
                         std::map<std::string, std::string> environment = {},
                         std::map<std::string, std::string> flags = {}) {
    std::ofstream(path_) << toml;
    auto result = read_configuration({path_, std::move(environment), std::move(flags)});
    for (auto& problem : result.problems) {
      if (const auto at = problem.place.find(path_); at != std::string::npos) {
        problem.place.replace(at, path_.size(), "FILE");
      }
    }
    return result;
  }
  static std::vector<std::string> texts(const ReadConfiguration& read) {
    std::vector<std::string> all;
    for (const auto& problem : read.problems) all.push_back(problem.text());
    return all;
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::string path_ =
      testing::TempDir() + "configuration_test_" + std::to_string(::getpid()) + ".toml";
};

TEST_F(ConfigurationTest, WithoutSourcesEverythingIsTheDefault) {
  const auto result = read_configuration({});
  EXPECT_THAT(texts(result), IsEmpty());
  EXPECT_EQ(result.configuration.port, 8080);
  EXPECT_EQ(result.configuration.timeout_secs, 60);
  EXPECT_FALSE(result.configuration.tls());
}

TEST_F(ConfigurationTest, EveryTableIsRead) {
  const auto result = read(R"(
[server]
port = 1234
[log]
level = "debug"
async = false
[event_channels]
capacity = 7
[shutdown]
timeout_secs = 20
[shutdown.watchdog]
enabled = false
[checkpoint]
interval_ms = 50
)");
  EXPECT_THAT(texts(result), IsEmpty());
  const auto& c = result.configuration;
  EXPECT_EQ(c.port, 1234);
  EXPECT_EQ(c.log_level, "debug");
  EXPECT_FALSE(c.log_async);
  EXPECT_EQ(c.capacity, 7);
  EXPECT_EQ(c.timeout_secs, 20);
  EXPECT_FALSE(c.watchdog_enabled);
  EXPECT_EQ(c.checkpoint_interval, std::chrono::milliseconds(50));
}

TEST_F(ConfigurationTest, TheShownSettingsAreTheDefaults) {
  const auto result = read(settings_text());
  EXPECT_THAT(texts(result), IsEmpty());
  EXPECT_THAT(changes(Configuration(), result.configuration).live, IsEmpty());
  EXPECT_THAT(changes(Configuration(), result.configuration).at_restart, IsEmpty());
}

TEST_F(ConfigurationTest, UnknownNamesAreRefusedWithTheirLineAndTheNearestName) {
  const auto result =
      read("[server]\nprot = 1\n[shutdwon]\ntimeout_secs = 1\n[log]\nasnyc = true\n");
  EXPECT_THAT(texts(result), testing::UnorderedElementsAre(
                                 "FILE:2:1: unknown key 'prot'; did you mean 'port'? in [server]",
                                 "FILE:3:2: unknown table 'shutdwon'; did you mean 'shutdown'?",
                                 "FILE:6:1: unknown key 'asnyc'; did you mean 'async'? in [log]"));
}

TEST_F(ConfigurationTest, AllProblemsOfAllSourcesAreSaidAtOnce) {
  const auto result =
      read("[server]\nport = 70000\n[log]\nlevel = \"debugg\"\nasync = 1\n",
           {{"APP_SHUTDOWN_TIMEOUT_SECS", "soon"}, {"TLS_MODE", "off"}}, {{"tls.port", "x"}});
  EXPECT_EQ(texts(result).size(), 6U);
  EXPECT_THAT(texts(result), testing::Contains(HasSubstr("FILE:2:8: 'server.port' is 70000")));
  EXPECT_THAT(texts(result), testing::Contains(HasSubstr("did you mean 'debug'?")));
  EXPECT_THAT(texts(result), testing::Contains(HasSubstr("'log.async' is no number")));
  EXPECT_THAT(texts(result), testing::Contains("APP_SHUTDOWN_TIMEOUT_SECS: 'soon' is no number"));
  EXPECT_THAT(texts(result), testing::Contains(HasSubstr("TLS_MODE: 'off'")));
}

TEST_F(ConfigurationTest, ASyntaxErrorHasItsPlace) {
  EXPECT_THAT(texts(read("[server]\nport = \n")), ElementsAre(HasSubstr("FILE:2:")));
}

TEST_F(ConfigurationTest, TheEnvironmentGoesBeforeTheFileAndFlagsBeforeBoth) {
  const std::string file = "[shutdown]\ntimeout_secs = 10\n[server]\nport = 1\n";
  const auto result = read(file,
                           {{"APP_SHUTDOWN_TIMEOUT_SECS", "20"},
                            {"APP_SERVER_PORT", "2"},
                            {"APP_SHUTDOWN_WATCHDOG_ENABLED", "false"}},
                           {{"server.port", "3"}});
  EXPECT_THAT(texts(result), IsEmpty());
  EXPECT_EQ(result.configuration.timeout_secs, 20);
  EXPECT_EQ(result.configuration.port, 3);
  EXPECT_FALSE(result.configuration.watchdog_enabled);
}

TEST_F(ConfigurationTest, AnUnknownVariableIsRefusedWithTheNearestName) {
  EXPECT_THAT(texts(read("", {{"APP_SHUTDOWN_TIMEOUT_SEC", "1"}})),
              ElementsAre(HasSubstr("did you mean 'APP_SHUTDOWN_TIMEOUT_SECS'?")));
}

TEST_F(ConfigurationTest, TlsModeTurnsTlsOff) {
  const std::map<std::string, std::string> flags{{"tls.certificate", path_}, {"tls.key", path_}};
  EXPECT_TRUE(read("", {}, flags).configuration.tls());
  const auto off = read("", {{"TLS_MODE", "disabled"}}, flags);
  EXPECT_THAT(texts(off), IsEmpty());
  EXPECT_FALSE(off.configuration.tls());
  EXPECT_THAT(texts(read("", {{"TLS_MODE", "enabled"}})), ElementsAre(HasSubstr("needs")));
}

TEST_F(ConfigurationTest, LimitsThatCannotBeKeptAreRefused) {
  EXPECT_EQ(texts(read("[shutdown]\ntimeout_secs = 5\ndrain_ms = 6000\n")).size(), 1U);
  EXPECT_EQ(texts(read("[shutdown]\ntimeout_secs = 5\nlame_duck_ms = 50000\n")).size(), 1U);
  EXPECT_THAT(texts(read("[shutdown]\nprepare_ms = 100\nlame_duck_ms = 200\n")),
              ElementsAre(HasSubstr("does not fit")));
}

TEST_F(ConfigurationTest, ACertificateNeedsItsKey) {
  EXPECT_THAT(texts(read("", {}, {{"tls.certificate", path_}})),
              ElementsAre(HasSubstr("go together")));
}

TEST_F(ConfigurationTest, ChangesTellWhatNeedsARestart) {
  const auto from = read("").configuration;
  const auto to = read("[log]\nlevel = \"error\"\nasync = false\n[server]\nmax_connections = 5\n");
  const auto found = changes(from, to.configuration);
  EXPECT_THAT(found.live, testing::UnorderedElementsAre("log.level", "server.max_connections"));
  EXPECT_THAT(found.at_restart, ElementsAre("log.async"));

  Configuration running = from;
  take_over_live(running, to.configuration);
  EXPECT_EQ(running.log_level, "error");
  EXPECT_EQ(running.max_connections, 5);
  EXPECT_TRUE(running.log_async);
}

TEST(NearestName, IsOneOfFewChanges) {
  const std::vector<std::string> names{"port", "address", "state"};
  EXPECT_EQ(nearest_name("prot", names), "port");
  EXPECT_EQ(nearest_name("adress", names), "address");
  EXPECT_EQ(nearest_name("zebra", names), "");
  EXPECT_EQ(nearest_name(std::string(10'000, 'x'), names), "");
}

}  // namespace
}  // namespace reference_server

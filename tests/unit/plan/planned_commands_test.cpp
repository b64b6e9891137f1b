// Nothing that a plan has executed is left out.
#include "plan/planned_commands.hpp"

#include <gmock/gmock.h>

#include <set>

#include "scenario/keys.hpp"

namespace lastcall {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr std::string_view kWithCommands = R"(about = "why"
[target]
command = ["server", "{port}"]
user = "nobody"
environment = { LD_PRELOAD = "{dir}/x.so" }
ready = { notify = true }
[target.recovery]
command = ["server", "--again"]
ask = { command = ["ask", "{id}"] }
[[sidecars]]
name = "db"
command = ["database"]
ready = { notify = true }
[[clients]]
url = "http://127.0.0.1:{port}/"
[properties]
checkpoint-intact = { files = ["x"], command = ["inspect", "{file}"] }
[properties.custom.mine]
command = ["judge"]
)";

Plan drawn(std::string_view scenario) {
  const auto parsed = parse_scenario(scenario, "s.toml");
  return draw_plan("s.toml", scenario, std::get<Scenario>(parsed), 1);
}

// The tables that have a key `command`.
void collect(const Table& table, std::set<std::string_view>& found) {
  for (const auto& key : table.keys) {
    if (key.name == "command") found.insert(table.where);
    if (key.table != nullptr) collect(*key.table, found);
  }
}

TEST(PlannedCommands, AreThoseOfEveryTableThatHasOne) {
  std::set<std::string_view> tables;
  collect(scenario_table(), tables);
  EXPECT_THAT(tables, UnorderedElementsAre("[target]", "[target.recovery]", "[target.recovery.ask]",
                                           "[[sidecars]]", "[properties.checkpoint-intact]",
                                           "[properties.custom]"));
  std::vector<std::pair<std::string, std::string>> commands;
  for (const auto& command : planned_commands(drawn(kWithCommands)))
    commands.emplace_back(command.what, command.words.front() + " " + command.words.back());
  EXPECT_THAT(commands, ElementsAre(Pair("target", "server {port}"),
                                    Pair("restarted target", "server --again"),
                                    Pair("question after the restart", "ask {id}"),
                                    Pair("sidecar db", "database database"),
                                    Pair("check of a checkpoint", "inspect {file}"),
                                    Pair("checker mine", "judge judge")));
}

TEST(PlannedCommands, SayWhoRunsThemAndWithWhichEnvironment) {
  const auto commands = planned_commands(drawn(kWithCommands));
  for (const auto& command : {commands[0], commands[1]}) {
    EXPECT_EQ(command.user, "nobody");
    EXPECT_THAT(command.environment, ElementsAre(Pair("LD_PRELOAD", "{dir}/x.so")));
  }
  EXPECT_EQ(commands[3].user, "");
}

}  // namespace
}  // namespace lastcall

// Scenarios that are put together: bases, settings, the environment, a matrix.
#include "scenario/layers.hpp"

#include <gmock/gmock.h>

#include <map>

#include "scenario/toml_writer.hpp"

namespace lastcall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kPlain = R"(about = "why"
[target]
command = ["server", "--port", "{port}"]
ready = { port = "{port}" }
stop = { deadline = "3s" }
[[clients]]
name = "orders"
url = "http://127.0.0.1:{port}/"
)";

std::optional<std::string> variable(const std::string& name) {
  static const std::map<std::string, std::string> all{{"BUILD", "/builds/7"}, {"EMPTY", ""}};
  const auto found = all.find(name);
  return found == all.end() ? std::nullopt : std::optional(found->second);
}

std::vector<Variant> variants(const Layers& layers) {
  auto parsed = parse_layers(layers);
  if (const auto* errors = std::get_if<1>(&parsed)) {
    for (const auto& error : *errors) ADD_FAILURE() << error.text();
    return {{}};
  }
  return std::get<0>(std::move(parsed));
}

Variant one(const std::string& text, std::vector<std::string> settings = {}) {
  return variants({{{"s.toml", text}}, std::move(settings), variable}).front();
}

std::vector<std::string> layer_errors(const Layers& layers) {
  auto parsed = parse_layers(layers);
  std::vector<std::string> lines;
  if (const auto* found = std::get_if<1>(&parsed)) {
    for (const auto& error : *found) lines.push_back(error.text());
  }
  return lines;
}

std::vector<std::string> errors(const std::string& text, std::vector<std::string> settings = {}) {
  return layer_errors({{{"s.toml", text}}, std::move(settings), variable});
}

TEST(Layers, OfAPlainFileAreTheFile) {
  const auto variant = one(kPlain);
  EXPECT_EQ(variant.text, kPlain);
  EXPECT_EQ(variant.name, "");
  EXPECT_EQ(variant.seed_key, scenario_seed_key(kPlain));
  EXPECT_THAT(variant.scenario.target.command, ElementsAre("server", "--port", "{port}"));
}

TEST(Layers, ABaseSaysWhatTheFileDoesNot) {
  const std::string own =
      "extends = \"../base.toml\"\nabout = \"mine\"\n[target]\nstop.deadline = "
      "\"9s\"\n[budget]\ntrials = 3\n";
  EXPECT_EQ(extended_by(own), "../base.toml");
  const auto variant = variants({{{"s.toml", own}, {"../base.toml", kPlain}}}).front();
  EXPECT_EQ(variant.scenario.about, "mine");
  EXPECT_EQ(variant.scenario.target.stop.deadline, std::chrono::seconds(9));
  EXPECT_EQ(variant.scenario.target.command.front(), "server");
  EXPECT_EQ(variant.scenario.clients.front().name, "orders");
  EXPECT_EQ(variant.scenario.budget.trials, 3U);
}

TEST(Layers, AListOfTheFileTakesThePlaceOfTheBases) {
  const std::string own =
      "extends = \"base.toml\"\n[[clients]]\nname = \"chat\"\nurl = \"ws://127.0.0.1:{port}/\"\n";
  const auto variant = variants({{{"s.toml", own}, {"base.toml", kPlain}}}).front();
  ASSERT_EQ(variant.scenario.clients.size(), 1U);
  EXPECT_EQ(variant.scenario.clients.front().name, "chat");
}

TEST(Layers, ABaseOfABaseCountsLast) {
  const auto variant = variants({{{"s.toml", "extends = \"b\"\nabout = \"1\"\n"},
                                  {"b", "extends = \"c\"\nabout = \"2\"\nbudget.trials = 2\n"},
                                  {"c", kPlain + "[budget]\ntrials = 9\nload = \"1s\"\n"}}})
                           .front();
  EXPECT_EQ(variant.scenario.about, "1");
  EXPECT_EQ(variant.scenario.budget.trials, 2U);
  EXPECT_EQ(variant.scenario.budget.load, std::chrono::seconds(1));
}

TEST(Layers, HereInABaseMeansItsOwnFolder) {
  const std::string base =
      "about = \"b\"\n[target]\ncommand = [\"{here}/server\", \"{here}\"]\nready.notify = true\n";
  const auto variant =
      variants({{{"s.toml", "extends = \"../b.toml\"\n"}, {"../b.toml", base, ".."}}}).front();
  EXPECT_THAT(variant.scenario.target.command, ElementsAre("{here}/../server", "{here}/.."));
}

TEST(Layers, AnErrorNamesTheFileOfItsLayer) {
  EXPECT_THAT(layer_errors({{{"s.toml", "extends = \"b.toml\"\nabout = 1\n"},
                             {"b.toml", kPlain + "[budget]\ntrials = 0\n"}}}),
              ElementsAre("s.toml:2:9: expected a string, found an integer",
                          "b.toml:10:10: must be from 1 to 1000000, found 0"));
  EXPECT_THAT(layer_errors({{{"s.toml", "extends = \"b.toml\"\n"}, {"b.toml", "about = = 1\n"}}}),
              ElementsAre(HasSubstr("b.toml:1:9: ")));
}

TEST(Layers, ASettingCountsMoreThanAnyFile) {
  const auto variant = one(
      kPlain, {"target.stop.deadline=9s", "budget.trials=7", "clients.orders.count=5",
               "clients.0.pace=1ms", "target.command=[\"other\"]", "target.environment.A=b c=d"});
  EXPECT_EQ(variant.scenario.target.stop.deadline, std::chrono::seconds(9));
  EXPECT_EQ(variant.scenario.budget.trials, 7U);
  EXPECT_EQ(variant.scenario.clients.front().count, 5U);
  EXPECT_EQ(variant.scenario.clients.front().pace.low, std::chrono::milliseconds(1));
  EXPECT_THAT(variant.scenario.target.command, ElementsAre("other"));
  EXPECT_EQ(variant.scenario.target.environment.at("A"), "b c=d");
}

TEST(Layers, AWrongSettingIsNamed) {
  EXPECT_THAT(errors(kPlain, {"target.stop.dedline=5s"}),
              ElementsAre(HasSubstr("--set target.stop.dedline=5s: unknown key 'dedline' in "
                                    "[target.stop]; did you mean 'deadline'?")));
  EXPECT_THAT(errors(kPlain, {"budget.trials=many"}),
              ElementsAre("--set budget.trials=many: expected an integer, found a string"));
  EXPECT_THAT(errors(kPlain, {"budget"}),
              ElementsAre("--set budget: expected KEY=VALUE, such as target.stop.deadline=5s"));
  EXPECT_THAT(errors(kPlain, {"clients.chat.count=5"}),
              ElementsAre("--set clients.chat.count=5: the list has 1 items, and none is named "
                          "'chat'; count from 0"));
  EXPECT_THAT(errors(kPlain, {"about.more=5"}),
              ElementsAre("--set about.more=5: there is nothing below 'about'"));
  EXPECT_THAT(errors(kPlain, {"a..b=5"}), ElementsAre("--set a..b=5: a part of the key is empty"));
}

TEST(Layers, AVariableOfTheEnvironmentIsFilledInWhereverItStands) {
  const auto text =
      "about = \"why\"\n[target]\ncommand = [\"{env.BUILD}/server\", \"{env.EMPTY}\"]\n"
      "ready.notify = true\nenvironment = { A = \"x{env.BUILD}{env.BUILD}\" }\n"
      "[target.files]\nCaddyfile = \"{env.HOME}\"\n";
  const auto variant = one(text);
  EXPECT_THAT(variant.scenario.target.command, ElementsAre("/builds/7/server", ""));
  EXPECT_EQ(variant.scenario.target.environment.at("A"), "x/builds/7/builds/7");
  EXPECT_EQ(variant.scenario.target.files.front().content, "{env.HOME}");
  EXPECT_EQ(variant.seed_key, scenario_seed_key(text));  // nobody's machine decides what is drawn
}

TEST(Layers, AVariableThatIsNotSetIsAnErrorWithItsPlace) {
  EXPECT_THAT(errors("about = \"{env.NOWHERE}\"\n"),
              ElementsAre("s.toml:1:9: the environment has no variable NOWHERE: export it, or set "
                          "the key with --set"));
}

TEST(Layers, AMatrixIsAScenarioForEachCombination) {
  const std::string text =
      "about = \"why\"\n[[vary]]\nname = \"build\"\nvalues = [\"good\", \"bad\"]\n"
      "[[vary]]\nname = \"mode\"\nvalues = [\"1\", \"2\"]\n[target]\n"
      "command = [\"{here}/{vary.build}/server\", \"{vary.mode}\", "
      "\"{vary.drawn}\"]\nready.notify = true\n"
      "[[target.vary]]\nname = \"drawn\"\nvalues = [\"x\", \"y\"]\n";
  const auto all = variants({{{"s.toml", text}}});
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0].name, "build=good, mode=1");
  EXPECT_EQ(all[3].name, "build=bad, mode=2");
  EXPECT_THAT(all[2].scenario.target.command,
              ElementsAre("{here}/bad/server", "1", "{vary.drawn}"));
  EXPECT_EQ(all[0].seed_key, all[3].seed_key);
  EXPECT_NE(all[0].text, all[3].text);
  EXPECT_EQ(variants({{{"s.toml", text}}, {"vary.build.values=[\"bad\"]"}}).size(), 2U);
}

TEST(Layers, AWrongMatrixIsAnErrorWithItsPlace) {
  const auto with = [](const std::string& more) { return errors("about = \"why\"\n" + more); };
  EXPECT_THAT(with("[[vary]]\nname = \"A\"\nvalues = [\"x\"]\n"),
              ElementsAre(HasSubstr("s.toml:3:8: expected a lower-case word")));
  EXPECT_THAT(with("[[vary]]\nname = \"a\"\nvalues = []\n"),
              ElementsAre("s.toml:4:10: the array must not be empty"));
  EXPECT_THAT(with("[[vary]]\nvalues = [\"x\"]\n"),
              ElementsAre("s.toml:2:1: missing key 'name' in [[vary]]"));
  EXPECT_THAT(with("vary = 7\n"),
              ElementsAre(HasSubstr("s.toml:2:8: expected an array of tables")));
  std::string many;
  for (const auto* name : {"a", "b", "c"}) {
    many += "[[vary]]\nname = \"" + std::string(name) +
            "\"\nvalues = [\"1\", \"2\", \"3\", \"4\", \"5\"]\n";
  }
  EXPECT_THAT(with(many), ElementsAre("s.toml:2:3: more than 100 combinations"));
}

TEST(Layers, OneErrorOfAllVariantsIsSaidOnce) {
  EXPECT_THAT(
      errors(kPlain + "[budget]\ntrials = 0\n[[vary]]\nname = \"a\"\nvalues = [\"1\", \"2\"]\n"),
      ElementsAre("s.toml:10:10: must be from 1 to 1000000, found 0"));
}

TEST(Layers, ThatWereNotReadAsOneAreRefused) {
  const auto parsed = parse_scenario("extends = \"x\"\n" + kPlain, "s.toml");
  const auto& found = std::get<1>(parsed);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().text(),
            "s.toml:1:1: 'extends' goes into a file that lastcall reads itself");
}

TEST(Layers, AreWrittenAsTomlThatSaysTheSame) {
  const std::string text = R"(text = "quotes \" \\ and \u0001, \t"
"a key" = [1, "two", true, { x = 1, "y z" = [] }]
[target]
command = ["x"]
[target.files]
"a/b.conf" = """
lines "quoted"
\\ and """
empty = ""
newline = "\n\n"
[[clients]]
mix = { steady = 1 }
[[clients]]
url = "x"
[[clients.opening]]
send = "\r\n"
)";
  Errors errors("");
  const auto once = to_toml(read_toml(text, errors));
  ASSERT_TRUE(errors.empty());
  EXPECT_EQ(scenario_seed_key(once), scenario_seed_key(text)) << once;
}

}  // namespace
}  // namespace lastcall

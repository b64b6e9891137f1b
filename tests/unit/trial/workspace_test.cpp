#include "trial/workspace.hpp"

#include <gmock/gmock.h>

#include <cerrno>
#include <filesystem>

#include "base/file.hpp"
#include "unit/few_descriptors.hpp"
#include "unit/trial/trial_fixture.hpp"

namespace lastcall {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Places : public testing::TrialFixture {
 protected:
  Places() {
    plan_.scenario_file = "/scenarios/one.toml";
    plan_.scenario_text = "{port} {port.tls} {port.tls} {dir}";
    plan_.seed = 7;
    plan_.varied = {{"mode", "fast"}};
    plan_.scenario.target.files = {{"etc/server.conf", "listen {port}"}, {"server.pid", "0"}};
  }
  void SetUp() override {
    ASSERT_TRUE(workspace_.prepare());
    ASSERT_TRUE(workspace_.lay_out());
  }
  [[nodiscard]] std::string probed(const std::string& name, int error) const {
    return "port_probed " + (name.empty() ? "" : name + " ") +
           std::to_string(workspace_.ports().at(name)) + " " + std::to_string(error);
  }

  Workspace workspace_{order_, plan_};
};

TEST_F(Places, AreNamedByPlaceholders) {
  const auto& names = workspace_.placeholders();
  EXPECT_EQ(names.at("dir"), folder_ / "target");
  EXPECT_EQ(names.at("here"), "/scenarios");
  EXPECT_EQ(names.at("seed"), "7");
  EXPECT_EQ(names.at("vary.mode"), "fast");
  EXPECT_EQ(names.at("port"), std::to_string(workspace_.ports().at("")));
  EXPECT_EQ(names.at("port.tls"), std::to_string(workspace_.ports().at("tls")));
  EXPECT_EQ(workspace_.ports().size(), 2U);
}

TEST_F(Places, HoldTheFilesOfTheScenario) {
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "target/tmp"));
  const auto content = read_file(folder_ / "target/etc/server.conf");
  ASSERT_TRUE(content);
  EXPECT_EQ(*content, "listen " + workspace_.placeholders().at("port"));
}

TEST_F(Places, ThatAreLeftSayWhatTheTargetDidNotRelease) {
  const auto listener = listen(workspace_.ports().at("tls"));
  folder_.write("target/other.pid");
  EXPECT_TRUE(workspace_.record_left(events_));
  // tmp, etc, its file and two pid files were looked at; what was laid out is nobody's leftover.
  EXPECT_THAT(recorded(), ElementsAre(probed("", 0), probed("tls", EADDRINUSE),
                                      "file_left other.pid pid file", "files_searched 5"));
}

TEST_F(Places, ThatAreLeftCannotBeLookedAtWithoutDescriptors) {
  const testing::FewDescriptors none(0);
  const auto looked = workspace_.record_left(events_);
  ASSERT_FALSE(looked);
  EXPECT_EQ(looked.error().error_number, EMFILE);
  EXPECT_THAT(recorded(), Each(Not(HasSubstr("port_probed"))));
}

TEST_F(Places, OfSidecarsAreNotTheTargetsToRelease) {
  const auto sidecar = listen(workspace_.ports().at("tls"));
  workspace_.leave_bound_ports_to_sidecars();
  EXPECT_TRUE(workspace_.record_left(events_));
  EXPECT_EQ(recorded().front(), probed("", 0));
  EXPECT_EQ(recorded().size(), 2U) << "no other port, and no file";
  EXPECT_THAT(workspace_.ports_of_target(), ElementsAre(workspace_.ports().at("")));
}

TEST_F(Places, OfAFixedPortAreLookedAtToo) {
  const auto port = PortLease::acquire()->port();
  plan_.scenario_text.clear();
  plan_.scenario.target.ready.ports = {std::to_string(port)};
  Workspace workspace(order_, plan_);
  ASSERT_TRUE(workspace.prepare());
  const auto listener = listen(port);
  EXPECT_TRUE(workspace.record_left(events_));
  const auto number = std::to_string(port);
  EXPECT_THAT(recorded(),
              Contains("port_probed " + number + " " + number + " " + std::to_string(EADDRINUSE)));
  Workspace second(order_, plan_);
  const auto prepared = second.prepare();
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().error_number, EADDRINUSE);
}

}  // namespace
}  // namespace lastcall

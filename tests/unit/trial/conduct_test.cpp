#include "trial/conduct.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>

#include "unit/few_descriptors.hpp"
#include "unit/trial/trial_fixture.hpp"

namespace lastcall {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A trial without clients whose target is no program.
class Conducted : public testing::TrialFixture {
 protected:
  Conducted() {
    plan_.scenario_file = "/scenarios/one.toml";
    plan_.traced = false;
    plan_.scenario.target.command = {folder_ / "none"};
    plan_.scenario.target.files = {{"server.conf", ""}};
    plan_.faults = {{PhaseMoment{Phase::start}, SendSignals{{{SIGTERM, Nanoseconds(0)}}}}};
  }
  std::string conduct(std::optional<int> free_descriptors = std::nullopt) {
    int lifeline[2];
    EXPECT_EQ(::pipe2(lifeline, O_CLOEXEC), 0);
    const ScopedFd ours(lifeline[0]);
    const ScopedFd others(lifeline[1]);
    Workspace workspace(order_, plan_);
    Conduct conduct({order_, plan_, workspace, ours.get(), nullptr},
                    *SegmentWriter::create(folder_ / "trial.seg"), *TriggerBoard::create(), {});
    std::optional<testing::FewDescriptors> few;
    if (free_descriptors) few.emplace(*free_descriptors);
    return conduct.run();
  }
};

TEST_F(Conducted, EndsAtOnceWithATargetThatCannotBeStarted) {
  EXPECT_EQ(conduct(), "");
  EXPECT_TRUE(std::filesystem::exists(folder_ / "target/server.conf"));
  EXPECT_THAT(testing::words_of(folder_ / "trial.seg"),
              ElementsAre("phase_began start",
                          StartsWith("target_not_started cannot execute " + folder_ / "none")))
      << "no other phase, and nothing about its fault";
}

TEST_F(Conducted, IsBrokenIfThisMachineHasNoDescriptorsForTheTarget) {
  // One is for the notification socket; the pipes of the target need four.
  EXPECT_THAT(conduct(2), AllOf(HasSubstr("cannot create a pipe: Too many open files"),
                                HasSubstr("ulimit -n")));
}

TEST_F(Conducted, SaysWhatTheEnvironmentLacks) {
  folder_.write("target", "a file where the folder is to be");
  EXPECT_THAT(conduct(), HasSubstr(folder_ / "target"));
}

}  // namespace
}  // namespace lastcall

// A plan is this user's own where lastcall wrote it, and nowhere else.
#include "campaign/origin.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Origin : public ::testing::Test {
 protected:
  Origin() {
    keep_keys_in("state");
    plan_.scenario_file = "s.toml";
    plan_.scenario_text = "about = 'why'";
  }
  ~Origin() override { ::unsetenv("XDG_STATE_HOME"); }
  void SetUp() override {
    fs::create_directories(trial_);
    const auto written = write_origin(trial_, plan_);
    ASSERT_TRUE(written.has_value()) << written.error().message();
  }
  void keep_keys_in(const std::string& name) const {
    ::setenv("XDG_STATE_HOME", (folder_ / name).c_str(), 1);
  }

  testing::ScratchFolder folder_;
  const std::string trial_ = folder_ / "results/trials/one";
  const std::string key_ = folder_ / "state/lastcall/key";
  Plan plan_;
};

constexpr const char* kElsewhere = "it came from elsewhere";

TEST_F(Origin, KnowsThePlanThatWasWrittenThere) {
  EXPECT_EQ(foreign_because(trial_, plan_), "");
  fs::create_directory_symlink(trial_, folder_ / "link");
  EXPECT_EQ(foreign_because(folder_ / "link", plan_), "");
}

TEST_F(Origin, LetsFaultsAndClientsBeEdited) {
  plan_.faults.push_back({.when = PhaseMoment{}, .act = SendSignals{}});
  plan_.seed = 8;
  EXPECT_EQ(foreign_because(trial_, plan_), "");
}

TEST_F(Origin, DoesNotKnowAnotherScenario) {
  auto other = plan_;
  other.scenario_text += " ";
  EXPECT_THAT(foreign_because(trial_, other), StartsWith(kElsewhere));
  other = plan_;
  other.scenario_file = "t.toml";
  EXPECT_THAT(foreign_because(trial_, other), StartsWith(kElsewhere));
}

TEST_F(Origin, DoesNotKnowWhatWasCopiedOrUnpacked) {
  fs::copy(folder_ / "results", folder_ / "unpacked", fs::copy_options::recursive);
  EXPECT_THAT(foreign_because(folder_ / "unpacked/trials/one", plan_), StartsWith(kElsewhere));
  EXPECT_THAT(foreign_because(folder_ / "results", plan_),
              StartsWith("lastcall did not write it there"));
}

TEST_F(Origin, DoesNotKnowWhatAnotherKeyMade) {
  keep_keys_in("other");
  EXPECT_THAT(foreign_because(trial_, plan_), StartsWith(kElsewhere));
}

TEST_F(Origin, HasAKeyThatOnlyItsUserCanRead) {
  struct stat status {};
  ASSERT_EQ(::stat(key_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  EXPECT_EQ(status.st_size, 32);
  ASSERT_EQ(::chmod(key_.c_str(), 0644), 0);
  EXPECT_THAT(foreign_because(trial_, plan_), HasSubstr("it is not this user's alone"));
}

TEST_F(Origin, TakesNoKeyThatWasCutOff) {
  fs::resize_file(key_, 5);
  EXPECT_THAT(foreign_because(trial_, plan_), HasSubstr("it has not the size of a key"));
}

TEST_F(Origin, WaitsForNobody) {
  fs::remove(trial_ + "/origin");
  ASSERT_EQ(::mkfifo((trial_ + "/origin").c_str(), 0600), 0);
  EXPECT_THAT(foreign_because(trial_, plan_), HasSubstr("it is no regular file"));
}

TEST_F(Origin, SaysWhatIsWrongWhereNoKeyCanBeKept) {
  folder_.write("file");
  keep_keys_in("file");
  EXPECT_THAT(write_origin(trial_, plan_).error().message(), HasSubstr("Not a directory"));
}

}  // namespace
}  // namespace lastcall

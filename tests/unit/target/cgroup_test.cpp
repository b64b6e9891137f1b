#include "target/cgroup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <map>
#include <set>

namespace lastcall {
namespace {

using ::testing::HasSubstr;

// A machine of which only the texts are there.
class TextFiles : public CgroupFiles {
 public:
  std::string mounts;
  std::string groups;
  std::set<std::string> folders;
  std::map<std::string, std::string> controls;
  [[nodiscard]] std::string mountinfo() const override { return mounts; }
  [[nodiscard]] std::string own_groups() const override { return groups; }
  [[nodiscard]] bool is_folder(const std::string& path) const override {
    return folders.contains(path);
  }
  [[nodiscard]] std::string subtree_control(const std::string& folder) const override {
    const auto found = controls.find(folder);
    return found == controls.end() ? "" : found->second;
  }
};

constexpr auto kVersion1 =
    "30 25 0:27 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "33 25 0:30 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n";
constexpr auto kVersion2 = "29 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n";

std::string place(Controller controller, const TextFiles& files) {
  const auto found = find_cgroup_place(controller, files);
  if (!found) return found.error().message();
  return found->folder + (found->unified ? " (2)" : " (1)");
}

TEST(CgroupPlace, OfVersion1IsItsOwnGroup) {
  TextFiles files;
  files.mounts = kVersion1;
  files.groups = "4:memory:/user/a\n1:cpu,cpuacct:/\n";
  files.folders = {"/sys/fs/cgroup/memory/user/a"};
  EXPECT_EQ(place(Controller::memory, files), "/sys/fs/cgroup/memory/user/a (1)");
  EXPECT_EQ(place(Controller::cpu, files), "/sys/fs/cgroup/cpu (1)");
}
TEST(CgroupPlace, OfAContainerIsBelowItsMount) {
  TextFiles files;
  files.mounts = "33 25 0:30 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
  files.groups = "4:memory:/docker/x/inner\n";
  files.folders = {"/sys/fs/cgroup/memory/inner"};
  EXPECT_EQ(place(Controller::memory, files), "/sys/fs/cgroup/memory/inner (1)");
  files.folders.clear();
  EXPECT_EQ(place(Controller::memory, files), "/sys/fs/cgroup/memory (1)");
}
TEST(CgroupPlace, OfVersion2IsTheNearestGroupThatHandsTheControllerOn) {
  TextFiles files;
  files.mounts = kVersion2;
  files.groups = "0::/user.slice/session\n";
  files.folders = {"/sys/fs/cgroup/user.slice/session"};
  files.controls = {{"/sys/fs/cgroup", "cpu memory pids\n"},
                    {"/sys/fs/cgroup/user.slice", "memory pids\n"}};
  EXPECT_EQ(place(Controller::memory, files), "/sys/fs/cgroup/user.slice (2)");
  EXPECT_EQ(place(Controller::cpu, files), "/sys/fs/cgroup (2)");
}
TEST(CgroupPlace, PrefersTheHierarchyThatHasTheController) {
  TextFiles files;
  files.mounts = std::string(kVersion2) + kVersion1;
  files.groups = "0::/\n4:memory:/\n";
  EXPECT_EQ(place(Controller::memory, files), "/sys/fs/cgroup/memory (1)");
}
TEST(CgroupPlace, IsMissingWhereNoHierarchyHasTheController) {
  TextFiles files;
  EXPECT_THAT(place(Controller::memory, files), HasSubstr("has the memory controller"));
  files.mounts = kVersion2;
  files.groups = "0::/\n";
  EXPECT_THAT(place(Controller::cpu, files), HasSubstr("has the cpu controller"));
}

TEST(Cgroup, IsThereUntilItGoes) {
  const auto where = find_cgroup_place(Controller::memory);
  if (!where) GTEST_SKIP() << where.error().message();
  const auto folder = where->folder + "/lastcall-" + std::to_string(::getpid());
  {
    const auto group = Cgroup::create(Controller::memory);
    if (!group) GTEST_SKIP() << group.error().message();
    EXPECT_TRUE(std::filesystem::exists(folder));
    EXPECT_EQ(group->limit_memory(64 << 20), 0);
    EXPECT_EQ(group->oom_kills(), 0U);
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
}
TEST(Cgroup, OfAProcessThatIsGoneIsRemovedAndOthersStay) {
  const auto where = find_cgroup_place(Controller::memory);
  if (!where) GTEST_SKIP() << where.error().message();
  const pid_t gone = ::fork();
  if (gone == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(gone, nullptr, 0), gone);
  const auto stale = where->folder + "/lastcall-" + std::to_string(gone);
  if (::mkdir(stale.c_str(), 0755) != 0) GTEST_SKIP() << "no cgroup can be made here";
  const auto own = Cgroup::create(Controller::memory);
  remove_stale_cgroups();
  EXPECT_FALSE(std::filesystem::exists(stale));
  EXPECT_TRUE(std::filesystem::exists(where->folder + "/lastcall-" + std::to_string(::getpid())));
}

}  // namespace
}  // namespace lastcall

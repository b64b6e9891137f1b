#include "base/remove_tree.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/file.hpp"
#include "base/mounts.hpp"
#include "base/scoped_fd.hpp"
#include "unit/few_descriptors.hpp"
#include "unit/private_mounts.hpp"
#include "unit/scratch_folder.hpp"
#include "unit/without_capability.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;
using testing::FewDescriptors;
using ::testing::HasSubstr;
using testing::PrivateMounts;
using testing::ScratchFolder;
using testing::WithoutCapability;

// 0 or errno.
int add_flags(const std::string& path, int more) {
  const ScopedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  int flags = 0;
  if (!file || ::ioctl(file.get(), FS_IOC_GETFLAGS, &flags) != 0) return errno;
  flags |= more;
  return ::ioctl(file.get(), FS_IOC_SETFLAGS, &flags) == 0 ? 0 : errno;
}

TEST(DeepFolders, AreRemovedWithFewDescriptors) {
  const ScratchFolder scratch;
  ASSERT_TRUE(fs::create_directory(scratch / "trial"));
  constexpr int kLevels = 2000;
  // Deeper than any path can say.
  ScopedFd at(::open((scratch / "trial").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int level = 0; level < kLevels; ++level) {
    ASSERT_EQ(::mkdirat(at.get(), "deep", 0700), 0);
    at = ScopedFd(::openat(at.get(), "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(at);
  }
  at.reset();
  const FewDescriptors few(2 * kDeepestFolder);  // each level of a walk takes one, and memory
  const auto removed = remove_tree(scratch / "trial");
  EXPECT_TRUE(removed.has_value()) << removed.error().message();
  EXPECT_FALSE(fs::exists(scratch / "trial"));
}

TEST(DeepFolders, AreNotLookedThroughForFlagsWhichIsSaid) {
  const ScratchFolder scratch;
  std::string path = "trial";
  for (int depth = 0; depth <= kDeepestFolder; ++depth) path += "/d";
  scratch.write(path + "/file");
  const auto made = make_removable(scratch / "trial");
  ASSERT_TRUE(made.has_error());
  EXPECT_THAT(made.error().message(), HasSubstr("it lies too deep"));
  EXPECT_TRUE(fs::exists(scratch / path + "/file"));
}

class ImmutableFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    scratch_.write("trial/log", "x");
    scratch_.write("trial/sealed/file", "y");
    if (const int error = add_flags(scratch_ / "trial/log", FS_APPEND_FL); error != 0)
      GTEST_SKIP() << "flags need root and a file system that has them: " << std::strerror(error);
    ASSERT_EQ(add_flags(scratch_ / "trial/sealed/file", FS_IMMUTABLE_FL), 0);
    ASSERT_EQ(add_flags(scratch_ / "trial/sealed", FS_IMMUTABLE_FL), 0);
    ASSERT_EQ(add_flags(trial_, FS_IMMUTABLE_FL), 0);
    std::error_code refused;
    ASSERT_FALSE(fs::remove(scratch_ / "trial/log", refused));
  }
  // Whatever a test has left.
  void TearDown() override { (void)remove_tree(trial_); }

  ScratchFolder scratch_;
  std::string trial_ = scratch_ / "trial";
};

TEST_F(ImmutableFiles, AreRemoved) {
  const auto removed = remove_tree(trial_);
  EXPECT_TRUE(removed.has_value()) << removed.error().message();
  EXPECT_FALSE(fs::exists(trial_));
}

TEST_F(ImmutableFiles, CanBeRemovedByAnybodyOnceTheyWereMadeRemovable) {
  const auto done = make_removable(trial_);
  EXPECT_TRUE(done.has_value()) << done.error().message();
  const auto content = read_file(scratch_ / "trial/sealed/file");
  ASSERT_TRUE(content.has_value());
  EXPECT_EQ(*content, "y") << "nothing is removed";
  std::error_code refused;
  EXPECT_EQ(fs::remove_all(trial_, refused), 4U) << refused.message();
}

TEST_F(ImmutableFiles, ThatCannotBeChangedAreSaid) {
  constexpr unsigned kLinuxImmutable = 9;  // CAP_LINUX_IMMUTABLE
  const WithoutCapability without(kLinuxImmutable);
  const auto made = make_removable(trial_);
  ASSERT_TRUE(made.has_error());
  EXPECT_EQ(made.error().message(), "cannot change the flags of " + trial_ +
                                        ": Operation not permitted (as root: chattr -i -a, and "
                                        "remove it)");
  const auto removed = remove_tree(trial_);
  ASSERT_TRUE(removed.has_error());
  EXPECT_THAT(removed.error().message(), HasSubstr("cannot remove " + trial_ + "/"));
  EXPECT_EQ(removed.error().error_number, EPERM);
}

TEST(RemoveTree, RemovesFoldersThatNobodyMayWriteTo) {
  const ScratchFolder scratch;
  scratch.write("trial/sealed/file");
  fs::permissions(scratch / "trial/sealed", fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_TRUE(remove_tree(scratch / "trial").has_value());
  EXPECT_FALSE(fs::exists(scratch / "trial"));
  EXPECT_TRUE(remove_tree(scratch / "trial").has_value()) << "it is not there";
}

TEST(RemoveTree, FollowsNoLink) {
  const ScratchFolder scratch;
  const ScratchFolder elsewhere;
  elsewhere.write("file");
  scratch.write("trial/a");
  fs::create_directory_symlink(elsewhere.path(), scratch / "trial/link");
  EXPECT_TRUE(remove_tree(scratch / "trial").has_value());
  EXPECT_TRUE(fs::exists(elsewhere / "file"));
}

class MountedFolders : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!mounts_.are_private()) GTEST_SKIP() << "mounts need root";
    elsewhere_.write("precious", "x");
    scratch_.write("trial/a file/x");
    scratch_.write("trial/b");
    ASSERT_TRUE(mounts_.bind(elsewhere_.path(), scratch_ / "trial/a file"));
    ASSERT_TRUE(fs::exists(scratch_ / "trial/a file/precious"));
  }
  void TearDown() override { (void)remove_tree(trial_); }

  PrivateMounts mounts_;
  ScratchFolder elsewhere_;
  ScratchFolder scratch_;
  std::string trial_ = scratch_ / "trial";
};

TEST_F(MountedFolders, AreUnmountedAndKeepTheirFiles) {
  const auto removed = remove_tree(trial_);
  EXPECT_TRUE(removed.has_value()) << removed.error().message();
  EXPECT_FALSE(fs::exists(trial_));
  EXPECT_TRUE(fs::exists(elsewhere_ / "precious"));
}

TEST_F(MountedFolders, AreUnmountedHoweverManyLieOnOneAnother) {
  ASSERT_TRUE(mounts_.bind(elsewhere_.path(), scratch_ / "trial/a file"));
  ASSERT_TRUE(mounts_.bind(elsewhere_.path(), trial_));
  EXPECT_EQ(mounts_in(trial_).size(), 3U);
  EXPECT_TRUE(make_removable(trial_).has_value());
  EXPECT_TRUE(mounts_in(trial_).empty());
  EXPECT_TRUE(fs::exists(scratch_ / "trial/a file/x")) << "what they hid is there again";
}

TEST_F(MountedFolders, StayWhereTheyAreTheCallers) {
  ASSERT_TRUE(unmount_in(trial_).has_value());
  ASSERT_TRUE(mounts_.bind(elsewhere_.path(), trial_));
  ASSERT_TRUE(mounts_.bind(scratch_.path(), trial_));
  EXPECT_TRUE(unmount_in(trial_, 1).has_value());
  EXPECT_EQ(mounts_in(trial_), std::vector<std::string>{trial_});
  EXPECT_TRUE(fs::exists(trial_ + "/precious"));
}

TEST_F(MountedFolders, ThatCannotBeUnmountedKeepEverythingAndAreSaid) {
  constexpr unsigned kSysAdmin = 21;  // CAP_SYS_ADMIN
  const WithoutCapability without(kSysAdmin);
  const auto removed = remove_tree(trial_);
  ASSERT_TRUE(removed.has_error());
  EXPECT_EQ(removed.error().message(),
            "cannot unmount " + trial_ +
                "/a file: Operation not permitted (unmount it, and remove the folder)");
  EXPECT_TRUE(fs::exists(elsewhere_ / "precious"));
  EXPECT_TRUE(fs::exists(trial_ + "/b"));
}

}  // namespace
}  // namespace lastcall

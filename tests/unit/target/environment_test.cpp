#include "target/environment.hpp"

#include <gmock/gmock.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "base/scoped_fd.hpp"
#include "target/process_tree.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string look(std::string_view what) {
  const auto needs = needs_of_every_trial();
  const auto need = std::ranges::find(needs, what, &Need::what);
  if (need == needs.end()) return "there is no such need";
  const auto met = need->look();
  return met ? "met" : met.error().message();
}

// What a child says that has made its own surroundings worse; "not possible" if it could not.
std::string in_a_child(const std::function<bool()>& worsen,
                       const std::function<std::string()>& say) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const ScopedFd reading(ends[0]);
  ScopedFd writing(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto text = worsen() ? say() : "not possible";
    (void)!::write(writing.get(), text.data(), text.size());
    ::_exit(0);
  }
  writing.reset();
  std::string text;
  char block[512];
  for (ssize_t n = 0; (n = ::read(reading.get(), block, sizeof block)) > 0;)
    text.append(block, static_cast<std::size_t>(n));
  (void)::waitpid(child, nullptr, 0);
  return text;
}

bool leave(int namespaces) {
  return ::unshare(namespaces) == 0 || ::unshare(CLONE_NEWUSER | namespaces) == 0;
}

bool limit(__rlimit_resource resource, rlim_t most) {
  const rlimit hard{most, most};
  return ::setrlimit(resource, &hard) == 0;
}

TEST(Environment, HasWhatEveryTrialNeeds) {
  for (const auto& need : needs_of_every_trial()) {
    const auto met = need.look();
    EXPECT_TRUE(met.has_value()) << need.what << ": " << met.error().message();
  }
}

TEST(Environment, WithFewDescriptorsSaysHowToHaveMore) {
  EXPECT_THAT(
      in_a_child([] { return limit(RLIMIT_NOFILE, 100); }, [] { return look("descriptors"); }),
      AllOf(HasSubstr("100 a process are allowed, 256 are needed"), HasSubstr("ulimit -n")));
}

TEST(Environment, WithoutProcessesSaysHowToHaveMore) {
  constexpr uid_t kNobody = 65'534;
  const auto text = in_a_child(
      [] {
        // Root is not limited.
        return (::geteuid() != 0 || ::syscall(SYS_setresuid, kNobody, kNobody, kNobody) == 0) &&
               limit(RLIMIT_NPROC, 0);
      },
      [] { return look("processes"); });
  if (text == "not possible") GTEST_SKIP() << "this user cannot become another one";
  EXPECT_THAT(text, AllOf(HasSubstr("cannot fork"), HasSubstr("ulimit -u")));
}

TEST(Environment, WithoutMemorySaysHowToHaveMore) {
  unsigned long pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const auto most = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (rlim_t{32} << 20);
  EXPECT_THAT(in_a_child([&] { return limit(RLIMIT_AS, most); }, [] { return look("memory"); }),
              AllOf(HasSubstr("cannot reserve 64 MiB"), HasSubstr("ulimit -v")));
}

TEST(Environment, WithoutALoopbackInterfaceSaysHowToBringItUp) {
  const auto text = in_a_child([] { return leave(CLONE_NEWNET); }, [] { return look("loopback"); });
  if (text == "not possible") GTEST_SKIP() << "no network namespace for this user";
  EXPECT_THAT(text,
              AllOf(HasSubstr("cannot connect to 127.0.0.1"), HasSubstr("ip link set lo up")));
}

TEST(Environment, WithAProcOfAnotherNamespaceIsNotItsOwn) {
  EXPECT_TRUE(own_proc());
  const auto in_the_namespace = [] {
    return in_a_child([] { return true; }, [] { return look("/proc"); });
  };
  const auto text = in_a_child([] { return leave(CLONE_NEWPID); }, in_the_namespace);
  if (text == "not possible") GTEST_SKIP() << "no PID namespace for this user";
  EXPECT_THAT(text, HasSubstr("it is of another PID namespace"));
}

TEST(Environment, SaysHowMuchRoomIsLeft) {
  const testing::ScratchFolder folder;
  const auto room = room_in(folder.path());
  ASSERT_TRUE(room);
  EXPECT_GE(*room, kLeastRoom);
  EXPECT_FALSE(room_in(folder / "missing"));
}

TEST(Environment, IsPreparedWithTheFolderForResults) {
  const testing::ScratchFolder folder;
  EXPECT_TRUE(prepare_environment(folder / "new/results"));
  EXPECT_TRUE(std::filesystem::is_directory(folder / "new/results"));
  folder.write("file");
  const auto prepared = prepare_environment(folder / "file/results");
  ASSERT_FALSE(prepared);
  EXPECT_THAT(prepared.error().message(), HasSubstr("cannot create " + folder / "file/results"));
}

}  // namespace
}  // namespace lastcall

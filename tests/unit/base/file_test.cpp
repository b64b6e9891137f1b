// Reading files that somebody else named or made, and writing where somebody else may have been.
#include "base/file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

using testing::ScratchFolder;

constexpr std::size_t kMebibyte = std::size_t{1} << 20U;

std::string problem(const std::string& path) {
  const auto read = read_regular(path);
  return read ? "none" : read.error().message();
}

TEST(RegularFile, IsReadWhole) {
  const ScratchFolder folder;
  const std::string text(200'000, 'x');
  EXPECT_EQ(*read_regular(folder.write("long", text)), text);
  EXPECT_EQ(*read_regular(folder.write("empty")), "");
}

TEST(RegularFile, MayBeAFileOfTheKernelWhichHasNoSize) {
  const auto status = read_regular("/proc/self/status");
  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(status->starts_with("Name:"));
}

TEST(RegularFile, ThatIsTooLargeIsRefused) {
  const ScratchFolder folder;
  const auto path = folder.write("large");
  std::filesystem::resize_file(path, kMebibyte);
  EXPECT_TRUE(read_regular(path, kMebibyte).has_value());
  std::filesystem::resize_file(path, kMebibyte + 1);
  const auto read = read_regular(path, kMebibyte);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().message(),
            "cannot read " + path + ": File too large (at most 1 MiB are read)");
}

TEST(RegularFile, IsNeitherAFifoNorADeviceNorAFolder) {
  const ScratchFolder folder;
  const auto fifo = folder / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(problem(fifo), "cannot read " + fifo + " (it is no regular file)");
  EXPECT_EQ(problem("/dev/zero"), "cannot read /dev/zero (it is no regular file)");
  EXPECT_EQ(problem(folder.path()), "cannot read " + folder.path() + ": Is a directory");
  std::filesystem::create_symlink("/dev/zero", folder / "link");
  EXPECT_EQ(problem(folder / "link"),
            "cannot read " + folder / "link" + " (it is no regular file)");
}

TEST(RegularFile, IsNoSocket) {
  const ScratchFolder folder;
  const ScopedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = folder / "socket";
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, path.data(), path.size());
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(problem(path), "cannot read " + path + ": " + std::strerror(ENXIO));
}

TEST(RegularFile, IsReplacedAsAWhole) {
  const ScratchFolder folder;
  const auto path = folder / "written";
  const std::string text(200'000, 'x');
  for (const std::string_view content : {std::string_view(text), std::string_view("short")}) {
    ASSERT_TRUE(write_regular(path, content).has_value());
    EXPECT_EQ(*read_regular(path), content);
  }
}

TEST(RegularFile, IsNotWrittenWhereSomethingElseLies) {
  const ScratchFolder folder;
  const auto problem = [](const std::string& path) {
    const auto written = write_regular(path, "text");
    return written ? "none" : written.error().message();
  };
  const auto fifo = folder / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(problem(fifo), "cannot write " + fifo + ": " + std::strerror(ENXIO));
  const ScopedFd reader(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  EXPECT_EQ(problem(fifo), "cannot write " + fifo + " (it is no regular file)");
  const auto precious = folder.write("precious", "as it was");
  std::filesystem::create_symlink(precious, folder / "link");
  EXPECT_EQ(problem(folder / "link"),
            "cannot write " + folder / "link" + ": " + std::strerror(ELOOP));
  EXPECT_EQ(*read_regular(precious), "as it was");
  EXPECT_EQ(problem(folder.path()), "cannot write " + folder.path() + ": Is a directory");
  EXPECT_EQ(problem("/dev/full"), "cannot write /dev/full (it is no regular file)");
}

TEST(RegularFile, ThatIsMissingSaysSo) {
  const ScratchFolder folder;
  EXPECT_EQ(problem(folder / "none"),
            "cannot read " + folder / "none" + ": " + std::strerror(ENOENT));
}

}  // namespace
}  // namespace lastcall

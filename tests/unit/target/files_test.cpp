// What the target module reads and writes on disk and on its sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <rapidcheck/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/file.hpp"
#include "base/mounts.hpp"
#include "base/remove_tree.hpp"
#include "target/certificate.hpp"
#include "target/checkpoint.hpp"
#include "target/leftovers.hpp"
#include "target/line_splitter.hpp"
#include "target/notify_socket.hpp"
#include "target/short_folder.hpp"
#include "unit/private_mounts.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ScratchFolder;
using ::testing::UnorderedElementsAre;

TEST(ShortFolder, IsNeededByALongNameAndByAShortLinkToOne) {
  const ScratchFolder scratch;
  const auto deep = scratch / std::string(150, 'd');
  EXPECT_TRUE(needs_short_name(deep));
  EXPECT_FALSE(needs_short_name("/tmp/results/target"));
  ASSERT_TRUE(fs::create_directory(deep));
  fs::create_directory_symlink(deep, scratch / "link");
  EXPECT_TRUE(needs_short_name(scratch / "link/target")) << "getcwd(2) says where it lies";
}

// A trial's folder far below, as trials lay it out.
class FolderBelowDeepResults : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(fs::create_directory(deep_));
    ASSERT_NE(short_, "");
    ASSERT_TRUE(make_folder(short_ + "/target", deep_ + "/target").has_value());
    std::ofstream(deep_ + "/target/log") << "all is well";
    ASSERT_TRUE(fs::create_directory(short_ + "/target/sealed"));
    std::ofstream(short_ + "/target/sealed/module") << "read only";
    fs::permissions(short_ + "/target/sealed", fs::perms::owner_read | fs::perms::owner_exec);
    std::ofstream(short_ + "/notify.sock") << "no folder";
  }
  void TearDown() override {
    fs::permissions(deep_ + "/target/sealed", fs::perms::owner_all, ignored_);
    fs::remove_all(short_, ignored_);
  }

  static std::string text(const std::string& file) {
    const auto read = read_file(file);
    return read ? *read : read.error().message();
  }

  ScratchFolder scratch_;
  std::string deep_ = scratch_ / std::string(150, 'd');
  std::string short_ = make_short_folder(scratch_.path());
  std::error_code ignored_;
};

TEST_F(FolderBelowDeepResults, HasAShortPathOfItsOwn) {
  struct stat status {};
  ASSERT_EQ(::stat(short_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  EXPECT_EQ(fs::canonical(deep_ + "/target").string(), short_ + "/target");
  EXPECT_FALSE(needs_short_name(short_ + "/target"));
  EXPECT_FALSE(make_folder(short_ + "/target", deep_ + "/target").has_value()) << "it is taken";
}

TEST_F(FolderBelowDeepResults, MovesThereAfterTheTrial) {
  EXPECT_TRUE(give_back(short_, deep_).has_value());
  EXPECT_EQ(text(deep_ + "/target/log"), "all is well");
  EXPECT_EQ(text(deep_ + "/target/sealed/module"), "read only");
  EXPECT_FALSE(fs::is_symlink(deep_ + "/target"));
  EXPECT_FALSE(fs::exists(deep_ + "/notify.sock"));
  EXPECT_TRUE(remove_tree(short_).has_value());
  EXPECT_TRUE(give_back(short_, deep_).has_value()) << "whoever does it again";
  EXPECT_TRUE(fs::exists(deep_ + "/target/log"));
}

TEST_F(FolderBelowDeepResults, IsCopiedIntoAnotherFileSystem) {
  const auto copied = copy_tree(short_ + "/target", deep_ + "/copy");
  EXPECT_TRUE(copied.has_value());
  EXPECT_EQ(text(deep_ + "/copy/log"), "all is well");
  EXPECT_EQ(text(deep_ + "/copy/sealed/module"), "read only");
}

TEST_F(FolderBelowDeepResults, IsCopiedWithTheHolesOfItsFiles) {
  const auto file = short_ + "/target/log";
  fs::resize_file(file, std::uintmax_t{1} << 30U);
  std::ofstream(file, std::ios::app) << "at its end";
  const auto copied = copy_tree(short_ + "/target", deep_ + "/copy");
  ASSERT_TRUE(copied.has_value()) << copied.error().message();
  struct stat status {};
  ASSERT_EQ(::stat((deep_ + "/copy/log").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, (off_t{1} << 30U) + 10);
  EXPECT_LT(status.st_blocks, 1000) << "of 512 bytes";
  std::ifstream in(deep_ + "/copy/log");
  std::string begin(11, '\0');
  in.read(begin.data(), 11);
  EXPECT_EQ(begin, "all is well");
  std::string end(10, '\0');
  in.seekg(-10, std::ios::end);
  in.read(end.data(), 10);
  EXPECT_EQ(end, "at its end");
}

TEST_F(FolderBelowDeepResults, GoesWithATrialThatIsNotKept) {
  fs::remove_all(deep_);
  EXPECT_TRUE(give_back(short_, deep_).has_value());
  EXPECT_FALSE(fs::exists(deep_));
  EXPECT_TRUE(remove_tree(short_).has_value());
  EXPECT_FALSE(fs::exists(short_)) << "also a folder in it that may not be written to";
}

TEST_F(FolderBelowDeepResults, MovesThereWithoutWhatIsMountedInIt) {
  const testing::PrivateMounts mounts;
  const ScratchFolder elsewhere;
  elsewhere.write("precious");
  if (!mounts.bind(elsewhere.path(), short_ + "/target/sealed")) GTEST_SKIP() << "it needs root";
  const auto given = give_back(short_, deep_);
  EXPECT_TRUE(given.has_value()) << given.error().message();
  EXPECT_EQ(text(deep_ + "/target/sealed/module"), "read only");
  EXPECT_TRUE(fs::exists(elsewhere / "precious"));
}

TEST_F(FolderBelowDeepResults, IsFoundByItsLink) {
  EXPECT_TRUE(give_back_linked(deep_).has_value());
  EXPECT_EQ(text(deep_ + "/target/log"), "all is well");
  EXPECT_FALSE(fs::exists(short_));
}

TEST_F(FolderBelowDeepResults, IsNotWhatTheTargetPutALinkTo) {
  const auto precious = scratch_.write("lastcall-results/target/precious", "as it was");
  fs::remove(deep_ + "/target");
  fs::create_directory_symlink(scratch_ / "lastcall-results/target", deep_ + "/target");
  EXPECT_TRUE(give_back_linked(deep_).has_value());
  EXPECT_EQ(text(precious), "as it was");
}

std::vector<std::string> leftovers(const ScratchFolder& folder,
                                   const std::set<std::string>& laid_out = {}) {
  std::vector<std::string> found;
  for (const auto& left : find_leftovers(folder.path(), laid_out).found)
    found.push_back(left.path + ": " + left.type);
  return found;
}

TEST(Leftovers, AreNotSearchedForBehindALinkInPlaceOfTheFolder) {
  const ScratchFolder folder;
  folder.write("elsewhere/others.pid");
  fs::create_directory_symlink(folder / "elsewhere", folder / "target");
  const auto search = find_leftovers(folder / "target", {});
  EXPECT_THAT(search.found, IsEmpty());
  EXPECT_EQ(search.problem,
            "a link has taken the place of {dir}; left files were not searched for");
}

TEST(Leftovers, AreNotSearchedForInDeepFolders) {
  const ScratchFolder folder;
  std::string path;
  for (int depth = 1; depth < kDeepestFolder; ++depth) path += "d/";
  folder.write(path + "deep.pid");
  EXPECT_EQ(find_leftovers(folder.path(), {}).problem, "");
  EXPECT_THAT(leftovers(folder), ElementsAre(path + "deep.pid: pid file"));
  folder.write(path + "d/deeper.pid");
  EXPECT_EQ(find_leftovers(folder.path(), {}).problem,
            "folders more than 100 deep were not searched for left files");
  EXPECT_THAT(leftovers(folder), ElementsAre(path + "deep.pid: pid file"));
}

TEST(Leftovers, AreKnownByTypeAndName) {
  const ScratchFolder folder;
  for (const auto* name : {"run/server.pid", "db.lock", "db.lck", "upload.tmp", "tmp/anything",
                           "tmp/deep/er", "data/log.txt", "lock.txt", "data/tmp.d/kept"}) {
    folder.write(name);
  }
  ASSERT_EQ(::mkfifo((folder / "control").c_str(), 0600), 0);
  ASSERT_TRUE(NotifySocket::bind(folder / "tmp/server.sock").has_value());
  EXPECT_THAT(leftovers(folder),
              UnorderedElementsAre("run/server.pid: pid file", "db.lock: lock file",
                                   "db.lck: lock file", "upload.tmp: temporary file",
                                   "tmp/anything: temporary file", "tmp/deep/er: temporary file",
                                   "control: FIFO", "tmp/server.sock: socket"));
}

TEST(Leftovers, AreKnownWhereTheWholeNameSaysIt) {
  const ScratchFolder folder;
  for (const auto* name : {".pid", "run/pid", "pidfile", "Server.PID", ".lock", "run/lock", "LOCK",
                           "lockfile", "server.pid.lock", "a.LCK", "pids", "block", "clock"}) {
    folder.write(name);
  }
  EXPECT_THAT(leftovers(folder),
              UnorderedElementsAre(".pid: pid file", "run/pid: pid file", "pidfile: pid file",
                                   "Server.PID: pid file", ".lock: lock file",
                                   "run/lock: lock file", "LOCK: lock file", "lockfile: lock file",
                                   "server.pid.lock: lock file", "a.LCK: lock file"));
}

TEST(Leftovers, AreNotTheLocksThatDatabasesKeep) {
  const ScratchFolder folder;
  for (const auto* name :
       {"db/LOCK", "db/CURRENT", "db/MANIFEST-000004", "db/x.lock", "mongo/mongod.lock",
        "mongo/WiredTiger.wt", "index/write.lock", "index/segments_4", "kafka/.lock",
        "kafka/meta.properties", "other/mongod.lock", "other/write.lock", "other/MANIFEST-1"})
    folder.write(name);
  EXPECT_THAT(leftovers(folder),
              UnorderedElementsAre("db/x.lock: lock file", "other/mongod.lock: lock file",
                                   "other/write.lock: lock file"));
}

TEST(Leftovers, AreNotWhatLastcallLaidOut) {
  const ScratchFolder folder;
  folder.write("conf/old.pid");
  folder.write("tmp/seed");
  EXPECT_THAT(leftovers(folder, {"conf/old.pid", "tmp/seed"}), IsEmpty());
  EXPECT_THAT(leftovers(folder, {"seed"}),
              UnorderedElementsAre("conf/old.pid: pid file", "tmp/seed: temporary file"));
}

TEST(Leftovers, SaysHowManyEntriesItLookedAt) {
  const ScratchFolder folder;
  folder.write("a/b.txt");
  EXPECT_EQ(find_leftovers(folder.path(), {}).looked_at, 2U);
  EXPECT_EQ(find_leftovers(folder / "missing", {}).looked_at, 0U);
}

TEST(Leftovers, AreMountsWhichAreNotSearched) {
  const testing::PrivateMounts mounts;
  const ScratchFolder folder;
  const ScratchFolder elsewhere;
  elsewhere.write("other.pid");
  elsewhere.write("checkpoint.json");
  folder.write("volume/below.pid");
  if (!mounts.bind(elsewhere.path(), folder / "volume")) GTEST_SKIP() << "it needs root";
  EXPECT_THAT(leftovers(folder), ElementsAre("volume: mount"));
  EXPECT_THAT(find_checkpoints(folder.path(), {"*.json"}, "json").found, IsEmpty());
  EXPECT_TRUE(unmount_in(folder.path()).has_value());
  EXPECT_THAT(leftovers(folder), ElementsAre("volume/below.pid: pid file"));
}

TEST(Leftovers, AreNotSearchedForBehindLinks) {
  const ScratchFolder folder;
  const ScratchFolder elsewhere;
  elsewhere.write("other.pid");
  std::filesystem::create_directory_symlink(elsewhere.path(), folder / "link");
  std::filesystem::create_symlink(elsewhere / "other.pid", folder / "link.pid");
  EXPECT_THAT(leftovers(folder), IsEmpty());
}

std::vector<std::string> split(const std::vector<std::string>& chunks) {
  std::vector<std::string> lines;
  LineSplitter splitter([&](const std::string& piece, bool continues) {
    lines.push_back((continues ? "+" : "") + piece);
  });
  for (const auto& chunk : chunks) splitter.feed(chunk);
  splitter.finish();
  return lines;
}

TEST(LineSplitter, CutsAtNewlines) {
  EXPECT_THAT(split({"one\ntwo\n\nfour\n"}), ElementsAre("one", "two", "", "four"));
}

TEST(LineSplitter, CountsALastLineWithoutANewline) {
  EXPECT_THAT(split({"one\ntw", "o"}), ElementsAre("one", "two"));
  EXPECT_THAT(split({"one\n"}), ElementsAre("one"));
  EXPECT_THAT(split({}), IsEmpty());
}

TEST(LineSplitter, HandsOnALongLineInPieces) {
  const std::string longest(LineSplitter::kPieceLimit, 'x');
  EXPECT_THAT(split({longest + "\nnext\n"}), ElementsAre(longest, "next"));
  EXPECT_THAT(split({longest, "tail", "tail\nnext"}), ElementsAre(longest, "+tailtail", "next"));
  EXPECT_THAT(split({longest + longest + longest + "\n"}),
              ElementsAre(longest, "+" + longest, "+" + longest));
}

TEST(LineSplitter, CountsTheLinesAndBytesBeyondTheTotalLimit) {
  std::size_t seen = 0;
  LineSplitter splitter([&](const std::string&, bool) { ++seen; });
  const std::string piece(LineSplitter::kPieceLimit, 'x');
  const auto fitting =
      LineSplitter::kTotalLimit / (LineSplitter::kPieceLimit + LineSplitter::kPieceCost);
  for (std::size_t i = 0; i < fitting + 3; ++i) splitter.feed(piece + "\n");
  EXPECT_EQ(seen, fitting);
  EXPECT_EQ(splitter.lost_lines(), 3U);
  EXPECT_EQ(splitter.lost_bytes(), 3 * piece.size());
  EXPECT_EQ(splitter.loss(),
            "the target printed more than the 16 MiB that lastcall reads: 24576 bytes (3 lines) "
            "were not searched; make it print less");
}

TEST(LineSplitter, KeepsTheBeginningAndTheEndOfALineBeyondItsLimit) {
  std::string all;
  std::size_t pieces = 0;
  LineSplitter splitter([&](const std::string& piece, bool continues) {
    EXPECT_EQ(continues, pieces++ > 0);
    all += piece;
  });
  const std::string begin(LineSplitter::kLineLimit, 'b');
  const std::size_t middle = std::size_t{100} << 20;
  splitter.feed(begin);
  for (std::size_t i = 0; i < middle / 1024; ++i) splitter.feed(std::string(1024, 'm'));
  splitter.feed("panic: boom\n");
  EXPECT_TRUE(all.starts_with(begin));
  EXPECT_TRUE(all.ends_with("mmmpanic: boom"));
  EXPECT_GE(all.size() - begin.size(), LineSplitter::kPieceLimit);
  EXPECT_EQ(splitter.lost_lines(), 1U);
  EXPECT_EQ(all.size() + splitter.lost_bytes(), begin.size() + middle + 11);
  EXPECT_EQ(splitter.loss(),
            "the target printed lines longer than the 256 KiB that lastcall reads of one: 104.8 MB "
            "(1 line) were not searched; make it print shorter lines");
}

TEST(LineSplitter, CountsALineThatIsPartlyBeyondTheTotalLimitOnce) {
  std::size_t seen = 0;
  LineSplitter splitter([&](const std::string& piece, bool) { seen += piece.size(); });
  const std::string line(2 * LineSplitter::kPieceLimit, 'x');
  std::size_t fed = 0;
  while (splitter.lost_lines() == 0) {
    splitter.feed(line + "\n");
    fed += line.size();
  }
  EXPECT_EQ(splitter.lost_lines(), 1U);
  EXPECT_EQ(seen + splitter.lost_bytes(), fed);
}

RC_GTEST_PROP(LineSplitter, GivesTheSameLinesForAnyChunking, (std::vector<std::string> chunks)) {
  for (auto& chunk : chunks) {
    for (auto& byte : chunk) byte = static_cast<unsigned char>(byte) % 3 == 0 ? '\n' : byte;
  }
  std::string whole;
  for (const auto& chunk : chunks) whole += chunk;
  RC_ASSERT(split(chunks) == split({whole}));
}

TEST(Certificate, IsLoadedByOpenSslWithItsKey) {
  const ScratchFolder folder;
  ASSERT_TRUE(write_certificate(folder / "cert.pem", folder / "key.pem").has_value());
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_server_method()),
                                                                  SSL_CTX_free);
  EXPECT_EQ(
      SSL_CTX_use_certificate_file(context.get(), (folder / "cert.pem").c_str(), SSL_FILETYPE_PEM),
      1);
  EXPECT_EQ(
      SSL_CTX_use_PrivateKey_file(context.get(), (folder / "key.pem").c_str(), SSL_FILETYPE_PEM),
      1);
  EXPECT_EQ(SSL_CTX_check_private_key(context.get()), 1);
  EXPECT_EQ(SSL_CTX_load_verify_file(context.get(), (folder / "cert.pem").c_str()), 1);
  X509* certificate = SSL_CTX_get0_certificate(context.get());
  ASSERT_NE(certificate, nullptr);
  EXPECT_EQ(X509_check_ip_asc(certificate, "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate, "::1", 0), 1);
  EXPECT_EQ(X509_check_host(certificate, "localhost", 0, 0, nullptr), 1);
  EXPECT_NE(X509_check_host(certificate, "example.org", 0, 0, nullptr), 1);
  EXPECT_LT(X509_cmp_current_time(X509_get0_notBefore(certificate)), 0);
  EXPECT_GT(X509_cmp_current_time(X509_get0_notAfter(certificate)), 0);
}

TEST(Certificate, IsReadableByAServerThatChangesItsUserWhateverTheUmask) {
  const ScratchFolder folder;
  const auto before = ::umask(077);
  const auto written = write_certificate(folder / "cert.pem", folder / "key.pem");
  ::umask(before);
  ASSERT_TRUE(written.has_value());
  for (const auto* name : {"cert.pem", "key.pem"}) {
    struct stat status {};
    ASSERT_EQ(::stat((folder / name).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0644U) << name;
  }
}

TEST(Certificate, SaysWhereItCouldNotBeWritten) {
  const auto failed = write_certificate("/nonexistent/cert.pem", "/nonexistent/key.pem");
  ASSERT_TRUE(failed.has_error());
  EXPECT_EQ(failed.error().error_number, ENOENT);
}

// Sends a datagram to NOTIFY_SOCKET as sd_notify(3) does.
void notify(const std::string& address, const std::string& text,
            const std::vector<int>& descriptors = {}) {
  const ScopedFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address.data(), address.size());
  if (address.front() == '@') to.sun_path[0] = '\0';
  iovec part{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) char ancillary[CMSG_SPACE(16 * sizeof(int))] = {};
  msghdr header{};
  header.msg_name = &to;
  header.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = ancillary;
    header.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    auto* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size() * sizeof(int));
  }
  EXPECT_EQ(::sendmsg(socket.get(), &header, 0), static_cast<ssize_t>(text.size()))
      << std::strerror(errno);
}

TEST(NotifySocket, ReceivesDatagramsWithTheirSender) {
  const ScratchFolder folder;
  auto socket = NotifySocket::bind(folder / "notify.sock");
  ASSERT_TRUE(socket.has_value());
  EXPECT_EQ(socket->address(), folder / "notify.sock");
  EXPECT_FALSE(socket->receive().has_value()) << "it never blocks";
  notify(socket->address(), "READY=1\nSTATUS=up");
  notify(socket->address(), "STOPPING=1");
  const auto first = socket->receive();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->text, "READY=1\nSTATUS=up");
  EXPECT_EQ(first->pid, ::getpid());
  EXPECT_EQ(socket->receive()->text, "STOPPING=1");
  EXPECT_FALSE(socket->receive().has_value());
}

TEST(NotifySocket, ClosesTheDescriptorsThatComeWithABarrier) {
  const ScratchFolder folder;
  auto socket = NotifySocket::bind(folder / "notify.sock");
  ASSERT_TRUE(socket.has_value());
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  notify(socket->address(), "BARRIER=1", {ends[1]});
  notify(socket->address(), "FDSTORE=1", std::vector<int>(16, ends[1]));
  ::close(ends[1]);
  const auto before = testing::open_descriptors();
  EXPECT_EQ(socket->receive()->text, "BARRIER=1");
  EXPECT_EQ(socket->receive()->text, "FDSTORE=1");
  EXPECT_EQ(testing::open_descriptors(), before);
  char byte = 0;
  EXPECT_EQ(::read(ends[0], &byte, 1), 0) << "whoever waits at the barrier sees it lifted";
  ::close(ends[0]);
}

TEST(NotifySocket, TakesAnAbstractNameWhenThePathIsTooLong) {
  const ScratchFolder folder;
  auto socket = NotifySocket::bind(folder / std::string(108, 'x'));
  ASSERT_TRUE(socket.has_value()) << socket.error().message();
  EXPECT_EQ(socket->address().front(), '@');
  notify(socket->address(), "READY=1");
  EXPECT_EQ(socket->receive()->text, "READY=1");
}

TEST(NotifySocket, TakesTheLongestPathAsItIs) {
  const ScratchFolder folder;
  const auto longest = folder / std::string(107 - folder.path().size() - 1, 'x');
  auto socket = NotifySocket::bind(longest);
  ASSERT_TRUE(socket.has_value()) << socket.error().message();
  EXPECT_EQ(socket->address(), longest);
  notify(socket->address(), "READY=1");
  EXPECT_EQ(socket->receive()->text, "READY=1");
}

}  // namespace
}  // namespace lastcall

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <new>
#include <stdexcept>
#include <system_error>
#include <type_traits>

#include "base/exception_error.hpp"
#include "base/fault_text.hpp"
#include "base/ids.hpp"
#include "base/request_text.hpp"
#include "base/result.hpp"
#include "base/scoped_fd.hpp"

namespace lastcall {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }
ScopedFd any_file() { return ScopedFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

TEST(Error, SaysWhatWasTriedOnWhatAndWhy) {
  const Error error{"open", "plan.json", ENOENT, "was it moved?"};
  EXPECT_EQ(error.message(), "cannot open plan.json: No such file or directory (was it moved?)");
}

TEST(Error, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ((Error{"fork", "", 0, ""}).message(), "cannot fork");
  EXPECT_EQ((Error{"fork", "", EAGAIN, ""}).message(),
            "cannot fork: Resource temporarily unavailable");
  EXPECT_EQ((Error{"read", "a verdict", 0, "no JSON"}).message(),
            "cannot read a verdict (no JSON)");
}

TEST(Error, SaysWhatToDoWhenThisMachineRanOutOfSomething) {
  EXPECT_EQ((Error{"write", "trial.seg", ENOSPC, ""}).message(),
            "cannot write trial.seg: No space left on device (free some space, or choose another "
            "disk with --results)");
  EXPECT_EQ((Error{"write", "trial.seg", ENOSPC, "is it a floppy?"}).message(),
            "cannot write trial.seg: No space left on device (is it a floppy?)");
}

TEST(Error, OfAnExceptionHasItsErrno) {
  using boost::system::system_category;
  using boost::system::system_error;
  EXPECT_EQ(error_of("go on", std::bad_alloc()).error_number, ENOMEM);
  EXPECT_EQ(error_of("go on", system_error(EMFILE, system_category(), "epoll")).error_number,
            EMFILE);
  const auto thread = error_of("go on", std::system_error(EAGAIN, std::generic_category()));
  EXPECT_EQ(thread.message(),
            "cannot go on: Resource temporarily unavailable (raise the limit of "
            "processes: ulimit -u, or pids.max of the container)");
  EXPECT_EQ(error_of("go on", std::runtime_error("a bad plan")).message(),
            "cannot go on (a bad plan)");
}

TEST(Result, OfTextIsAValueForTextAndAnErrorForAnError) {
  const Result<std::string> value = std::string("open");
  const Result<std::string> error = Error{"open", "", EPERM, ""};
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(*value, "open");
  ASSERT_TRUE(error.has_error());
  EXPECT_EQ(error.error().error_number, EPERM);
}

TEST(FaultText, TellsANullPointerFromAnyOther) {
  EXPECT_EQ(fault_text(SIGSEGV, SEGV_MAPERR, 0), "through a null pointer (address 0x0)");
  EXPECT_EQ(fault_text(SIGSEGV, SEGV_MAPERR, 0xfff), "through a null pointer (address 0xfff)");
  EXPECT_EQ(fault_text(SIGSEGV, SEGV_MAPERR, 0x1000), "at address 0x1000, where nothing is mapped");
}

TEST(ScopedFd, ClosesItsDescriptorAtTheEnd) {
  int number = -1;
  {
    const auto fd = any_file();
    number = fd.get();
    EXPECT_TRUE(fd);
    EXPECT_TRUE(is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(ScopedFd, IsEmptyAfterMovingAndReleasing) {
  auto first = any_file();
  const int number = first.get();
  ScopedFd second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): that is what is tested
  const ScopedFd raw(second.release());
  EXPECT_FALSE(second);
  EXPECT_EQ(raw.get(), number);
  EXPECT_TRUE(is_open(number));
}

TEST(ScopedFd, ClosesWhatItHeldWhenAssigned) {
  auto held = any_file();
  auto other = any_file();
  const int old_number = held.get();
  const int new_number = other.get();
  held = std::move(other);
  EXPECT_FALSE(is_open(old_number));
  EXPECT_EQ(held.get(), new_number);
  auto& itself = held;
  held = std::move(itself);
  EXPECT_TRUE(is_open(new_number));
}

TEST(Ids, OfDifferentKindsDoNotConvert) {
  EXPECT_FALSE((std::is_convertible_v<ClientId, FaultId>));
  EXPECT_FALSE((std::is_constructible_v<RequestId, ClientId>));
}

TEST(Ids, AConnectionKnowsItsClientWhateverTheAttempt) {
  for (const std::uint32_t client : {0U, 7U, UINT32_MAX}) {
    for (const std::uint32_t attempt : {0U, 1U, UINT32_MAX}) {
      EXPECT_EQ(client_of(connection_id({client}, attempt)), ClientId{client});
    }
  }
  EXPECT_NE(connection_id({1}, 0), connection_id({0}, 1));
  EXPECT_LT(connection_id({1}, 5), connection_id({2}, 0));
}

TEST(ForeignClient, IsFoundByAWholeRequestTextOfAnotherClientOnly) {
  const ClientId own{12};
  const auto other = request_text(ClientId{7}, RequestId{5});
  EXPECT_EQ(foreign_client("ack " + other, own), ClientId{7});
  EXPECT_EQ(foreign_client(request_text(own, RequestId{1}) + ' ' + other, own), ClientId{7});
  EXPECT_EQ(foreign_client(other, own), ClientId{7});
  EXPECT_EQ(foreign_client("ack " + request_text(own, RequestId{5}), own), std::nullopt);
  // Not a request's text: cut off, part of longer numbers, of something else.
  for (const std::string bytes :
       {"", "-", "000007-", "000007-00005", "00007-000005", "1000007-000005", "000007-0000051",
        "00000a-000005", "000007-00000a", "2026-11-22", "000007_000005"})
    EXPECT_EQ(foreign_client(bytes, own), std::nullopt) << bytes;
}

}  // namespace
}  // namespace lastcall

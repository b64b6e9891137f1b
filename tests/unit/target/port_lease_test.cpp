#include "target/port_lease.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "unit/few_descriptors.hpp"

namespace lastcall {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// `option`: of the socket, 0 for none.
ScopedFd listener(std::uint16_t port, int option = SO_REUSEADDR) {
  ScopedFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (option != 0) ::setsockopt(socket.get(), SOL_SOCKET, option, &on, sizeof on);
  const auto address = loopback(port);
  EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
      << errno;
  EXPECT_EQ(::listen(socket.get(), 8), 0);
  return socket;
}

// As another lastcall would try: whether the lock of a port is free.
bool lock_is_free(std::uint16_t port) {
  const ScopedFd file(
      ::open(("/tmp/lastcall-ports/" + std::to_string(port)).c_str(), O_RDWR | O_CLOEXEC));
  return file && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
}

TEST(PortLease, GivesEachLeaseAPortOfItsOwn) {
  const auto one = PortLease::acquire();
  const auto two = PortLease::acquire();
  ASSERT_TRUE(one.has_value() && two.has_value());
  EXPECT_NE(one->port(), two->port());
}

TEST(PortLease, IsGivenBackWhenItIsDestroyed) {
  std::uint16_t port = 0;
  {
    const auto lease = PortLease::acquire();
    ASSERT_TRUE(lease.has_value());
    port = lease->port();
    EXPECT_FALSE(lock_is_free(port));
  }
  EXPECT_TRUE(lock_is_free(port));
}

TEST(PortLease, OfAnotherProcessEndsWithThatProcess) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t other = ::fork();
  ASSERT_GE(other, 0);
  if (other == 0) {
    const auto lease = PortLease::acquire();
    const std::uint16_t port = lease ? lease->port() : 0;
    (void)!::write(ends[1], &port, sizeof port);
    ::pause();
    ::_exit(0);
  }
  std::uint16_t port = 0;
  ASSERT_EQ(::read(ends[0], &port, sizeof port), static_cast<ssize_t>(sizeof port));
  ::close(ends[0]);
  ::close(ends[1]);
  ASSERT_NE(port, 0);
  EXPECT_FALSE(lock_is_free(port));
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
  EXPECT_TRUE(lock_is_free(port));
}

TEST(PortLease, LiesBelowTheEphemeralRange) {
  unsigned low = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> low;
  const auto range = leasable_ports();
  EXPECT_LT(range.first, range.last);
  EXPECT_GE(range.first, 1024);
  EXPECT_LT(range.last, low);
  const auto lease = PortLease::acquire();
  ASSERT_TRUE(lease.has_value());
  EXPECT_GE(lease->port(), range.first);
  EXPECT_LE(lease->port(), range.last);
}

TEST(PortLease, SkipsAPortThatSomebodyListensOn) {
  // A process looks for ports in the same order every time, so the port given back is the first
  // candidate.
  std::uint16_t port = PortLease::acquire()->port();
  const auto taken = listener(port);
  const auto lease = PortLease::acquire();
  ASSERT_TRUE(lease.has_value());
  EXPECT_NE(lease->port(), port);
}

TEST(PortLease, OfACertainPortIsRefusedToASecondTrialAndWhileSomebodyListens) {
  const auto port = PortLease::acquire()->port();
  {
    const auto one = PortLease::acquire(port);
    ASSERT_TRUE(one);
    EXPECT_EQ(one->port(), port);
    const auto two = PortLease::acquire(port);
    ASSERT_FALSE(two);
    EXPECT_EQ(two.error().error_number, EADDRINUSE);
  }
  const auto taken = listener(port);
  const auto lease = PortLease::acquire(port);
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().error_number, EADDRINUSE);
}

TEST(PortLease, WithoutDescriptorsDoesNotSayThatAllAreInUse) {
  const testing::FewDescriptors one(1);  // for the lock
  const auto lease = PortLease::acquire();
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().error_number, EMFILE);
}

TEST(ProbePort, FindsAListenerWithAndWithoutReuse) {
  const auto lease = PortLease::acquire();
  ASSERT_TRUE(lease.has_value());
  EXPECT_EQ(probe_port(lease->port(), true), 0);
  const auto listening = listener(lease->port());
  EXPECT_EQ(probe_port(lease->port(), true), EADDRINUSE);
  EXPECT_EQ(probe_port(lease->port(), false), EADDRINUSE);
}

// A server that listened with this option, and closed a connection before its client did.
void leave_in_time_wait(std::uint16_t port, int option) {
  const auto listening = listener(port, option);
  const ScopedFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = loopback(port);
  ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
            0);
  { const ScopedFd accepted(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC)); }
  char byte = 0;
  ASSERT_EQ(::read(client.get(), &byte, 1), 0);
}

TEST(ProbePort, DoesNotCountTimeWaitWithReuse) {
  for (const int option : {SO_REUSEADDR, SO_REUSEPORT}) {
    const auto lease = PortLease::acquire();
    ASSERT_TRUE(lease.has_value());
    leave_in_time_wait(lease->port(), option);
    EXPECT_EQ(probe_port(lease->port(), false), EADDRINUSE) << option;
    EXPECT_EQ(probe_port(lease->port(), true), 0) << option;
  }
}

TEST(ProbePort, CountsTimeWaitOfAServerThatCannotListenAgain) {
  const auto lease = PortLease::acquire();
  ASSERT_TRUE(lease.has_value());
  leave_in_time_wait(lease->port(), 0);
  EXPECT_EQ(probe_port(lease->port(), true), EADDRINUSE);
}

TEST(ProbePort, FindsAListenerThatSharesItsPort) {
  const auto lease = PortLease::acquire();
  ASSERT_TRUE(lease.has_value());
  const auto listening = listener(lease->port(), SO_REUSEPORT);
  EXPECT_EQ(probe_port(lease->port(), true), EADDRINUSE);
}

}  // namespace
}  // namespace lastcall

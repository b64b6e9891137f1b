#include "shutdown/service_notifier.hpp"

#include <gmock/gmock.h>
#include <time.h>

#include <cstdlib>

#include "unit/scratch_folder.hpp"
#include "unit/shutdown/notify_listener.hpp"

namespace graceful::shutdown {
namespace {

using testing::NotifyListener;
using Delivery = ServiceNotifier::Delivery;
using namespace std::chrono_literals;

long long monotonic_micros() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

TEST(ServiceNotifier, SpeaksTheWordsOfSdNotify) {
  NotifyListener manager;
  const ServiceNotifier notifier(manager.address());
  const auto said = [&](const Result<Delivery>& delivery) {
    EXPECT_TRUE(delivery.has_value() && *delivery == Delivery::sent);
    return manager.next();
  };
  EXPECT_EQ("READY=1", said(notifier.ready()));
  EXPECT_EQ("READY=1\nSTATUS=serving", said(notifier.ready("serving")));
  EXPECT_EQ("STATUS=two lines", said(notifier.status("two\nlines")));
  EXPECT_EQ("STOPPING=1", said(notifier.stopping()));
  EXPECT_EQ("WATCHDOG=1", said(notifier.watchdog()));
  EXPECT_EQ("EXTEND_TIMEOUT_USEC=1500000", said(notifier.extend_timeout(1500ms)));
  EXPECT_EQ("MAINPID=42", said(notifier.main_pid(42)));
  EXPECT_EQ("X_OWN=1", said(notifier.send("X_OWN=1")));
}

TEST(ServiceNotifier, ReloadingCarriesTheMonotonicClockInMicroseconds) {
  NotifyListener manager;
  const auto before = monotonic_micros();
  ASSERT_TRUE(ServiceNotifier(manager.address()).reloading().has_value());
  const auto after = monotonic_micros();
  const auto text = manager.next();
  const std::string begin = "RELOADING=1\nMONOTONIC_USEC=";
  ASSERT_EQ(begin, text.substr(0, begin.size()));
  const auto said = std::stoll(text.substr(begin.size()));
  EXPECT_LE(before, said);
  EXPECT_GE(after, said);
}

TEST(ServiceNotifier, APathWorksAsAnAbstractNameDoes) {
  const lastcall::testing::ScratchFolder folder;
  NotifyListener manager(folder / "notify");
  ASSERT_TRUE(ServiceNotifier(manager.address()).ready().has_value());
  EXPECT_EQ("READY=1", manager.next());
}

TEST(ServiceNotifier, WithoutASocketNothingIsSentAndNothingFails) {
  ::unsetenv("NOTIFY_SOCKET");
  const auto notifier = ServiceNotifier::from_environment();
  EXPECT_FALSE(notifier.has_socket());
  EXPECT_EQ(Delivery::no_socket, *notifier.ready());
}

TEST(ServiceNotifier, TheEnvironmentNamesTheSocketAndMayBeUnset) {
  NotifyListener manager;
  ::setenv("NOTIFY_SOCKET", manager.address().c_str(), 1);
  ASSERT_TRUE(ServiceNotifier::from_environment().ready().has_value());
  EXPECT_NE(nullptr, std::getenv("NOTIFY_SOCKET"));
  const auto notifier = ServiceNotifier::from_environment(ServiceNotifier::Environment::unset);
  EXPECT_EQ(nullptr, std::getenv("NOTIFY_SOCKET"));
  ASSERT_TRUE(notifier.stopping().has_value());
  EXPECT_EQ("READY=1", manager.next());
  EXPECT_EQ("STOPPING=1", manager.next());
}

TEST(ServiceNotifier, TroubleIsAValueWithErrno) {
  EXPECT_EQ(ENOENT, ServiceNotifier("/proc/nowhere").ready().error().error_number);
  EXPECT_EQ(EAFNOSUPPORT, ServiceNotifier("vsock:2:1").ready().error().error_number);
  EXPECT_EQ(ENAMETOOLONG,
            ServiceNotifier("/" + std::string(200, 'a')).ready().error().error_number);
}

TEST(ServiceNotifier, AServiceManagerThatReadsNothingDoesNotHoldTheProgram) {
  const NotifyListener manager;
  const ServiceNotifier notifier(manager.address());
  // unix(7): a datagram socket takes max_dgram_qlen datagrams, at most some thousands.
  int sent = 0;
  while (sent < 100'000 && notifier.watchdog().has_value()) ++sent;
  ASSERT_LT(sent, 100'000);
  EXPECT_EQ(EAGAIN, notifier.watchdog().error().error_number);
  EXPECT_EQ(EAGAIN, notifier.stopping().error().error_number);  // after its patience
}

}  // namespace
}  // namespace graceful::shutdown

#include "tracer/ends/signal_trace.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace lastcall::signal_trace_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(TraceLines, OfASignalNameWhoSentIt) {
  const auto sent = sent_signal(
      "   a b-c-812     [001] d..1.  1234.567890: signal_generate: sig=9 errno=0 code=0 comm=my "
      "server pid=4711 grp=1 res=0");
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->signal, SIGKILL);
  EXPECT_EQ(sent->sender, 812);
  EXPECT_EQ(sent->sender_name, "a b-c");
  EXPECT_EQ(sent->to, 4711);
  EXPECT_FALSE(sent->out_of_memory);
}

TEST(TraceLines, MayHaveTheProcessToo) {
  const auto sent = sent_signal(
      "  bash-812     (    800) [001] d..1.  1.5: signal_generate: sig=15 errno=0 code=-6 comm=s "
      "pid=9 grp=0 res=0");
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->sender, 812);
  EXPECT_EQ(sent->code, SI_TKILL);
}

TEST(TraceLines, OfAnOomKillNameItsVictim) {
  const auto sent =
      sent_signal("  python3-77  [000] ....  5.1: mark_victim: pid=4711 comm=python3 total-vm=9kB");
  ASSERT_TRUE(sent);
  EXPECT_TRUE(sent->out_of_memory);
  EXPECT_EQ(sent->to, 4711);
}

TEST(TraceLines, ThatSayNothingOfTheKindAreNothing) {
  EXPECT_FALSE(sent_signal(""));
  EXPECT_FALSE(sent_signal("CPU:1 [LOST 12 EVENTS]"));
  EXPECT_FALSE(sent_signal("  bash-812 [001] d..1. 1.5: signal_generate: sig=9 errno=0"));
}

TEST(Culprit, IsDescribedWithItsParent) {
  const auto self = culprit(::getpid());
  EXPECT_EQ(self.pid, ::getpid());
  EXPECT_EQ(self.parent, ::getppid());
  EXPECT_THAT(culprit_text(self), AllOf(HasSubstr("unit_tracer"), HasSubstr("user "),
                                        HasSubstr("child of " + std::to_string(::getppid()))));
}

TEST(Culprit, ThatIsGoneHasTheNameItHad) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(culprit_text(culprit(child, "pkill")), "pid " + std::to_string(child) + " (pkill)");
  EXPECT_EQ(culprit_text(culprit(child)), "pid " + std::to_string(child) + " (gone by now)");
}

// One child kills another, which waits.
TEST(KillSenderTest, NamesTheProcessThatSentSigkill) {
  auto kernel = SignalTrace::start();
  if (!kernel) GTEST_SKIP() << kernel.error().message();
  const pid_t victim = ::fork();
  if (victim == 0) {
    for (;;) ::pause();
  }
  const pid_t killer = ::fork();
  if (killer == 0) ::_exit(::kill(victim, SIGKILL));
  ASSERT_EQ(::waitpid(victim, nullptr, 0), victim);
  const auto sent = kernel->last(SIGKILL, victim);
  ASSERT_EQ(::waitpid(killer, nullptr, 0), killer);
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->sender.pid, killer);
  EXPECT_THAT(sent->sender.command, HasSubstr("unit_tracer"));
  EXPECT_FALSE(kernel->out_of_memory(victim));
  EXPECT_FALSE(kernel->last(SIGTERM, victim));
}

TEST(KillSenderTest, LeavesNothingInTheKernel) {
  for (int i = 0; i < 2; ++i) {  // the name is free again
    const auto kernel = SignalTrace::start();
    if (!kernel) GTEST_SKIP() << kernel.error().message();
    EXPECT_GE(kernel->fd(), 0);
  }
}

}  // namespace
}  // namespace lastcall::signal_trace_test

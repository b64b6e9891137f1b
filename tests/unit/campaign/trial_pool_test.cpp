// What the pool does about trials that do not end: their processes do here what the test says.
#include "campaign/trial_pool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include <csignal>
#include <map>

#include "trial/lifeline.hpp"
#include "unit/scratch_folder.hpp"

namespace lastcall {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

[[noreturn]] void spin() {
  for (volatile unsigned turns = 0;;) turns = turns + 1;
}

// The first trial spins, and its child keeps the lifeline open; the others end at once.
TrialResult first_spins(const TrialOrder& order, int lifeline, Companions, const SignalTrace*) {
  TrialResult result;
  result.seed = 7;
  if (!order.directory.ends_with("/1")) return result;
  say_doing(lifeline, "span");
  if (::fork() == 0) ::pause();
  spin();
}
TrialResult all_spin(const TrialOrder&, int lifeline, Companions, const SignalTrace*) {
  say_doing(lifeline, "span");
  spin();
}
// The first trial stops the fork server by ptrace(2), as a target of the same user can where it may
// trace others: after a SIGSTOP the guard continues it. No trial ends by itself.
TrialResult all_are_stopped(const TrialOrder&, int lifeline, Companions, const SignalTrace*) {
  const pid_t server = ::getppid();
  const bool stopped = ::ptrace(PTRACE_SEIZE, server, nullptr, nullptr) == 0 &&
                       ::ptrace(PTRACE_INTERRUPT, server, nullptr, nullptr) == 0;
  say_doing(lifeline, stopped ? "stopped the fork server" : "could not stop it");
  for (;;) ::pause();
}

class TrialPool : public ::testing::Test {
 protected:
  // Runs two trials, each of which may take as long as `longest` says.
  Result<int> run(ForkServer& server, const std::string& longest) {
    const std::string text =
        "about = 'a'\n[target]\ncommand = ['true']\nready = { log = 'ready' }\n" +
        (longest.empty() ? "" : "[budget]\ntrial_timeout = '" + longest + "'\n");
    const auto scenario = std::get<Scenario>(parse_scenario(text, "s.toml"));
    std::uint32_t number = 0;
    return run_trials(server,
                      {.jobs = jobs_,
                       .tools = "",
                       .next = [&]() -> std::optional<TrialJob> {
                         if (number == 2) return std::nullopt;
                         ++number;
                         return TrialJob{number, 0, folder_ / std::to_string(number),
                                         draw_plan("s.toml", text, scenario, number, number)};
                       },
                       .done = [this](const TrialJob& job,
                                      const TrialResult& result) { results_[job.number] = result; },
                       .tick =
                           [this](std::size_t) {
                             if (++ticks_ == 1) on_tick_();
                           }});
  }
  // A signal for lastcall while the first trial runs; then until nothing of it is left.
  Nanoseconds interrupted_after(ConductTrial what) {
    on_tick_ = [] { (void)::kill(::getpid(), SIGTERM); };
    const auto begin = now();
    {
      auto server = ForkServer::start(what);
      EXPECT_TRUE(server.has_value());
      const auto signal = run(*server, "");
      EXPECT_TRUE(signal && *signal == SIGTERM);
    }
    return now() - begin;
  }

  testing::ScratchFolder folder_;
  std::map<std::uint32_t, TrialResult> results_;
  std::function<void()> on_tick_ = [] {};
  int ticks_ = 0;
  std::uint32_t jobs_ = 1;
};

TEST_F(TrialPool, KillsATrialThatNeverEndsWithAllBelowItAndGoesOn) {
  auto server = ForkServer::start(first_spins);
  ASSERT_TRUE(server.has_value());
  const auto signal = run(*server, "1s");
  ASSERT_TRUE(signal.has_value());
  EXPECT_EQ(*signal, 0);
  ASSERT_EQ(results_.size(), 2U);
  EXPECT_EQ(results_[1].broken,
            "the trial took longer than 1 s ([budget] trial_timeout) and was killed while it span; "
            "was its process stopped?");
  EXPECT_EQ(results_[1].seed, 1U);
  EXPECT_TRUE(results_[1].kept);
  EXPECT_GE(results_[1].duration, seconds(1));
  EXPECT_EQ(results_[2].broken, "");
  EXPECT_EQ(results_[2].seed, 7U);
}

TEST_F(TrialPool, GivesUpIfTheForkServerDoesNotAnswerAndKeepsWhatItKnows) {
  jobs_ = 2;
  auto server = ForkServer::start(all_are_stopped);
  ASSERT_TRUE(server.has_value());
  const auto signal = run(*server, "1s");
  ASSERT_EQ(results_.size(), 2U) << "the other trial has a result, too";
  const auto broken = results_[1].broken + "\n" + results_[2].broken;
  if (broken.find("could not stop it") != broken.rfind("could not stop it"))
    GTEST_SKIP() << "a process may not trace another here";
  EXPECT_THAT(broken, HasSubstr("was killed while it stopped the fork server"));
  ASSERT_FALSE(signal.has_value());
  EXPECT_THAT(signal.error().message(), HasSubstr("the fork server does not answer"));
}

TEST_F(TrialPool, EndsWithinTenSecondsOfASignalWhateverATrialDoes) {
  for (const auto what : {all_spin, all_are_stopped}) {
    ticks_ = 0;
    EXPECT_LT(interrupted_after(what), seconds(10));
    EXPECT_THAT(results_, IsEmpty());
  }
}

TEST_F(TrialPool, SaysWhatATrialDidThatWasKilledBySomebodyElse) {
  auto server = ForkServer::start(
      [](const TrialOrder&, int lifeline, Companions, const SignalTrace*) -> TrialResult {
        say_doing(lifeline, "judged");
        (void)::raise(SIGKILL);
        return {};
      });
  ASSERT_TRUE(server.has_value());
  ASSERT_TRUE(run(*server, "").has_value());
  EXPECT_EQ(results_[2].broken,
            "the trial process ended without a result while it judged; was it killed?");
}

}  // namespace
}  // namespace lastcall

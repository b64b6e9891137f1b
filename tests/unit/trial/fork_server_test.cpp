// Whole trials of a small shell target, without clients that matter: what becomes of the processes.
#include "trial/fork_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>

#include "base/mounts.hpp"
#include "base/remove_tree.hpp"
#include "history/history.hpp"
#include "plan/plan.hpp"
#include "target/process_tree.hpp"
#include "trial/lifeline.hpp"
#include "unit/client/event_words.hpp"
#include "unit/few_descriptors.hpp"
#include "unit/private_mounts.hpp"
#include "unit/scratch_folder.hpp"
#include "unit/without_capability.hpp"

namespace lastcall {
namespace {

using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

class Trials : public ::testing::Test {
 protected:
  // A shell script as the target, one HTTP client that finds nobody, a stop 10 ms into the load,
  // and what the scenario says more.
  TrialOrder order(const std::string& script, const std::string& below = "",
                   const std::string& more = "") {
    const std::string text =
        "about = 'a shell script'\n[target]\ncommand = ['sh', '-c', '''" + script +
        "''']\nready = { log = 'ready' }\nstop = { signal = 'SIGTERM', deadline = '2s', exit = 0 "
        "}\n"
        "[[clients]]\nname = 'c'\nurl = 'http://127.0.0.1:{port}/'\ncount = 1\n"
        "[[faults]]\nwhat = 'stop'\nwhen = { phase = 'load', at = '10ms' }\n"
        "[budget]\ntrials = 1\nload = '5s'\n" +
        more;
    auto parsed = parse_scenario(text, "s.toml");
    if (const auto* errors = std::get_if<std::vector<ScenarioError>>(&parsed))
      ADD_FAILURE() << errors->front().text();
    const auto name = below + "trial-" + std::to_string(++trials_);
    folder_.write(name + "/plan.json",
                  to_json(draw_plan("s.toml", text, std::get<Scenario>(parsed), 1, drawn_as_)));
    return {.directory = folder_ / name, .tools = "", .keep = Keep::all, .slot = 0, .workers = 1};
  }
  static std::string read_to_end(int fd) {
    std::string text;
    char block[4096];
    for (ssize_t n = 0; (n = ::read(fd, block, sizeof block)) > 0;)
      text.append(block, static_cast<std::size_t>(n));
    return text;
  }
  static TrialResult conduct(ForkServer& server, const TrialOrder& order) {
    auto socket = server.conduct(order);
    EXPECT_TRUE(socket.has_value());
    auto result = trial_result_from_json(said_on_lifeline(read_to_end(socket->get())).result);
    EXPECT_TRUE(result.has_value());
    return result ? *result : TrialResult{};
  }
  // A FIFO for a target to write its pid to: reading waits for it.
  std::string fifo() {
    const auto path = folder_ / "pid";
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    return path;
  }
  static pid_t pid_from(const std::string& fifo) {
    pid_t pid = -1;
    std::ifstream(fifo) >> pid;
    return pid;
  }

  // What becomes of a trial's short folder when a process is killed: `to_kill` gets the pid of the
  // trial process and returns the pid to kill.
  void keeps_short_folder(const std::function<pid_t(pid_t)>& to_kill) {
    const auto trial = order("pwd -P > where; echo $PPID > " + fifo() + "; sleep 100", deep_);
    {
      auto server = ForkServer::start();
      ASSERT_TRUE(server.has_value());
      auto socket = server->conduct(trial);
      ASSERT_TRUE(socket.has_value());
      const auto process = pid_from(folder_ / "pid");
      ASSERT_GT(process, 1);
      const auto killed = to_kill(process);
      ASSERT_GT(killed, 1);
      ASSERT_EQ(::kill(killed, SIGKILL), 0);
      const auto said = said_on_lifeline(read_to_end(socket->get()));
      EXPECT_EQ(said.doing, "waited until the target was ready");
      EXPECT_EQ(said.result, "");
    }
    EXPECT_FALSE(std::filesystem::is_symlink(trial.target_folder()));
    std::string where;
    std::ifstream(trial.target_folder() + "/where") >> where;
    EXPECT_THAT(where, EndsWith("/target"));
    EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(where).parent_path())) << where;
  }

  const std::string deep_ = std::string(150, 'd') + "/";
  testing::ScratchFolder folder_;
  int trials_ = 0;
  std::uint32_t drawn_as_ = 1;  // the fourth trial of a campaign is not traced
};

TEST_F(Trials, RunOneAfterTheOtherOnTheSameWorker) {
  auto server = ForkServer::start();
  ASSERT_TRUE(server.has_value());
  for (int i = 0; i < 3; ++i) {
    const auto trial = order("trap \"exit 0\" TERM; echo ready; while :; do sleep 0.01; done");
    const auto result = conduct(*server, trial);
    EXPECT_EQ(result.broken, "");
    EXPECT_EQ(result.clients, 1U);
    const auto words = testing::words_of(trial.directory + "/segments/trial.seg");
    EXPECT_THAT(words, Contains("target_ended exited 0 0"));
    EXPECT_THAT(testing::words_of(trial.directory + "/segments/clients-0.seg"),
                Contains("layer_failed tcp Connection refused"));
  }
}

TEST_F(Trials, ThatAServerWithoutDescriptorsCannotMakeSayWhy) {
  std::optional<testing::FewDescriptors> few(4);
  auto server = ForkServer::start();
  few.reset();  // the server keeps its own limit
  ASSERT_TRUE(server.has_value());
  for (int i = 0; i < 2; ++i) {
    const auto result = conduct(*server, order("exit 0"));
    EXPECT_THAT(result.broken, HasSubstr("Too many open files"));
    EXPECT_THAT(result.broken, HasSubstr("ulimit -n"));
  }
}

TEST_F(Trials, KeepEveryLineOfATargetThatTalksToTheEnd) {
  auto server = ForkServer::start();
  ASSERT_TRUE(server.has_value());
  const auto trial =
      order("trap \"seq 30000; exit 0\" TERM; echo ready; while :; do sleep 0.01; done");
  EXPECT_EQ(conduct(*server, trial).broken, "");
  int next = 0;
  for (const auto& words : testing::words_of(trial.directory + "/segments/trial.seg")) {
    if (words == "target_output out " + std::to_string(next + 1) + " 0") ++next;
  }
  EXPECT_EQ(next, 30'000);
}

TEST_F(Trials, KeepWholeLinesOfALeftoverThatNeverStopsTalking) {
  auto server = ForkServer::start();
  ASSERT_TRUE(server.has_value());
  const auto trial = order(
      "yes abcdefghijklmnopqrstuvwxyz & trap \"exit 0\" TERM; echo ready; while :; do sleep 0.01; "
      "done");
  EXPECT_EQ(conduct(*server, trial).broken, "");
  const auto words = testing::words_of(trial.directory + "/segments/trial.seg");
  EXPECT_THAT(words, Contains(HasSubstr("process_left")));
  EXPECT_THAT(words, Contains(HasSubstr("left_processes_ended")));
  std::size_t cut = 0;
  for (const auto& line : words) {
    if (line.starts_with("target_output out ") && line != "target_output out ready 0" &&
        line != "target_output out abcdefghijklmnopqrstuvwxyz 0") {
      ++cut;
    }
  }
  EXPECT_LE(cut, 1U) << "only the very last line may be cut, by the kill";
}

TEST_F(Trials, ThatAreGivenUpLeaveNobodyBehind) {
  pid_t target = -1;
  {
    auto server = ForkServer::start();
    ASSERT_TRUE(server.has_value());
    const auto fifo = this->fifo();
    const auto trial = order("trap \"\" TERM; echo $$ > " + fifo + "; sleep 100");
    auto socket = server->conduct(trial);
    ASSERT_TRUE(socket.has_value());
    target = pid_from(fifo);
    ASSERT_GT(target, 0);
    EXPECT_EQ(::kill(target, 0), 0);
    socket->reset();
  }
  EXPECT_EQ(::kill(target, 0), -1) << "the target outlived the fork server";
}

TEST_F(Trials, ThatAreStoppedAreKilledWithAllBelowThem) {
  drawn_as_ = 4;  // the kernel kills what is traced with its tracer
  auto server = ForkServer::start();
  ASSERT_TRUE(server.has_value());
  // Again and again, because the fork server continues it.
  const auto trial = order("echo $$ $PPID > " + fifo() +
                           "; exec 2> /dev/null; while :; do kill -STOP $PPID; done");
  auto socket = server->conduct(trial);
  ASSERT_TRUE(socket.has_value());
  pid_t target = -1;
  pid_t process = -1;
  std::ifstream(folder_ / "pid") >> target >> process;
  const ScopedFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, target, 0)));
  ASSERT_TRUE(pidfd);
  std::string state;
  for (const auto limit = now() + std::chrono::seconds(30); state != "T" && now() < limit;)
    std::ifstream("/proc/" + std::to_string(process) + "/stat") >> state >> state >> state;
  ASSERT_EQ(state, "T");
  ASSERT_TRUE(server->kill("/no/such/trial"));
  ASSERT_TRUE(server->kill(trial.directory));
  EXPECT_EQ(said_on_lifeline(read_to_end(socket->get())).result, "");
  pollfd ended{pidfd.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&ended, 1, 10'000), 1) << "the target outlived the trial process";
  EXPECT_EQ(conduct(*server, order("exit 0")).broken, "") << "the fork server goes on";
}

TEST_F(Trials, OfATargetThatEndsAtOnceSayThatItWasNotReady) {
  auto server = ForkServer::start();
  ASSERT_TRUE(server.has_value());
  const auto trial = order("exit 0");
  const auto result = conduct(*server, trial);
  EXPECT_EQ(result.broken, "");
  EXPECT_THAT(testing::words_of(trial.directory + "/segments/trial.seg"),
              Contains("target_not_ready the target ended first"));
}

TEST_F(Trials, StartATargetAgainThatASignalOfAFaultEndedBeforeItWasReady) {
  auto server = ForkServer::start();
  ASSERT_TRUE(server.has_value());
  const std::string hup =
      "[target.recovery]\ncommand = ['sh', '-c', 'echo ready; exec sleep 100']\n"
      "[[faults]]\nwhat = 'signal'\nsignal = 'SIGHUP'\nwhen = { log = '^starting' }\n";
  const auto ended = order("echo starting; exec sleep 100", "", hup);
  EXPECT_EQ(conduct(*server, ended).broken, "");
  const auto words = testing::words_of(ended.directory + "/segments/trial.seg");
  EXPECT_THAT(words, Not(Contains(HasSubstr("target_not_ready"))));
  EXPECT_THAT(words, Contains(HasSubstr("recovery_started")));
  EXPECT_THAT(words, Contains(HasSubstr("recovery_ready")));
  // One that ends by itself at such a signal was not ready.
  const auto by_itself =
      order("trap \"exit 3\" HUP; echo starting; while :; do sleep 0.01; done", "", hup);
  EXPECT_EQ(conduct(*server, by_itself).broken, "");
  const auto others = testing::words_of(by_itself.directory + "/segments/trial.seg");
  EXPECT_THAT(others, Contains("target_not_ready the target ended first"));
  EXPECT_THAT(others, Not(Contains(HasSubstr("recovery_started"))));
}

TEST_F(Trials, BelowDeepResultsRunInAShortFolderOfWhichNothingStays) {
  auto server = ForkServer::start();
  ASSERT_TRUE(server.has_value());
  for (const auto keep : {Keep::all, Keep::none}) {
    auto trial = order("pwd -P > " + folder_ / "where" +
                           "; echo kept > log; trap \"exit 0\" TERM; echo ready; "
                           "while :; do sleep 0.01; done",
                       deep_);
    trial.keep = keep;
    EXPECT_EQ(conduct(*server, trial).broken, "");
    std::string where;
    std::ifstream(folder_ / "where") >> where;
    EXPECT_THAT(where, EndsWith("/target"));
    EXPECT_LT(where.size(), 60U);
    EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(where).parent_path())) << where;
    const auto target = trial.target_folder();
    EXPECT_EQ(std::filesystem::exists(target + "/log"), keep == Keep::all);
    EXPECT_FALSE(std::filesystem::is_symlink(target));
  }
}

TEST_F(Trials, WhoseTargetMountsAndMakesFilesImmutableGoWithoutATrace) {
  const testing::PrivateMounts mounts;
  if (!mounts.are_private()) GTEST_SKIP() << "mounts need root";
  const testing::ScratchFolder elsewhere;
  elsewhere.write("precious");
  auto server = ForkServer::start();
  ASSERT_TRUE(server.has_value());
  for (const auto& below : {std::string(), deep_}) {
    for (const auto keep : {Keep::all, Keep::none}) {
      auto trial = order("mkdir m n; echo x > f; mount --bind " + elsewhere.path() +
                             " m; mount -t tmpfs none n; chattr +i f .; trap \"exit 0\" TERM; "
                             "echo ready; while :; do sleep 0.01; done",
                         below);
      trial.keep = keep;
      const auto result = conduct(*server, trial);
      EXPECT_EQ(result.broken, "");
      EXPECT_THAT(result.warnings, ::testing::IsEmpty());
      EXPECT_THAT(mounts_in(folder_.path()), ::testing::IsEmpty());
      EXPECT_TRUE(std::filesystem::exists(elsewhere / "precious"));
      EXPECT_EQ(std::filesystem::exists(trial.target_folder() + "/f"), keep == Keep::all);
      if (keep == Keep::none) continue;
      EXPECT_THAT(testing::words_of(trial.directory + "/segments/trial.seg"),
                  Contains("file_left m mount"));
      std::error_code refused;
      std::filesystem::remove_all(trial.directory, refused);
      EXPECT_FALSE(refused) << refused.message();
    }
  }
}

TEST_F(Trials, OfWhichSomethingCannotBeRemovedSayWhat) {
  auto trial = order("trap \"exit 0\" TERM; echo ready; while :; do sleep 0.01; done");
  trial.keep = Keep::none;
  const auto stays = folder_.write("trial-1/stays");
  if (std::system(("chattr +i " + stays + " 2> /dev/null").c_str()) != 0)
    GTEST_SKIP() << "no immutable files here";
  {
    constexpr unsigned kLinuxImmutable = 9;  // CAP_LINUX_IMMUTABLE
    const testing::WithoutCapability without(kLinuxImmutable);
    auto server = ForkServer::start();
    ASSERT_TRUE(server.has_value());
    const auto result = conduct(*server, trial);
    EXPECT_EQ(result.broken, "") << "the trial is as good as any";
    EXPECT_THAT(result.warnings,
                ::testing::ElementsAre("cannot remove " + stays +
                                       ": Operation not permitted (remove it by hand)"));
  }
  EXPECT_TRUE(remove_tree(trial.directory).has_value());
}

TEST_F(Trials, WhoseProcessIsKilledKeepWhatLiesInTheirShortFolder) {
  keeps_short_folder([](pid_t trial) { return trial; });
}

TEST_F(Trials, KeepWhatLiesInTheirShortFolderWhenTheForkServerIsKilled) {
  keeps_short_folder([](pid_t) {
    const auto guards = children();
    return guards.size() == 1 ? children_of(guards.front()).front() : -1;
  });
}

TEST_F(Trials, LeaveNobodyWhenTheForkServerIsKilledWhileTheirProcessIsStopped) {
  drawn_as_ = 4;  // the kernel kills what is traced with its tracer
  const auto trial = order("sleep 100 & echo $! $PPID > " + fifo() + "; sleep 100");
  pid_t orphan = -1;
  {
    auto server = ForkServer::start();
    ASSERT_TRUE(server.has_value());
    auto socket = server->conduct(trial);
    ASSERT_TRUE(socket.has_value());
    pid_t process = -1;
    std::ifstream(folder_ / "pid") >> orphan >> process;
    ASSERT_GT(orphan, 1);
    ASSERT_GT(process, 1);
    ASSERT_EQ(::kill(process, SIGSTOP), 0);
    ASSERT_EQ(::kill(children_of(children().front()).front(), SIGKILL), 0);
    EXPECT_EQ(said_on_lifeline(read_to_end(socket->get())).result, "");
  }
  EXPECT_EQ(::kill(orphan, 0), -1) << "what the target had started outlived the fork server";
}

}  // namespace
}  // namespace lastcall

#include "trial/lifeline.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "base/scoped_fd.hpp"

namespace lastcall {
namespace {

class Lifeline : public ::testing::Test {
 protected:
  Lifeline() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ours_ = ScopedFd(ends[0]);
    theirs_ = ScopedFd(ends[1]);
  }
  std::string read_to_end() {
    std::string text;
    char block[4096];
    for (ssize_t n = 0; (n = ::read(ours_.get(), block, sizeof block)) > 0;)
      text.append(block, static_cast<std::size_t>(n));
    return text;
  }

  ScopedFd ours_;
  ScopedFd theirs_;
};

TEST_F(Lifeline, BringsWhatWasDoneLastAndTheResult) {
  TrialResult result;
  result.seed = 7;
  result.broken = "it said\n{} in a reason";
  say_doing(theirs_.get(), "read its plan");
  say_doing(theirs_.get(), "judged");
  send_result(theirs_.get(), result);
  theirs_.reset();
  const auto said = said_on_lifeline(read_to_end());
  EXPECT_EQ(said.doing, "judged");
  const auto read = trial_result_from_json(said.result);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->seed, 7U);
  EXPECT_EQ(read->broken, result.broken);
}

TEST_F(Lifeline, BringsAResultThatIsLargerThanTheSocket) {
  TrialResult result;
  result.broken = std::string(std::size_t{4} << 20, 'x');
  std::string received;
  std::jthread reader([&] { received = read_to_end(); });
  send_result(theirs_.get(), result);
  theirs_.reset();
  reader.join();
  const auto read = trial_result_from_json(said_on_lifeline(received).result);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->broken.size(), result.broken.size());
}

TEST_F(Lifeline, SaysNothingThatDidNotComeWhole) {
  EXPECT_EQ(said_on_lifeline("").doing, "");
  const auto cut = said_on_lifeline("judged\nkept\n{\"seed\":7");
  EXPECT_EQ(cut.doing, "kept");
  EXPECT_EQ(cut.result, "");
  EXPECT_EQ(said_on_lifeline("judged\nke").doing, "judged");
}

TEST_F(Lifeline, NeverHoldsUpATrialThatSaysWhatItDoes) {
  for (int i = 0; i < 100'000; ++i) say_doing(theirs_.get(), "waited for the target's end");
  ours_.reset();
  say_doing(theirs_.get(), "nobody listens");
  send_result(theirs_.get(), {});
}

}  // namespace
}  // namespace lastcall

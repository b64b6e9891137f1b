// prompt-exit over a campaign: whether the idle tails of its trials (checkers/prompt_exit.cpp) are
// those of a server that leaves when it is done, or of one that polls or waits for a timer. A pure
// function.
//
// The statistic is the share of tails that are longer than `within`: more than a quarter is a
// failure, which is to say that the third quartile is. A loop that polls every P ms, and whose last
// obligation is met at any moment of its round, has a tail evenly spread over 0..P: it is longer
// than w with the probability 1 - w / P, and the number of such trials is binomial. With the
// default of 40 ms, a loop of 100 ms has 0.6, and is caught
//   in  5 trials (at least  2 long ones) with a probability of 91.3 %,
//   in 10 trials (at least  3)                              of 98.8 %,
//   in 20 trials (at least  6)                              of 99.8 %,
//   in 60 trials (at least 16)                              of more than 99.99 %.
// (The median at 50 ms would catch it half the time only.) A server whose tail is below 20 ms fails
// only if the machine held more than a quarter of the trials up for 20 ms and more, unnoticed, for
// a lag of lastcall's own leaves a trial out. If that happens to one trial in twenty, 6 of 20 have
// a probability of 0.03 %.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "checkers/verdict.hpp"

namespace lastcall {

inline constexpr Nanoseconds kPromptWithin = std::chrono::milliseconds(40);
inline constexpr std::size_t kFewestTails = 5;

struct IdleTail {
  std::uint32_t trial = 0;  // its number
  Nanoseconds length{};
};

struct PromptExit {
  Outcome outcome = Outcome::not_applicable;  // fail, pass, or not applicable: too few tails
  std::string summary;                        // the numbers, or why there is no verdict
  std::vector<std::uint32_t> late;            // trials longer than `within`, the longest first
};

PromptExit judge_prompt_exit(std::vector<IdleTail> tails, Nanoseconds within);

}  // namespace lastcall

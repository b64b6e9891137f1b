// prompt-exit over a campaign: what checkers/prompt_exit.cpp found and measured in its trials,
// judged together. A pure function.
//
// Without a bound in the scenario, waits are judged: timed waits that held up the end. A trial
// is late if its waits took longer than kPromptWithin in total. Trials whose waits were not seen do
// not count. The idle tails are shown, and are no reason to fail: a shared machine makes them long.
// With a bound, the tails are judged: a trial is late if its tail is longer than the bound.
//
// The property fails if more than a quarter of the trials are late. Take a loop that polls every P
// ms, and whose last obligation is met at any moment of its round. It waits another 0..P ms, evenly
// spread: longer than w with the probability 1 - w / P, and the number of late trials is binomial.
// With w = 40 ms, a trial of a loop of 100 ms is late with the probability 0.6. The loop is caught
//   in  5 trials (at least  2 late ones) with a probability of 91.3 %,
//   in 10 trials (at least  3)                              of 98.8 %,
//   in 20 trials (at least  6)                              of 99.8 %,
//   in 60 trials (at least 16)                              of more than 99.99 %;
// A fixed sleep is late in all of them. A target that in one trial of ten ends by chance just as a
// wait of it is over is late in 6 trials of 20 with a probability of 1.1 %. With a bound, a server
// whose tail is half the bound fails only if the machine held up more than a quarter of the trials
// for the other half, unnoticed: a trial in which lastcall itself lagged is counted as not judged.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "checkers/idle_waits.hpp"
#include "checkers/verdict.hpp"

namespace lastcall {

inline constexpr Nanoseconds kPromptWithin = std::chrono::milliseconds(40);
inline constexpr std::size_t kFewestTrials = 5;
// Of these, trials whose waits were seen, where waits are judged.
inline constexpr std::size_t kFewestSeen = 3;

// What is known of one trial's last moments: its tail, its waits or both.
struct IdleTrial {
  std::uint32_t trial = 0;  // its number
  std::optional<Nanoseconds> tail{};
  std::optional<IdleWaits> waits{};
};

struct PromptExit {
  Outcome outcome = Outcome::not_applicable;  // fail, pass, or not applicable: too few trials
  std::string reason{};                       // of a fail, or why there is no verdict
  std::string numbers{};                      // of the tails; empty: there are too few
  std::size_t judged = 0;                     // trials
  std::vector<std::uint32_t> late{};          // of them, the longest first
};

// `within`: the scenario's bound.
PromptExit judge_prompt_exit(const std::vector<IdleTrial>& trials,
                             std::optional<Nanoseconds> within);

}  // namespace lastcall

// prompt-exit over a campaign: what checkers/prompt_exit.cpp found and measured in its trials,
// judged together. A pure function.
//
// Without a bound in the scenario the findings are judged, waits for a time that held up the end:
// a trial is late if they took longer than kPromptWithin all in all. Only trials count whose waits
// were seen. The idle tails are numbers that are shown, and no reason to fail: a machine that is
// shared makes them long. With a bound the tails are judged, and a trial is late whose tail is
// longer.
//
// More than a quarter of late trials is a failure. A loop that polls every P ms, and whose last
// obligation is met at any moment of its round, waits for 0..P more, evenly spread: longer than w
// with the probability 1 - w / P, and the number of such trials is binomial. With 40 ms, a loop of
// 100 ms has 0.6, and is caught
//   in  5 trials (at least  2 late ones) with a probability of 91.3 %,
//   in 10 trials (at least  3)                              of 98.8 %,
//   in 20 trials (at least  6)                              of 99.8 %,
//   in 60 trials (at least 16)                              of more than 99.99 %;
// a fixed sleep is late in all of them. What ends by chance as a thread's time is over, in one
// trial of ten at most, is taken for a wait that held the end up in 6 of 20 with 1.1 %. With a
// bound a server whose tail is half of it fails only if the machine held more than a quarter of the
// trials up for the other half, unnoticed, for a lag of lastcall's own leaves a trial out.
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
// Of them with waits that were seen, where those are judged.
inline constexpr std::size_t kFewestSeen = 3;

// What is known of one trial's last moments; something is.
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

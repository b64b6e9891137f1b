#include "campaign/prompt_exit.hpp"

#include <algorithm>

#include "base/durations.hpp"

namespace lastcall {
namespace {

std::string counted_trials(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " trial" : " trials");
}

// The shortest length that at least `percent` % of the tails, in ascending order, do not exceed.
Nanoseconds quantile(const std::vector<Nanoseconds>& tails, std::size_t percent) {
  const auto rank = (tails.size() * percent + 99) / 100;  // from 1
  return tails[std::max<std::size_t>(rank, 1) - 1];
}

std::string numbers_of(const std::vector<IdleTrial>& trials) {
  std::vector<Nanoseconds> tails;
  for (const auto& trial : trials) {
    if (trial.tail) tails.push_back(*trial.tail);
  }
  if (tails.size() < kFewestTrials) return "";
  std::ranges::sort(tails);
  return "idle time before the exit: p50 " + human_duration(quantile(tails, 50)) + ", p75 " +
         human_duration(quantile(tails, 75)) + ", p90 " + human_duration(quantile(tails, 90)) +
         " (" + counted_trials(tails.size()) + ")";
}

}  // namespace

PromptExit judge_prompt_exit(const std::vector<IdleTrial>& trials,
                             std::optional<Nanoseconds> within) {
  PromptExit judged{.numbers = numbers_of(trials)};
  struct Length {
    Nanoseconds length;
    const IdleTrial* trial;
  };
  std::vector<Length> lengths;
  for (const auto& trial : trials) {
    if (within && trial.tail) lengths.push_back({*trial.tail, &trial});
    if (!within && trial.waits) lengths.push_back({trial.waits->length, &trial});
  }
  const auto measured = within ? lengths.size() : trials.size();
  if (measured < kFewestTrials) {
    judged.reason = "measured in " + counted_trials(measured) + ", needs at least " +
                    std::to_string(kFewestTrials);
    return judged;
  }
  if (lengths.size() < kFewestSeen) {
    judged.reason = "how the target waited was seen in " + counted_trials(lengths.size()) +
                    ", needs at least " + std::to_string(kFewestSeen) +
                    ": set trace = true, or a bound (within)";
    return judged;
  }
  std::ranges::stable_sort(lengths, std::ranges::greater{}, &Length::length);
  const auto limit = within.value_or(kPromptWithin);
  for (const auto& one : lengths) {
    if (one.length > limit) judged.late.push_back(one.trial->trial);
  }
  judged.judged = lengths.size();
  judged.outcome = judged.late.size() * 4 > judged.judged ? Outcome::fail : Outcome::pass;
  if (judged.outcome == Outcome::pass) return judged;
  // The trial with the longest tail need not show a wait; another may show what it is.
  const auto shown = std::ranges::find_if(lengths, [](const Length& one) {
    return one.trial->waits && one.trial->waits->length > Nanoseconds(0);
  });
  if (shown != lengths.end()) judged.reason = shown->trial->waits->text + "; ";
  judged.reason +=
      (within ? "idle longer than " : "such waits held the exit up for more than ") +
      exact_duration(limit) + " in " + std::to_string(judged.late.size()) + " of " +
      (within ? counted_trials(judged.judged) : std::to_string(judged.judged) + " traced trials");
  return judged;
}

}  // namespace lastcall

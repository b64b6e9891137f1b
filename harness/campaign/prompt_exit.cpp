#include "campaign/prompt_exit.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace lastcall {
namespace {

// The shortest length that at least `percent` of the tails do not exceed; the longest come first.
Nanoseconds quantile(const std::vector<IdleTail>& tails, std::size_t percent) {
  const auto rank = (tails.size() * percent + 99) / 100;  // from the shortest, from 1
  return tails[tails.size() - std::max<std::size_t>(rank, 1)].length;
}

}  // namespace

PromptExit judge_prompt_exit(std::vector<IdleTail> tails, Nanoseconds within) {
  const auto count = std::to_string(tails.size()) + (tails.size() == 1 ? " trial" : " trials");
  if (tails.size() < kFewestTails) {
    return {
        .outcome = Outcome::not_applicable,
        .summary = "measured in " + count + ", it takes at least " + std::to_string(kFewestTails),
        .late = {}};
  }
  std::ranges::stable_sort(tails, std::ranges::greater{}, &IdleTail::length);
  PromptExit judged;
  for (const auto& tail : tails) {
    if (tail.length > within) judged.late.push_back(tail.trial);
  }
  judged.outcome = judged.late.size() * 4 > tails.size() ? Outcome::fail : Outcome::pass;
  judged.summary = "idle before the end: median " + humane_duration(quantile(tails, 50)) +
                   ", third quartile " + humane_duration(quantile(tails, 75)) + ", ninth decile " +
                   humane_duration(quantile(tails, 90)) + " over " + count + "; longer than " +
                   format_duration(within) + " in " + std::to_string(judged.late.size());
  return judged;
}

}  // namespace lastcall

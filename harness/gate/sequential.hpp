// Bounds on a probability that hold at every moment of a campaign, so that it may stop as soon as
// they say enough. A bound for a number of trials that was fixed beforehand
// (campaign/statistics.hpp) is wrong more often than it says if one looks again and again and stops
// when one likes it.
//
// The method is the mixture of likelihood ratios: J. Ville (1939) bounds how often such a ratio
// ever exceeds 1 / alpha, and H. Robbins, "Statistical Methods Related to the Law of the Iterated
// Logarithm" (1970), mixes the ratios over all alternatives. For the claim "the probability is p or
// more" the mixture is over q in [0, p] with the density 1 / (2 sqrt(p q)). Each ratio
//   (q / p)^k ((1 - q) / (1 - p))^(n - k),   k failures in n trials,
// shrinks on average whatever the probability is, as long as it is p or more. So the mixture
// exceeds 1 / alpha, at any time, with a probability of at most alpha. The density favours small q:
// without a failure, 1 % at 95 % takes 377 trials, against 299 with a fixed number.
//
// Pure functions; thread-safe.
#pragma once

#include <cstdint>

namespace lastcall {

// The logarithm of the evidence against "the probability of a failure is `p` or more". `p` is above
// 0 and below 1.
double log_evidence_below(std::uint64_t failures, std::uint64_t trials, double p);

// Whether the evidence that the probability is below `p` (above `p`) has reached `confidence`. May
// be asked after every trial.
bool is_shown_below(std::uint64_t failures, std::uint64_t trials, double p, double confidence);
bool is_shown_above(std::uint64_t failures, std::uint64_t trials, double p, double confidence);

// The smallest p that is_shown_below(), 1 if there is none; the largest that is_shown_above(), 0 if
// there is none. To a millionth, rounded to the safe side.
double anytime_upper_bound(std::uint64_t failures, std::uint64_t trials, double confidence);
double anytime_lower_bound(std::uint64_t failures, std::uint64_t trials, double confidence);

}  // namespace lastcall

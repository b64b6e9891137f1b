// Whether two samples differ: tests for counts and for times, and the correction for many tests at
// once. Pure functions; thread-safe.
#pragma once

#include <cstdint>
#include <vector>

namespace lastcall {

struct Counts {
  std::uint64_t failures = 0;
  std::uint64_t trials = 0;  // at least as many
};

// Fisher's exact test (R. A. Fisher, "The Design of Experiments", 1935): the probability of a split
// of these failures over the two samples that is at least as uneven, if both fail at one rate.
// `fisher_two_sided` adds up all splits that are no more probable than the one that was seen, as
// R's fisher.test() does. `fisher_head_worse` adds up those with at least as many failures in
// `head`.
double fisher_two_sided(Counts base, Counts head);
double fisher_head_worse(Counts base, Counts head);

struct RankTest {
  double p = 1;  // two-sided; 1 if one of the samples is empty
  // The probability that a value of `head` is larger than one of `base`; ties count half.
  double head_larger = 0.5;
};

// The rank test of Mann and Whitney (1947). Exact if neither sample has more than 20 values and
// there are no ties, as R's wilcox.test() is; else by the normal approximation, corrected for ties
// and continuity.
RankTest mann_whitney(const std::vector<double>& base, const std::vector<double>& head);

// The p-values corrected for being many, in the same order (S. Holm, "A Simple Sequentially
// Rejective Multiple Test Procedure", 1979): the probability of one or more below a level by chance
// is at most that level, whatever the tests have to do with one another.
std::vector<double> holm(const std::vector<double>& p);

}  // namespace lastcall

#include "gate/two_samples.hpp"

#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "base/invariant.hpp"

namespace lastcall {
namespace {

// Two splits whose probabilities differ by less are one: their sums are rounded.
constexpr double kSameProbability = 1 + 1e-7;
constexpr std::size_t kMostForExact = 20;

double log_choose(std::uint64_t of, std::uint64_t chosen) {
  const auto log_factorial = [](std::uint64_t n) {
    return boost::math::lgamma(static_cast<double>(n) + 1);
  };
  return log_factorial(of) - log_factorial(chosen) - log_factorial(of - chosen);
}

// How the failures of both samples could have fallen: the probability of each number in `head`.
struct Splits {
  std::uint64_t fewest = 0;  // in head
  std::vector<double> probability{};
};

Splits splits(Counts base, Counts head) {
  LASTCALL_INVARIANT(base.failures <= base.trials && head.failures <= head.trials);
  const auto failures = base.failures + head.failures;
  const auto most = std::min(failures, head.trials);
  Splits all{.fewest = failures > base.trials ? failures - base.trials : 0};
  const auto log_all = log_choose(base.trials + head.trials, failures);
  for (auto k = all.fewest; k <= most; ++k) {
    all.probability.push_back(
        std::exp(log_choose(head.trials, k) + log_choose(base.trials, failures - k) - log_all));
  }
  return all;
}

struct Ranks {
  double statistic = 0;  // Mann and Whitney's U of head: pairs in which head is larger, ties half
  double tie_term = 0;   // the sum of t³ - t over groups of t equal values
};

Ranks ranks(const std::vector<double>& base, const std::vector<double>& head) {
  struct Item {
    double value;
    bool is_head;
  };
  std::vector<Item> items;
  for (const auto value : base) items.push_back({value, false});
  for (const auto value : head) items.push_back({value, true});
  std::ranges::sort(items, {}, &Item::value);
  Ranks result;
  double rank_sum = 0;
  for (std::size_t begin = 0; begin < items.size();) {
    auto end = begin;
    std::size_t of_head = 0;
    for (; end < items.size() && items[end].value == items[begin].value; ++end)
      of_head += items[end].is_head ? 1 : 0;
    // Ranks count from 1; equal values share the mean of theirs.
    rank_sum += static_cast<double>(of_head) * (static_cast<double>(begin + end + 1) / 2);
    const auto ties = static_cast<double>(end - begin);
    result.tie_term += ties * ties * ties - ties;
    begin = end;
  }
  const auto n = static_cast<double>(head.size());
  result.statistic = rank_sum - n * (n + 1) / 2;
  return result;
}

// Of all ways to place `chosen` of `all` values in order, the share with each statistic: counted by
// adding one value after the other.
std::vector<double> exact_distribution(std::size_t base, std::size_t head) {
  // ways[k][u]: k values of head are placed and make u pairs.
  std::vector<std::vector<double>> ways(head + 1, std::vector<double>(base * head + 1, 0));
  ways[0][0] = 1;
  for (std::size_t rank = 1; rank <= base + head; ++rank) {
    for (auto k = std::min(rank, head); k >= 1; --k) {
      // The k-th of head at this rank is larger than rank - k values of base.
      const auto pairs = rank - k;
      if (pairs > base) continue;
      for (auto u = base * head + 1; u-- > pairs;) ways[k][u] += ways[k - 1][u - pairs];
    }
  }
  auto shares = std::move(ways[head]);
  const auto all = std::reduce(shares.begin(), shares.end());
  for (auto& share : shares) share /= all;
  return shares;
}

double exact_p(double statistic, std::size_t base, std::size_t head) {
  const auto shares = exact_distribution(base, head);
  const auto at = static_cast<std::ptrdiff_t>(std::llround(statistic));
  const auto below = std::reduce(shares.begin(), shares.begin() + at + 1);
  const auto above = std::reduce(shares.begin() + at, shares.end());
  return std::min(1.0, 2 * std::min(below, above));
}

double approximate_p(const Ranks& ranked, double base, double head) {
  const auto all = base + head;
  const auto variance = base * head / 12 * (all + 1 - ranked.tie_term / (all * (all - 1)));
  if (!(variance > 0)) return 1;  // all values are equal
  const auto distance = std::abs(ranked.statistic - base * head / 2);
  const auto z = std::max(0.0, distance - 0.5) / std::sqrt(variance);
  return std::erfc(z / std::sqrt(2.0));
}

}  // namespace

double fisher_two_sided(Counts base, Counts head) {
  const auto all = splits(base, head);
  const auto seen = all.probability.at(head.failures - all.fewest) * kSameProbability;
  double sum = 0;
  for (const auto p : all.probability) sum += p <= seen ? p : 0;
  return std::min(1.0, sum);
}

double fisher_head_worse(Counts base, Counts head) {
  const auto all = splits(base, head);
  const auto from = static_cast<std::ptrdiff_t>(head.failures - all.fewest);
  return std::min(1.0, std::reduce(all.probability.begin() + from, all.probability.end()));
}

RankTest mann_whitney(const std::vector<double>& base, const std::vector<double>& head) {
  if (base.empty() || head.empty()) return {};
  const auto ranked = ranks(base, head);
  const auto n = static_cast<double>(base.size());
  const auto m = static_cast<double>(head.size());
  const bool is_small = base.size() <= kMostForExact && head.size() <= kMostForExact;
  return {.p = is_small && ranked.tie_term == 0
                   ? exact_p(ranked.statistic, base.size(), head.size())
                   : approximate_p(ranked, n, m),
          .head_larger = ranked.statistic / (n * m)};
}

std::vector<double> holm(const std::vector<double>& p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return p[i]; });
  std::vector<double> corrected(p.size());
  double least = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const auto i = order[rank];
    least = std::max(least, std::min(1.0, p[i] * static_cast<double>(p.size() - rank)));
    corrected[i] = least;
  }
  return corrected;
}

}  // namespace lastcall

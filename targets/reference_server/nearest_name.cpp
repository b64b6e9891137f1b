#include "reference_server/nearest_name.hpp"

#include <algorithm>
#include <vector>

namespace reference_server {
namespace {

// The optimal string alignment distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string nearest_name(std::string_view word, std::span<const std::string> names) {
  constexpr std::size_t kLongest = 100;  // the distance takes the product of the lengths
  std::string nearest;
  std::size_t fewest = 0;
  for (const auto& name : names) {
    if (word.size() > kLongest) break;
    const auto changes = distance(word, name);
    if (changes > std::max<std::size_t>(1, name.size() / 3)) continue;
    if (nearest.empty() || changes < fewest) {
      nearest = name;
      fewest = changes;
    }
  }
  return nearest;
}

}  // namespace reference_server

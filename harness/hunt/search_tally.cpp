#include "hunt/search_tally.hpp"

#include <algorithm>

namespace lastcall {

bool SearchTally::ever_acted() const {
  return std::ranges::any_of(searches, [&](const auto& entry) {
    return entry.second.holds_reached > 0 || entry.second.signals_landed > 0;
  });
}

}  // namespace lastcall

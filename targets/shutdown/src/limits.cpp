#include "shutdown/limits.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "decimal.hpp"

namespace graceful::shutdown {
namespace {

using Milliseconds = std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Milliseconds kDay = std::chrono::hours(24);  // a longer one is a unit mixed up

// What the defaults were made for; how they share a total of 60 s is the picture in the header.
constexpr Milliseconds kPrepare = seconds(3);
constexpr Milliseconds kDrain = seconds(30);
constexpr Milliseconds kStatistics = seconds(10);
constexpr Milliseconds kPersist = seconds(8);
constexpr Milliseconds kForceDelay = seconds(3);
constexpr Milliseconds kCleaning = seconds(3);
constexpr Milliseconds kCleanup = seconds(10);

std::string in_words(Milliseconds time) { return std::to_string(time.count()) + " ms"; }

// One of the limits that have to fit into the total side by side.
struct Share {
  const char* name;
  std::optional<Milliseconds> given;
  Milliseconds usual;
  int times;
  Milliseconds* settled;
};

}  // namespace

Result<Limits> settle(const LimitSettings& settings) {
  const auto refused = [](const std::string& what, const std::string& why) {
    return Error("accept limit", what, 0, why);
  };
  const auto total = settings.total;
  if (total.count() <= 0) return refused("total", "it is not positive");
  if (total > kDay) return refused("total", in_words(total) + " is over a day");
  Limits limits{};
  limits.total = total;
  const Share shares[] = {
      {"prepare", settings.prepare, kPrepare, 1, &limits.prepare},
      {"drain", settings.drain, kDrain, 1, &limits.drain},
      {"statistics", settings.statistics, kStatistics, 1, &limits.statistics},
      {"persist", settings.persist, kPersist, 1, &limits.persist},
      {"force_delay", settings.force_delay, kForceDelay, 2, &limits.force_delay},
      {"cleanup", settings.cleanup, kCleanup, 0, &limits.cleanup},
  };
  Milliseconds left = total;
  Milliseconds wanted = kCleaning;
  std::string given;
  for (const auto& share : shares) {
    if (!share.given) {
      wanted += share.usual * share.times;
      continue;
    }
    const bool may_be_zero = share.settled == &limits.force_delay;
    if (share.given->count() < (may_be_zero ? 0 : 1)) {
      return refused(share.name, in_words(*share.given) + " is not positive");
    }
    if (*share.given > total) {
      return refused(share.name,
                     in_words(*share.given) + " is longer than the total of " + in_words(total));
    }
    left -= *share.given * share.times;
    if (share.times > 0) given += (given.empty() ? "" : ", ") + std::string(share.name);
  }
  if (left.count() <= 0) {
    return refused(given, "of the total of " + in_words(total) + " nothing is left for the rest");
  }
  for (const auto& share : shares) {
    if (share.given) {
      *share.settled = *share.given;
    } else if (share.times == 0 || left >= wanted) {
      *share.settled = std::min(share.usual, total);
    } else {
      // Rounded up, for a limit of nothing would be a promise that cannot be kept.
      *share.settled = Milliseconds(share.usual.count() * left.count() / wanted.count() + 1);
    }
  }
  return limits;
}

Result<std::optional<Milliseconds>> total_from_environment() {
  const char* const text = std::getenv(kTotalVariable);
  if (text == nullptr) return std::optional<Milliseconds>();
  const auto number = decimal(text);
  if (!number || *number == 0 || *number > static_cast<std::uint64_t>(kDay / seconds(1))) {
    return Error("use", std::string(kTotalVariable) + "=" + text, 0,
                 "whole seconds from 1 to 86400 are expected");
  }
  return std::optional<Milliseconds>(seconds(static_cast<std::int64_t>(*number)));
}

}  // namespace graceful::shutdown

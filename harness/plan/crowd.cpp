#include "plan/crowd.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "base/prng.hpp"

namespace lastcall {
namespace {

constexpr std::uint32_t kOneIn = 10;
// One connection is enough to hold up a stop; a thousand would test something else.
constexpr std::uint32_t kMaxOfAHabit = 10;

}  // namespace

std::vector<Behaviour> habits_of_crowd(const ClientGroup& group) {
  if (group.crowd == Crowd::none) return {};
  const auto all = group.crowd == Crowd::usual ? kUsualHabits : std::span<const Behaviour>(kHabits);
  std::vector<Behaviour> habits(all.begin(), all.end());
  if (!is_websocket(group.protocol)) std::erase(habits, Behaviour::quiet);
  return habits;
}

std::map<std::uint32_t, Behaviour> draw_crowd(const ClientGroup& group, std::uint64_t seed) {
  auto habits = habits_of_crowd(group);
  Prng prng(seed);
  for (auto left = habits.size(); left > 1; --left)
    std::swap(habits[left - 1], habits[prng.between(0, left - 1)]);
  const auto each = std::clamp<std::size_t>(group.count / kOneIn, 1, kMaxOfAHabit);
  const auto others = std::min<std::size_t>(habits.size() * each, group.count / 2);
  std::map<std::uint32_t, Behaviour> drawn;
  while (drawn.size() < others) {
    const auto position = static_cast<std::uint32_t>(prng.between(0, group.count - 1));
    drawn.try_emplace(position, habits[drawn.size() % habits.size()]);
  }
  return drawn;
}

}  // namespace lastcall

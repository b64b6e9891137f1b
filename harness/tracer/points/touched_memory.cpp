#include "tracer/points/touched_memory.hpp"

#include <algorithm>
#include <utility>

namespace lastcall {

void TouchedMemory::note(std::uint64_t address, std::size_t point, int thread, HuntPhase phase,
                         bool writes) {
  addresses_[point].insert(address);
  auto& word = words_[address];
  word.threads.insert(thread);
  (writes ? word.writes : word.reads).insert({point, thread, phase});
}

bool TouchedMemory::is_private(std::size_t point) const {
  const auto known = addresses_.find(point);
  return known == addresses_.end() || std::ranges::none_of(known->second, [&](auto address) {
           const auto& word = words_.at(address);
           return word.threads.size() > 1 && !word.writes.empty();
         });
}

std::vector<Conflict> TouchedMemory::conflicts(HuntPhase phase) const {
  using Key = std::tuple<std::size_t, int, std::size_t, int>;
  std::map<Key, bool> found;  // whether the memory is written in this phase only
  for (const auto& [address, word] : words_) {
    if (word.threads.size() < 2 || word.writes.empty()) continue;
    const bool is_new = std::ranges::all_of(word.writes, [&](const Access& write) {
      return std::get<HuntPhase>(write) == phase || std::get<HuntPhase>(write) == HuntPhase::start;
    });
    for (const auto& [write, writer, when] : word.writes) {
      if (when != phase) continue;
      for (const auto* accesses : {&word.reads, &word.writes}) {
        for (const auto& [point, thread, then] : *accesses) {
          if (thread == writer || then == HuntPhase::start) continue;
          auto& new_here = found.try_emplace({point, thread, write, writer}, false).first->second;
          new_here = new_here || is_new;
        }
      }
    }
  }
  std::vector<Conflict> all;
  for (const bool new_ones : {true, false}) {
    for (const auto& [key, is_new] : found) {
      if (is_new != new_ones || all.size() == kMostConflicts) continue;
      const auto& [point, thread, write, writer] = key;
      all.push_back({.point = point,
                     .thread = thread,
                     .write = write,
                     .writer = writer,
                     .written_then_only = is_new});
    }
  }
  return all;
}

}  // namespace lastcall

#include "shutdown/resource_manager.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "bounded.hpp"

namespace graceful::shutdown {
namespace {

Error refusal(const std::string& name, const std::string& why) {
  return {"manage resource", name, 0, why};
}

}  // namespace

ResourceManager::ResourceManager(std::chrono::milliseconds default_limit)
    : default_limit_(default_limit) {}

ResourceManager::Entry* ResourceManager::find(const std::string& name) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.resource->name() == name;
  });
  return found == entries_.end() ? nullptr : &*found;
}

Result<void> ResourceManager::add(std::unique_ptr<Resource> resource, ResourceOptions options) {
  const std::string name = resource->name();
  if (name.empty()) return refusal(name, "it has no name");
  if (find(name) != nullptr) return refusal(name, "the name is taken");
  if (options.limit.count() < 0) return refusal(name, "its limit is negative");
  if (std::count(options.depends_on.begin(), options.depends_on.end(), name) > 0) {
    return refusal(name, "it depends on itself");
  }
  entries_.push_back({std::move(resource), std::move(options), false});
  return {};
}

Result<void> ResourceManager::hold_for_persisting(const std::string& name) {
  Entry* const entry = find(name);
  if (entry == nullptr) return refusal(name, "persisting needs it, and it is not registered");
  entry->options.needed_for_persisting = true;
  return {};
}

// For each entry the indices of those it depends on.
Result<std::vector<std::vector<std::size_t>>> ResourceManager::dependencies() const {
  std::vector<std::vector<std::size_t>> all(entries_.size());
  for (std::size_t user = 0; user < entries_.size(); ++user) {
    for (const auto& name : entries_[user].options.depends_on) {
      const auto used = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        return entry.resource->name() == name;
      });
      if (used == entries_.end()) {
        return refusal(entries_[user].resource->name(),
                       "it depends on " + name + ", which is not registered");
      }
      all[user].push_back(static_cast<std::size_t>(used - entries_.begin()));
    }
  }
  return all;
}

// Which entries stay open for persisting: those that say so, and all they depend on.
std::vector<bool> ResourceManager::held() const {
  const auto used = dependencies();
  std::vector<bool> held(entries_.size());
  std::vector<std::size_t> to_visit;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].options.needed_for_persisting) to_visit.push_back(i);
  }
  while (!to_visit.empty()) {
    const auto i = to_visit.back();
    to_visit.pop_back();
    if (held[i]) continue;
    held[i] = true;
    to_visit.insert(to_visit.end(), (*used)[i].begin(), (*used)[i].end());
  }
  return held;
}

Result<ResourceManager::Order> ResourceManager::order() const {
  const auto used = dependencies();
  if (!used) return used.error();
  const auto is_held = held();
  std::vector<std::size_t> open_users(entries_.size());
  for (const auto& some : *used) {
    for (const auto i : some) ++open_users[i];
  }
  std::vector<bool> placed(entries_.size());
  Order order;
  for (std::size_t count = 0; count < entries_.size(); ++count) {
    // The last registered of those that nobody open uses; those held only once no other is left.
    std::size_t next = entries_.size();
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const bool may = !placed[i] && open_users[i] == 0;
      if (may && (next == entries_.size() || !is_held[i] || is_held[next])) next = i;
    }
    if (next == entries_.size()) {
      std::string names;
      for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (!placed[i]) names += (names.empty() ? "" : ", ") + entries_[i].resource->name();
      }
      return refusal(names, "their dependencies go in a circle");
    }
    placed[next] = true;
    for (const auto i : (*used)[next]) --open_users[i];
    (is_held[next] ? order.after_persisting : order.in_cleaning)
        .push_back(entries_[next].resource->name());
  }
  return order;
}

Result<std::vector<StepReport>> ResourceManager::cleanup(Which which, Clock::time_point latest,
                                                         const Watching& watching) {
  const auto planned = order();
  if (!planned) return planned.error();
  std::vector<std::string> names;
  if (which != Which::after_persisting) names = planned->in_cleaning;
  if (which != Which::in_cleaning) {
    names.insert(names.end(), planned->after_persisting.begin(), planned->after_persisting.end());
  }
  std::vector<StepReport> reports;
  for (const auto& name : names) {
    Entry& entry = *find(name);
    if (std::exchange(entry.closed, true)) continue;
    const auto limit = entry.options.limit.count() > 0 ? entry.options.limit : default_limit_;
    if (watching.begins) watching.begins(name);
    reports.push_back(run_bounded(
        name, [resource = entry.resource] { return resource->cleanup(); },
        std::min(latest, Clock::now() + limit)));
    if (watching.ended) watching.ended(reports.back());
  }
  return reports;
}

}  // namespace graceful::shutdown

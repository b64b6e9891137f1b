#include "gate/comparison.hpp"

#include <algorithm>
#include <cmath>

namespace lastcall {
namespace {

const PropertySummary* find_property(const ScenarioSummary* scenario, const std::string& name) {
  if (scenario == nullptr) return nullptr;
  const auto found = std::ranges::find(scenario->properties, name, &PropertySummary::name);
  return found == scenario->properties.end() ? nullptr : &*found;
}

Rate rate_of(const PropertySummary* property) {
  if (property == nullptr) return {};
  const Counts counts{property->fail, property->pass + property->fail};
  return {counts, two_sided(counts.failures, counts.trials)};
}

PropertyComparison compared(const std::string& name, const PropertySummary* base,
                            const PropertySummary* head) {
  PropertyComparison one{.property = name, .base = rate_of(base), .head = rate_of(head)};
  const bool in_base = one.base.counts.trials > 0;
  const bool in_head = one.head.counts.trials > 0;
  if (in_base && in_head) {
    one.p = fisher_two_sided(one.base.counts, one.head.counts);
  } else {
    one.change = in_head ? Change::is_new : Change::gone;
  }
  if (one.head.counts.failures > 0 && one.base.counts.failures == 0 && head != nullptr)
    one.new_reason = head->first_reason;
  return one;
}

std::vector<PropertyComparison> compared_properties(const ScenarioSummary* base,
                                                    const ScenarioSummary* head) {
  std::vector<std::string> names;
  for (const auto* scenario : {head, base}) {
    if (scenario == nullptr) continue;
    for (const auto& property : scenario->properties) {
      if (property.pass + property.fail > 0 && std::ranges::count(names, property.name) == 0)
        names.push_back(property.name);
    }
  }
  std::vector<PropertyComparison> all;
  for (const auto& name : names)
    all.push_back(compared(name, find_property(base, name), find_property(head, name)));
  return all;
}

// In ascending order.
std::vector<double> times_of(const ScenarioSummary* scenario, std::optional<bool> traced) {
  std::vector<double> times;
  if (scenario == nullptr) return times;
  for (const auto& trial : scenario->trials) {
    if (!trial.broken.empty() || trial.stop <= Nanoseconds(0)) continue;
    if (!traced || trial.traced == *traced)
      times.push_back(static_cast<double>(trial.stop.count()));
  }
  std::ranges::sort(times);
  return times;
}

TimesToExit times_to_exit(const std::vector<double>& sorted) {
  if (sorted.empty()) return {};
  // The shortest that at least this part of the values do not exceed.
  const auto quantile = [&](double part) {
    const auto rank = std::ceil(part * static_cast<double>(sorted.size()));
    const auto at = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
    return Nanoseconds(static_cast<std::int64_t>(sorted[at]));
  };
  return {sorted.size(), quantile(0.5), quantile(0.95), quantile(1)};
}

// The kind of trial of which the smaller sample is larger, if either campaign has both kinds.
std::optional<bool> kind_to_compare(const ScenarioSummary* base, const ScenarioSummary* head) {
  const auto fewest = [&](bool traced) {
    return std::min(times_of(base, traced).size(), times_of(head, traced).size());
  };
  const auto has_kind = [&](const ScenarioSummary* scenario, bool traced) {
    return !times_of(scenario, traced).empty();
  };
  const bool any_traced = has_kind(base, true) || has_kind(head, true);
  const bool any_untraced = has_kind(base, false) || has_kind(head, false);
  if (!any_traced || !any_untraced) return std::nullopt;
  return fewest(true) >= fewest(false);
}

TimesComparison compared_times(const ScenarioSummary* base, const ScenarioSummary* head) {
  const auto kind = kind_to_compare(base, head);
  const auto of_base = times_of(base, kind);
  const auto of_head = times_of(head, kind);
  const auto test = mann_whitney(of_base, of_head);
  return {.base = times_to_exit(of_base),
          .head = times_to_exit(of_head),
          .traced = kind,
          .p = test.p,
          .head_larger = test.head_larger};
}

// Both samples have something to test.
bool is_tested(const PropertyComparison& one) {
  return one.base.counts.trials > 0 && one.head.counts.trials > 0;
}
bool is_tested(const TimesComparison& one) { return one.base.trials > 0 && one.head.trials > 0; }

double share(Counts counts) {
  return static_cast<double>(counts.failures) / static_cast<double>(counts.trials);
}

// Corrects what was tested together, and says what changed. Returns how many there were.
template <class One>
std::size_t correct(const std::vector<One*>& tested, const auto& is_worse) {
  std::vector<double> p;
  for (const auto* one : tested) p.push_back(one->p);
  const auto corrected = holm(p);
  for (std::size_t i = 0; i < tested.size(); ++i) {
    tested[i]->corrected = corrected[i];
    if (corrected[i] <= kLevel)
      tested[i]->change = is_worse(*tested[i]) ? Change::worse : Change::better;
  }
  return tested.size();
}

}  // namespace

Comparison compare(const CampaignSummary& base, const CampaignSummary& head,
                   const ScenarioHashes& base_hashes, const ScenarioHashes& head_hashes) {
  Comparison comparison;
  const auto add = [&](const ScenarioSummary* before, const ScenarioSummary* now) {
    const auto& file = (now != nullptr ? now : before)->scenario;
    const auto old_hash = base_hashes.find(file);
    const auto new_hash = head_hashes.find(file);
    comparison.scenarios.push_back({.scenario = file,
                                    .change = before == nullptr ? Change::is_new
                                              : now == nullptr  ? Change::gone
                                                                : Change::none,
                                    .scenario_differs = old_hash != base_hashes.end() &&
                                                        new_hash != head_hashes.end() &&
                                                        old_hash->second != new_hash->second,
                                    .properties = compared_properties(before, now),
                                    .times = compared_times(before, now)});
  };
  const auto find_in = [](const CampaignSummary& campaign, const std::string& file) {
    const auto found = std::ranges::find(campaign.scenarios, file, &ScenarioSummary::scenario);
    return found == campaign.scenarios.end() ? nullptr : &*found;
  };
  for (const auto& scenario : head.scenarios) add(find_in(base, scenario.scenario), &scenario);
  for (const auto& scenario : base.scenarios) {
    if (find_in(head, scenario.scenario) == nullptr) add(&scenario, nullptr);
  }
  std::vector<PropertyComparison*> properties;
  std::vector<TimesComparison*> times;
  for (auto& scenario : comparison.scenarios) {
    for (auto& property : scenario.properties) {
      if (is_tested(property)) properties.push_back(&property);
    }
    if (is_tested(scenario.times)) times.push_back(&scenario.times);
  }
  comparison.properties_tested = correct(properties, [](const PropertyComparison& one) {
    return share(one.head.counts) > share(one.base.counts);
  });
  comparison.times_tested =
      correct(times, [](const TimesComparison& one) { return one.head_larger > 0.5; });
  return comparison;
}

bool has(const Comparison& comparison, Change change) {
  return std::ranges::any_of(comparison.scenarios, [&](const auto& scenario) {
    return scenario.change == change ||
           std::ranges::count(scenario.properties, change, &PropertyComparison::change) > 0;
  });
}

}  // namespace lastcall

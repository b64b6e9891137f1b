#include "store/merge.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "store/store.hpp"

namespace lastcall {
namespace {

// A message with more of them is cut, and says so.
constexpr std::size_t kMostNamed = 20;

// Which trial it is: its scenario and its number within that.
using TrialKey = std::pair<std::size_t, std::uint32_t>;

TrialKey key_of(const StoredTrial& stored) { return {stored.scenario, stored.trial.trial}; }

// What of the part differs from the first one; empty if nothing does.
std::string difference(const CampaignStart& first, const CampaignStart& other) {
  const auto differs = [](const std::string& what, const std::string& one, const std::string& two) {
    return what + " " + two + ", not " + one;
  };
  if (first.seed != other.seed)
    return differs("has the seed", std::to_string(first.seed), std::to_string(other.seed));
  if (first.lastcall_version != other.lastcall_version)
    return differs("is of lastcall", first.lastcall_version, other.lastcall_version);
  if (first.scenarios.size() != other.scenarios.size())
    return differs("has a number of scenarios of", std::to_string(first.scenarios.size()),
                   std::to_string(other.scenarios.size()));
  for (std::size_t i = 0; i < first.scenarios.size(); ++i) {
    const auto& one = first.scenarios[i];
    const auto& two = other.scenarios[i];
    const auto place = "scenario " + std::to_string(i + 1);
    if (one.file != two.file) return differs("has as " + place, one.file, two.file);
    if (one.hash != two.hash)
      return "has another text of " + one.file + " (SHA-256 " + two.hash.substr(0, 12) + ", not " +
             one.hash.substr(0, 12) + ")";
    if (one.planned != two.planned)
      return differs("plans for " + one.file + " a number of trials of",
                     std::to_string(one.planned), std::to_string(two.planned));
    if (one.target_build != two.target_build)
      return differs("has tested in " + one.file, one.target_build, two.target_build);
    if (one.target_version != two.target_version)
      return differs("has tested in " + one.file + " the version", one.target_version,
                     two.target_version);
  }
  return {};
}

// What of a trial must not depend on which run of it is looked at.
using Verdicts = std::map<std::string, Outcome>;

Verdicts verdicts_of(const TrialSummary& trial) {
  Verdicts verdicts;
  if (!trial.broken.empty()) verdicts["(broke)"] = Outcome::unknown;
  for (const auto& verdict : trial.verdicts) verdicts[verdict.property] = verdict.outcome;
  return verdicts;
}

// "3, 5 to 9, 12".
std::string ranges_text(const std::vector<std::uint32_t>& sorted) {
  std::string text;
  std::size_t named = 0;
  for (std::size_t begin = 0; begin < sorted.size();) {
    auto end = begin;
    while (end + 1 < sorted.size() && sorted[end + 1] == sorted[end] + 1) ++end;
    if (++named > kMostNamed) return text + " and others";
    text += (text.empty() ? "" : ", ") + std::to_string(sorted[begin]);
    if (end > begin) text += (end > begin + 1 ? " to " : ", ") + std::to_string(sorted[end]);
    begin = end + 1;
  }
  return text;
}

class Merge {
 public:
  explicit Merge(std::vector<CampaignPart> parts) : parts_(std::move(parts)) {}

  MergedCampaign run() {
    // What is taken of two, and every message, must not depend on the order in which they are
    // named.
    for (std::size_t i = 0; i < parts_.size(); ++i) order_.push_back(i);
    std::ranges::sort(order_, {}, [&](std::size_t i) {
      const auto& start = parts_[i].campaign.start;
      return std::tuple(start.started_utc, start.run);
    });
    check_parts();
    if (result_.problems.empty()) take_trials();
    if (!result_.problems.empty()) return {.problems = std::move(result_.problems)};
    describe();
    find_missing();
    return std::move(result_);
  }

 private:
  void check_parts() {
    if (parts_.empty()) return refuse("there is nothing to merge");
    const auto& first = parts_.front();
    for (const auto& part : parts_) {
      for (const auto& scenario : part.campaign.start.scenarios) {
        if (scenario.planned == 0)
          refuse(part.named +
                 " has no fixed number of trials (--for, --until-gate): it is no part of "
                 "another campaign");
      }
      const auto what = difference(first.campaign.start, part.campaign.start);
      if (!what.empty()) refuse(part.named + " does not belong to " + first.named + ": it " + what);
    }
  }

  void take_trials() {
    std::map<std::uint32_t, TrialKey> by_number;
    std::map<TrialKey, std::size_t> taken;  // index into the merged trials
    for (const auto i : order_) {
      for (auto& stored : parts_[i].campaign.trials) {
        const auto key = key_of(stored);
        const auto [same_number, is_new] = by_number.try_emplace(stored.trial.number, key);
        if (!is_new && same_number->second != key)
          return refuse(
              parts_[i].named + " counts trial " + std::to_string(stored.trial.number) +
              " otherwise than the others: it names other scenarios, or in another order");
        const auto [known, is_first] = taken.try_emplace(key, result_.campaign.trials.size());
        if (is_first) {
          result_.campaign.trials.push_back(std::move(stored));
          result_.parts.push_back(i);
        } else {
          check_same(result_.parts[known->second], result_.campaign.trials[known->second], i,
                     stored);
        }
      }
    }
    for (auto& part : parts_) part.campaign.trials = {};  // there may be a hundred thousand
    sort_trials();
  }

  void check_same(std::size_t one, const StoredTrial& first, std::size_t two,
                  const StoredTrial& second) {
    if (verdicts_of(first.trial) == verdicts_of(second.trial)) return;
    refuse(
        "trial " + std::to_string(first.trial.number) + " (" + first.trial.scenario +
        ") ended otherwise in " + parts_[one].named + " than in " + parts_[two].named +
        ": each of them is a sample, and to choose one would be to choose a result; name only one "
        "of the two");
  }

  void sort_trials() {
    std::vector<std::size_t> order(result_.parts.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    auto& trials = result_.campaign.trials;
    std::ranges::sort(order, {}, [&](std::size_t i) { return trials[i].trial.number; });
    std::vector<StoredTrial> sorted;
    std::vector<std::size_t> parts;
    for (const auto i : order) {
      sorted.push_back(std::move(trials[i]));
      parts.push_back(result_.parts[i]);
    }
    trials = std::move(sorted);
    result_.parts = std::move(parts);
  }

  // When it began, where it ran, how it ended.
  void describe() {
    auto& start = result_.campaign.start;
    start = parts_[order_.front()].campaign.start;  // the first that began
    start.shard = {};
    CampaignEnd end;
    end.gave_up.resize(start.scenarios.size());
    std::set<std::string> machines;
    std::set<std::string> runs;
    for (const auto i : order_) {
      const auto& part = parts_[i].campaign;
      machines.insert(part.start.machine);
      runs.insert(part.start.run);
      start.stops_by_its_results = start.stops_by_its_results || part.start.stops_by_its_results;
      for (std::size_t s = 0; s < start.scenarios.size(); ++s) {
        auto& gave_up = start.scenarios[s].gave_up;
        if (gave_up.empty()) gave_up = part.start.scenarios[s].gave_up;
        end.gave_up[s] = gave_up;
      }
      if (!part.end) continue;
      end.ended_utc = std::max(end.ended_utc, part.end->ended_utc);
      end.duration += part.end->duration;
      if (end.broken.empty()) end.broken = part.end->broken;
    }
    const auto joined = [](const std::set<std::string>& words) {
      std::string all;
      for (const auto& word : words) all += (all.empty() ? "" : ",") + word;
      return all;
    };
    if (machines.size() > 1) start.machine = "[" + joined(machines) + "]";
    if (runs.size() > 1) start.run = sha256(joined(runs)).substr(0, 32);
    if (end.ended_utc.empty()) end.ended_utc = start.started_utc;
    result_.campaign.end = std::move(end);
  }

  void find_missing() {
    const auto& scenarios = result_.campaign.start.scenarios;
    std::set<TrialKey> there;
    for (const auto& stored : result_.campaign.trials) there.insert(key_of(stored));
    for (std::size_t i = 0; i < scenarios.size(); ++i) {
      std::vector<std::uint32_t> missing;
      for (std::uint32_t trial = 1; trial <= scenarios[i].planned; ++trial) {
        if (!there.contains({i, trial})) missing.push_back(trial);
      }
      if (missing.empty()) {
        // What a part could not run, another did.
        result_.campaign.start.scenarios[i].gave_up.clear();
        result_.campaign.end->gave_up[i].clear();
        continue;
      }
      result_.missing.push_back(scenarios[i].file + ": " + std::to_string(missing.size()) + " of " +
                                std::to_string(scenarios[i].planned) +
                                " trials: " + ranges_text(missing));
    }
    auto& end = *result_.campaign.end;
    end.interrupted = !result_.missing.empty();
    if (!end.interrupted) end.broken.clear();
  }

  void refuse(std::string why) {
    if (result_.problems.size() < kMostNamed) result_.problems.push_back(std::move(why));
  }

  std::vector<CampaignPart> parts_;
  std::vector<std::size_t> order_;  // of parts_, as they began
  MergedCampaign result_;
};

}  // namespace

MergedCampaign merged(std::vector<CampaignPart> parts) { return Merge(std::move(parts)).run(); }

}  // namespace lastcall

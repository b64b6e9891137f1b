#include "gate/gate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iterator>
#include <optional>

#include "campaign/statistics.hpp"
#include "gate/sequential.hpp"
#include "scenario/properties/prompt_exit.hpp"

namespace lastcall {
namespace {

// More trials than anybody runs; a search for a number ends there.
constexpr std::uint64_t kMostTrials = 1'000'000'000;

std::string counted(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

// The entry that knows of a failing verdict; of those the one that lasts longest.
const KnownFailure* known_failure(const GatePolicy& policy, const std::string& scenario,
                                  const std::string& property, const std::string& reason) {
  const KnownFailure* found = nullptr;
  for (const auto& known : policy.known) {
    if (known.property != property || !means_scenario(known.scenario, scenario)) continue;
    if (known.reason && !known.reason->found_in(reason)) continue;
    if (found == nullptr || known.until > found->until) found = &known;
  }
  return found;
}

const Verdict* failing(const TrialSummary& trial, const std::string& property) {
  const auto found = std::ranges::find_if(trial.verdicts, [&](const Verdict& verdict) {
    return verdict.property == property && verdict.outcome == Outcome::fail;
  });
  return found == trial.verdicts.end() ? nullptr : &*found;
}

// The same for a trial. What followed from a known failure is known, too.
const KnownFailure* known_failure(const GatePolicy& policy, const std::string& scenario,
                                  const TrialSummary& trial, const Verdict& verdict) {
  if (const auto* own = known_failure(policy, scenario, verdict.property, verdict.reason))
    return own;
  const auto* cause = failing(trial, verdict.consequence_of);
  return cause == nullptr ? nullptr
                          : known_failure(policy, scenario, cause->property, cause->reason);
}

void note_known(Tally& tally, const KnownFailure& known, const std::string& reason,
                std::uint64_t trials, const std::string& today) {
  const bool expired = known.until < today;
  if (!expired) {
    tally.counts.failures -= trials;
    tally.counts.trials -= trials;
  }
  auto entry = std::ranges::find_if(tally.known, [&](const KnownCount& one) {
    return one.link == known.link && one.until == known.until && one.property == known.property;
  });
  if (entry == tally.known.end()) {
    entry = tally.known.insert(entry, {.property = known.property,
                                       .reason = reason,
                                       .until = known.until,
                                       .link = known.link,
                                       .expired = expired});
  }
  entry->trials += trials;
}

// Takes a failure that is known out of the counts.
void excuse(Tally& tally, const GatePolicy& policy, const TrialSummary& trial,
            const Verdict& verdict, const std::string& today) {
  if (const auto* known = known_failure(policy, tally.scenario, trial, verdict))
    note_known(tally, *known, verdict.reason, 1, today);
}

Tally tally_of(const GatePolicy& policy, const ScenarioSummary& scenario,
               const PropertySummary& property, const std::string& today) {
  Tally tally{.scenario = scenario.scenario,
              .property = property.name,
              .counts = {property.fail, property.pass + property.fail},
              .unknown = property.unknown,
              .is_over_campaign = property.name == property::PromptExit::kName,
              .known = {}};
  tally.broken = static_cast<std::uint64_t>(std::ranges::count_if(
      scenario.trials, [](const auto& trial) { return !trial.broken.empty(); }));
  tally.matters = tally.counts.trials + tally.unknown > 0 || property.required;
  if (policy.known.empty() || property.fail == 0) return tally;
  if (tally.is_over_campaign) {
    if (const auto* known =
            known_failure(policy, scenario.scenario, property.name, property.first_reason))
      note_known(tally, *known, property.first_reason, property.fail, today);
    return tally;
  }
  for (const auto& trial : scenario.trials) {
    if (!trial.broken.empty()) continue;
    const auto* verdict = failing(trial, property.name);
    if (verdict != nullptr) excuse(tally, policy, trial, *verdict, today);
  }
  return tally;
}

// The two bounds, and what they are called.
struct Bounds {
  bool anytime = false;

  [[nodiscard]] bool shows_below(Counts counts, const Demand& demand) const {
    if (!anytime)
      return upper_bound(counts.failures, counts.trials, demand.confidence) <= demand.fails_at_most;
    return is_shown_below(counts.failures, counts.trials, demand.fails_at_most, demand.confidence);
  }
  [[nodiscard]] bool shows_above(Counts counts, const Demand& demand) const {
    if (!anytime) return lower(counts, demand) > demand.fails_at_most;
    return is_shown_above(counts.failures, counts.trials, demand.fails_at_most, demand.confidence);
  }
  [[nodiscard]] double upper(Counts counts, const Demand& demand) const {
    return anytime ? anytime_upper_bound(counts.failures, counts.trials, demand.confidence)
                   : upper_bound(counts.failures, counts.trials, demand.confidence);
  }
  [[nodiscard]] double lower(Counts counts, const Demand& demand) const {
    // The lower end of an interval that leaves as much on either side.
    return anytime ? anytime_lower_bound(counts.failures, counts.trials, demand.confidence)
                   : two_sided(counts.failures, counts.trials, 2 * demand.confidence - 1).low;
  }
};

// The least number for which it holds, which it does for all above.
std::uint64_t least(const std::function<bool(std::uint64_t)>& holds) {
  std::uint64_t high = 1;
  while (!holds(high)) {
    if (high >= kMostTrials) return 0;
    high *= 2;
  }
  std::uint64_t low = high / 2;  // for which it does not hold
  while (high - low > 1) {
    const auto middle = low + (high - low) / 2;
    (holds(middle) ? high : low) = middle;
  }
  return high;
}

// What of a demand is shown of one property in one scenario.
class TallyJudge {
 public:
  TallyJudge(const Tally& tally, const Demand& demanded, bool anytime)
      : tally_(tally), demanded_(demanded), bounds_{anytime} {}

  std::vector<GateFinding> judge() {
    judge_unknown();
    judge_expired();
    judge_least();
    if (tally_.is_over_campaign) {
      judge_over_campaign();
    } else {
      judge_rate();
    }
    return std::move(findings_);
  }

 private:
  void add(std::string rule, Standing standing, std::string text, std::uint64_t more = 0) {
    findings_.push_back(
        {tally_.scenario, tally_.property, std::move(rule), standing, std::move(text), more});
  }

  void judge_expired() {
    for (const auto& known : tally_.known) {
      if (!known.expired) continue;
      add("known", Standing::failed,
          "the known failure of " + known.property + " (" + known.link + ") came " +
              counted(known.trials, "time") + " and passed until " + known.until + " only");
    }
  }

  void judge_least() {
    const auto trials = tally_.counts.trials;
    if (trials >= demanded_.least_trials) return;
    const auto missing = demanded_.least_trials - trials;
    // Without a trial there is no rate to speak of.
    const auto for_the_rate = trials == 0 && !tally_.is_over_campaign ? more_for_the_rate() : 0;
    add("least_trials", Standing::not_settled,
        "judged in " + (trials == 0 ? "no trial" : counted(trials, "trial")) + ", " +
            std::to_string(missing) + " fewer than the " + std::to_string(demanded_.least_trials) +
            " that it needs",
        std::max(missing, for_the_rate));
  }

  // How many more clean trials it takes to show that failures are as rare as they must be.
  [[nodiscard]] std::uint64_t more_for_the_rate() const {
    if (demanded_.fails_at_most == 0) return 0;
    return least([&](std::uint64_t added) {
      return bounds_.shows_below({tally_.counts.failures, tally_.counts.trials + added}, demanded_);
    });
  }

  // A trial that broke said nothing of any property.
  void judge_unknown() {
    const auto unknown = tally_.unknown + tally_.broken;
    if (unknown == 0) return;
    const auto is_few = [&](std::uint64_t added) {
      return static_cast<double>(unknown) <=
             demanded_.unknown_at_most *
                 static_cast<double>(tally_.counts.trials + unknown + added);
    };
    const bool passes = is_few(0);
    add("unknown_at_most", passes ? Standing::passed : Standing::not_settled,
        "unknown in " + std::to_string(unknown) + " of " +
            counted(tally_.counts.trials + unknown, "trial") +
            (tally_.broken > 0 ? ", " + std::to_string(tally_.broken) + " of which broke" : "") +
            ", allowed is " + percent(demanded_.unknown_at_most),
        passes || demanded_.unknown_at_most == 0 ? 0 : least(is_few));
  }

  void judge_over_campaign() {
    if (tally_.counts.failures > 0) {
      add("fails_at_most", Standing::failed,
          "fails over the campaign: " + counted(tally_.counts.failures, "trial") + " of " +
              std::to_string(tally_.counts.trials) + " against it");
    } else if (tally_.counts.trials > 0) {
      add("fails_at_most", Standing::passed,
          "holds over the campaign, " + counted(tally_.counts.trials, "trial"));
    }
  }

  void judge_rate() {
    const auto counts = bounds_.anytime ? tally_.settled.value_or(tally_.counts) : tally_.counts;
    if (counts.trials == 0) return;  // judge_least() says so
    const auto seen = "fails " + std::to_string(counts.failures) + " of " +
                      (counts.trials < tally_.counts.trials ? "the first " : "") +
                      counted(counts.trials, "trial");
    const auto sure = " at " + percent(demanded_.confidence);
    if (demanded_.fails_at_most == 0) {
      add("fails_at_most", counts.failures > 0 ? Standing::failed : Standing::passed,
          seen + ", where no failure is allowed");
      return;
    }
    const auto allowed = percent(demanded_.fails_at_most);
    if (bounds_.shows_below(counts, demanded_)) {
      add("fails_at_most", Standing::passed,
          seen + ": at most " + percent(bounds_.upper(counts, demanded_), Rounding::up) + sure +
              ", allowed is " + allowed);
      return;
    }
    if (bounds_.shows_above(counts, demanded_)) {
      const auto low = bounds_.lower(counts, demanded_);
      add("fails_at_most", Standing::failed,
          seen + ": at least " + percent(low, Rounding::down) + sure + ", " +
              percent(low - demanded_.fails_at_most, Rounding::down) + " more than the " + allowed +
              " that are allowed");
      return;
    }
    const auto high = bounds_.upper(counts, demanded_);
    add("fails_at_most", Standing::not_settled,
        seen + ": at most " + percent(high, Rounding::up) + sure + ", " +
            percent(high - demanded_.fails_at_most, Rounding::up) + " more than the " + allowed +
            " that are allowed",
        more_for_the_rate());
  }

  const Tally& tally_;
  const Demand& demanded_;
  Bounds bounds_;
  std::vector<GateFinding> findings_;
};

class Judge {
 public:
  Judge(const GatePolicy& policy, const GateInput& input) : policy_(policy), input_(input) {}

  GateResult judge() {
    for (auto& tally : tallies(policy_, input_.head, input_.today)) {
      const auto demanded = demand(policy_, tally.scenario, tally.property);
      if (!tally.matters && !demanded.is_named) continue;
      if (input_.stopped_by_its_results) tally.settled = settled(tally, demanded);
      std::ranges::move(judge_tally(tally, demanded, input_.stopped_by_its_results),
                        std::back_inserter(result_.findings));
      result_.tallies.push_back(std::move(tally));
    }
    judge_regression();
    judge_whole();
    for (const auto& finding : result_.findings) {
      result_.standing = std::max(result_.standing, finding.standing);
      result_.more_clean_trials = std::max(result_.more_clean_trials, finding.more_clean_trials);
    }
    return std::move(result_);
  }

 private:
  // The same as GateWatch saw while the campaign ran: trials in the order in which they began.
  [[nodiscard]] std::optional<Counts> settled(const Tally& whole, const Demand& demanded) const {
    const auto scenario =
        std::ranges::find(input_.head.scenarios, whole.scenario, &ScenarioSummary::scenario);
    if (whole.is_over_campaign || scenario == input_.head.scenarios.end()) return std::nullopt;
    std::vector<const TrialSummary*> trials;
    for (const auto& trial : scenario->trials) {
      if (trial.broken.empty()) trials.push_back(&trial);
    }
    std::ranges::sort(trials, {}, &TrialSummary::number);
    Tally so_far{.scenario = whole.scenario, .property = whole.property};
    for (const auto* trial : trials) {
      const auto verdict = std::ranges::find(trial->verdicts, whole.property, &Verdict::property);
      if (verdict == trial->verdicts.end()) continue;
      add_verdict(so_far, policy_, *trial, *verdict, input_.today);
      note_settled(so_far, demanded);
    }
    return so_far.settled;
  }

  void add(const Tally& tally, std::string rule, Standing standing, std::string text) {
    result_.findings.push_back(
        {tally.scenario, tally.property, std::move(rule), standing, std::move(text)});
  }

  // Fisher's exact test of each property that both have judged, corrected for being many.
  void judge_regression() {
    if (!policy_.regression) return;
    if (input_.baseline == nullptr || input_.stopped_by_its_results) {
      result_.findings.push_back(
          {.rule = "regression",
           .standing = Standing::not_settled,
           .text = input_.baseline == nullptr
                       ? "there is no baseline: name one with --baseline or in [regression]"
                       : "a campaign that stopped because of what it found is not compared with a "
                         "baseline: run a fixed number of trials"});
      return;
    }
    struct Pair {
      const Tally* head;
      Counts base;
    };
    const auto before = tallies(policy_, *input_.baseline, input_.today);
    std::vector<Pair> pairs;
    std::vector<double> p;
    for (const auto& base : before) {
      if (base.counts.trials == 0) continue;
      const auto head = std::ranges::find_if(result_.tallies, [&](const Tally& one) {
        return one.scenario == base.scenario && one.property == base.property;
      });
      if (head == result_.tallies.end() || head->counts.trials == 0) {
        add(base, "regression", Standing::not_settled,
            "judged in " + counted(base.counts.trials, "trial") +
                " of the baseline and in none of these results");
        continue;
      }
      pairs.push_back({&*head, base.counts});
      p.push_back(fisher_head_worse(base.counts, head->counts));
    }
    const auto corrected = holm(p);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const auto& [head, base] = pairs[i];
      if (corrected[i] > 1 - policy_.regression->confidence) continue;
      std::array<char, 32> level{};
      std::snprintf(level.data(), level.size(), "%.2g", corrected[i]);
      add(*head, "regression", Standing::failed,
          "fails " + std::to_string(head->counts.failures) + " of " +
              counted(head->counts.trials, "trial") + ", in the baseline " +
              std::to_string(base.failures) + " of " + std::to_string(base.trials) +
              ": worse (p = " + level.data() + " by Fisher's exact test, corrected for " +
              counted(pairs.size(), "property") + ")");
    }
  }

  void add_whole(std::string rule, std::string text) {
    result_.findings.push_back(
        {.rule = std::move(rule), .standing = Standing::not_settled, .text = std::move(text)});
  }

  void judge_whole() {
    const auto& scenarios = input_.head.scenarios;
    const auto has_none = [&](const std::string& glob) {
      return std::ranges::none_of(
          scenarios, [&](const auto& one) { return means_scenario(glob, one.scenario); });
    };
    for (const auto& wanted : policy_.scenarios) {
      if (has_none(wanted)) add_whole("scenarios", wanted + " is not in the results");
    }
    for (const auto& rule : policy_.rules) {
      const auto place = "the rule in line " + std::to_string(rule.line) + " ";
      if (has_none(rule.scenario))
        add_whole("rules", place + "is about " + rule.scenario + ", which is not in the results");
      for (const auto& property : rule.properties) {
        const bool is_there = std::ranges::any_of(result_.tallies, [&](const Tally& tally) {
          return tally.property == property && is_about(rule, tally.scenario, tally.property);
        });
        if (!is_there && !has_none(rule.scenario))
          add_whole("rules", place + "is about " + property + ", which no scenario has");
      }
    }
    if (result_.tallies.empty()) add_whole("gate", "the results judge no property");
    if (!input_.not_ended.empty()) add_whole("gate", input_.not_ended);
  }

  const GatePolicy& policy_;
  const GateInput& input_;
  GateResult result_{};
};

}  // namespace

std::vector<Tally> tallies(const GatePolicy& policy, const CampaignSummary& head,
                           const std::string& today) {
  std::vector<Tally> all;
  for (const auto& scenario : head.scenarios) {
    for (const auto& property : scenario.properties) {
      if (property.switched_off.empty()) all.push_back(tally_of(policy, scenario, property, today));
    }
  }
  return all;
}

void add_verdict(Tally& tally, const GatePolicy& policy, const TrialSummary& trial,
                 const Verdict& verdict, const std::string& today) {
  if (verdict.outcome == Outcome::not_applicable) return;
  tally.matters = true;
  if (verdict.outcome == Outcome::unknown) {
    ++tally.unknown;
    return;
  }
  ++tally.counts.trials;
  if (verdict.outcome != Outcome::fail) return;
  ++tally.counts.failures;
  excuse(tally, policy, trial, verdict, today);
}

void note_settled(Tally& tally, const Demand& demanded) {
  const Bounds anytime{.anytime = true};
  if (tally.counts.trials == 0 || demanded.fails_at_most == 0) return;
  const bool is_new = !tally.settled || !anytime.shows_above(*tally.settled, demanded);
  if (is_new && anytime.shows_above(tally.counts, demanded)) tally.settled = tally.counts;
  if (!tally.settled && anytime.shows_below(tally.counts, demanded)) tally.settled = tally.counts;
}

std::vector<GateFinding> judge_tally(const Tally& tally, const Demand& demanded, bool anytime) {
  return TallyJudge(tally, demanded, anytime).judge();
}

GateResult gate(const GatePolicy& policy, const GateInput& input) {
  return Judge(policy, input).judge();
}

std::string percent(double part, Rounding rounding) {
  const auto hundredths = part * 100;
  const int digits = hundredths > 0 && hundredths < 1
                         ? std::min(6, 1 - static_cast<int>(std::floor(std::log10(hundredths))))
                         : 2;
  const auto scale = std::pow(10.0, digits);
  // What is a round number but for the rounding of its binary form stays that number.
  constexpr double kNoise = 1e-9;
  auto scaled = hundredths * scale;
  if (rounding == Rounding::up) scaled = std::ceil(scaled - kNoise);
  if (rounding == Rounding::down) scaled = std::floor(scaled + kNoise);
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, scaled / scale);
  std::string number = text.data();
  number.erase(number.find_last_not_of('0') + 1);
  if (number.ends_with('.')) number.pop_back();
  return number + " %";
}

}  // namespace lastcall

#include "hunt/scenario_hunt.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "base/durations.hpp"
#include "hunt/held_plan.hpp"
#include "hunt/scenario_trials.hpp"
#include "hunt/two_calibrations.hpp"

namespace lastcall {
namespace {

using namespace std::chrono_literals;

class ScenarioSearch {
 public:
  ScenarioSearch(ForkServer& server, const ScenarioHuntOptions& options)
      : options_(options),
        began_(now()),
        trials_({.server = server,
                 .folder = options.folder,
                 .tools = options.tools,
                 .jobs = options.jobs,
                 .interrupted = options.interrupted,
                 .tick = [this] { options_.progress(doing_); }}) {}

  ScenarioHuntOutcome run() {
    if (baseline() && calibrate()) look();
    if (best_ && trials_.interrupted() == 0 && trials_.broken().empty()) conclude();
    if (outcome_.broken.empty()) outcome_.broken = trials_.broken();
    outcome_.interrupted = trials_.interrupted();
    outcome_.took = now() - began_;
    return std::move(outcome_);
  }

 private:
  static constexpr std::uint64_t kBaseline = 5;
  // A plan that comes back this often of kProbe is good enough to be the one.
  static constexpr std::uint64_t kProbe = 6;
  static constexpr std::uint64_t kGood = 5;
  static constexpr std::uint64_t kHardly = 3;  // this many without a failure: hardly one to replay
  static constexpr std::uint64_t kFinal = 12;
  // How long a better place is looked for once one has failed.
  static constexpr Nanoseconds kBetter = 30s;
  // In a row that no scenario has words for: then there are no others.
  static constexpr int kMostUnsaid = 10'000;

  [[nodiscard]] bool is_over() const { return now() - began_ >= options_.budget; }

  [[nodiscard]] Plan drawn(std::uint32_t number) const {
    const auto& loaded = options_.scenario;
    auto plan = draw_plan(loaded.file, loaded.text, loaded.scenario,
                          trial_seed(options_.seed, loaded.seed_key, number), number);
    plan.traced = true;
    return plan;
  }

  // Of what failed in a trial, the property that tells the cause.
  static const Verdict* cause_in(const TrialResult& result) {
    const auto found = std::ranges::find_if(result.verdicts, [](const Verdict& verdict) {
      return verdict.outcome == Outcome::fail && verdict.consequence_of.empty();
    });
    return found == result.verdicts.end() ? nullptr : &*found;
  }

  static std::string why_untraced(const TrialResult& result) {
    const auto found = std::ranges::find(result.verdicts, Outcome::unknown, &Verdict::outcome);
    return "the target was not traced" + (found == result.verdicts.end()
                                              ? ": `lastcall doctor` may say why"
                                              : ": " + found->reason);
  }

  // The clients, what is measured of the load and each moment differ from trial to trial, as in a
  // campaign; what fails in all of them needs no hold.
  bool baseline() {
    std::map<std::string, std::uint64_t> failed;
    std::string reason;
    std::uint64_t begun = 0;
    const auto next = [&](std::uint32_t number) -> std::optional<Plan> {
      if (begun == kBaseline) return std::nullopt;
      doing_ = "baseline, trial " + std::to_string(++begun);
      return drawn(number);
    };
    const auto done = [&](std::uint32_t, const TrialResult& result, const std::string&) {
      ++outcome_.baseline.runs;
      outcome_.baseline_took = std::max(outcome_.baseline_took, result.duration);
      if (const auto* cause = cause_in(result)) {
        ++outcome_.baseline.failed;
        reason = cause->property + ": " + cause->reason;
        if (++failed[cause->property] == kBaseline) outcome_.wrong_before = reason;
      }
      if (!result.traced) outcome_.broken = why_untraced(result);
      return false;
    };
    if (!trials_.run(next, done) || !outcome_.broken.empty()) return false;
    if (outcome_.baseline.failed == kBaseline) outcome_.wrong_before = reason;
    return outcome_.wrong_before.empty();
  }

  bool calibrate() {
    const auto seen = calibrate_twice([&](PointScope scope, const Calibration& met) {
      const bool is_first = scope == PointScope::functions;
      doing_ = is_first ? "calibration of functions" : "calibration inside of functions";
      return trials_.calibrate(drawn(kBaseline + 1),
                               is_first ? "" : calibration_json({.calibration = met}),
                               [&](const TrialResult& result) {
                                 ++outcome_.trials;
                                 auto& count = outcome_.searches[SearchKind::shaker];
                                 ++count.trials;
                                 if (cause_in(result) != nullptr) ++count.failures;
                               });
    });
    if (!seen) return false;
    outcome_.points = seen->known;
    outcome_.points_left_out = seen->left_out;
    outcome_.points_met = points_met(seen->calibration);
    outcome_.threads = seen->threads;
    calibration_ = by_thread_name(seen->calibration);
    calibration_.is_signalled = stop_fault(drawn(1)).has_value();
    calibration_.one_visit_a_hold = true;
    return true;
  }

  struct Tried {
    Plan plan;
    Attempt attempt;
  };
  struct Hit {
    Plan plan;
    SearchKind kind;
    std::string property;
    std::string reason;
    Nanoseconds at{};
    std::uint64_t trials = 0;
  };

  void look() {
    Attempts attempts(calibration_, options_.seed);
    while (!is_over() && !is_enough()) {
      std::map<std::uint32_t, Tried> tried;
      std::optional<Hit> hit;
      bool is_any = false;
      const auto next = [&](std::uint32_t number) -> std::optional<Plan> {
        if (hit || is_over()) return std::nullopt;
        auto one = attempt(attempts, number);
        if (!one) return std::nullopt;
        is_any = true;
        show(*one, attempts);
        auto plan = one->plan;
        tried.emplace(number, std::move(*one));
        return plan;
      };
      const auto done = [&](std::uint32_t number, const TrialResult& result, const std::string&) {
        const auto one = tried.extract(number);
        note(one.mapped(), result);
        if (const auto visits = visits_of_hold(one.mapped(), result))
          attempts.saw(one.mapped().attempt, *visits);
        const auto* cause = cause_in(result);
        if (cause == nullptr || hit || is_known(cause->property)) return false;
        hit = Hit{one.mapped().plan, one.mapped().attempt.kind,
                  cause->property,   cause->reason,
                  now() - began_,    outcome_.trials};
        return false;
      };
      if (!trials_.run(next, done) || !is_any) return;
      if (hit) confirm(*hit);
      if (trials_.interrupted() != 0 || !trials_.broken().empty()) return;
    }
  }

  [[nodiscard]] std::optional<Tried> attempt(Attempts& attempts, std::uint32_t number) {
    const auto plan = drawn(number);
    for (int i = 0; i < kMostUnsaid; ++i) {
      auto next = attempts.next();
      if (!next) return std::nullopt;
      if (auto held = held_plan(plan, *next)) return Tried{std::move(*held), std::move(*next)};
      ++outcome_.not_to_be_held;
    }
    return std::nullopt;
  }

  void show(const Tried& one, const Attempts& attempts) {
    const auto left = std::max<Nanoseconds>(0s, options_.budget - (now() - began_));
    doing_ = std::to_string(outcome_.trials) + " trials, " + human_duration(left) + " left, " +
             search_name(one.attempt.kind) + " " + std::to_string(attempts.handed_out()) + " of " +
             std::to_string(attempts.planned()) +
             (best_ ? ", found one, looking for a better place" : "");
  }

  // How often threads came to the place of the only hold, if they were counted.
  static std::optional<std::uint64_t> visits_of_hold(const Tried& one, const TrialResult& result) {
    if (one.attempt.holds.size() != 1) return std::nullopt;
    const auto fault =
        one.attempt.holds.front().sends_signal ? stop_fault(one.plan) : one.plan.faults.size() - 1;
    const auto counted = result.visits.find(static_cast<std::uint32_t>(*fault));
    if (counted == result.visits.end()) return std::nullopt;
    return counted->second;
  }

  // A fault that the plan has besides the holds may not be reached either: that is no hold.
  void note(const Tried& one, const TrialResult& result) {
    auto& count = outcome_.searches[one.attempt.kind];
    ++outcome_.trials;
    ++count.trials;
    if (cause_in(result) != nullptr) ++count.failures;
    count.holds_planned += one.attempt.holds.size();
    const auto stop = stop_fault(one.plan);
    for (std::size_t i = 0; i < one.plan.faults.size(); ++i) {
      const auto& fault = one.plan.faults[i];
      const bool is_stop = i == stop && std::holds_alternative<NthVisit>(fault.when);
      const bool is_added = i >= options_.scenario.scenario.faults.size();
      if (!is_stop && !is_added) continue;
      const bool reached = std::ranges::count(result.unreached, static_cast<std::uint32_t>(i)) == 0;
      if (reached) ++count.holds_reached;
      const auto visits = result.visits.find(static_cast<std::uint32_t>(i));
      if (!reached && visits != result.visits.end() && visits->second == 0) ++count.holds_unvisited;
      if (is_stop) ++count.signals_planned;
      if (is_stop && reached) ++count.signals_landed;
    }
  }

  [[nodiscard]] bool is_known(const std::string& property) const {
    return outcome_.as_often_undisturbed.contains(property) ||
           std::ranges::count(outcome_.findings, property, &ScenarioFinding::property) > 0;
  }

  [[nodiscard]] bool is_enough() {
    if (!best_) return false;
    if (best_->rate.failed < kGood && now() - first_failure_ < kBetter) return false;
    const auto found = outcome_.findings.size();
    conclude();
    return outcome_.findings.size() > found && !options_.keeps_going;
  }

  [[nodiscard]] ScenarioFinding probed(const Plan& plan, const Hit& hit) {
    doing_ = "does it come back? " + sentence_of(plan);
    ScenarioFinding finding{.plan = plan,
                            .property = hit.property,
                            .reason = hit.reason,
                            .kind = hit.kind,
                            .found_after = hit.at,
                            .trials = hit.trials};
    std::uint64_t failed = 0;
    std::uint64_t ended = 0;
    finding.rate = trials_.rate(plan, {hit.property}, kProbe, [&](bool is_failure) {
      failed += is_failure ? 1 : 0;
      return ++ended < kHardly || failed > 0;
    });
    outcome_.trials += ended;
    return finding;
  }

  void confirm(const Hit& hit) {
    auto best = probed(hit.plan, hit);
    if (best.rate.failed < 2) {
      ++outcome_.unconfirmed;
      outcome_.last_unconfirmed = hit.property + ": " + hit.reason;
      return;
    }
    if (!best_) {
      first_failure_ = now();
      best_ = std::move(best);
    } else if (best.rate.failed > best_->rate.failed) {
      best.found_after = best_->found_after;
      best.trials = best_->trials;
      best_ = std::move(best);
    }
  }

  // Measures the plan that is reported, next to the same one without its holds.
  void conclude() {
    auto finding = std::move(*best_);
    best_.reset();
    doing_ = "measuring how often it comes back";
    finding.rate = trials_.rate(finding.plan, {finding.property}, kFinal);
    finding.directory = trials_.failing_directory();
    doing_ = "measuring how often it fails without holds";
    finding.undisturbed = trials_.rate(without_holds(finding.plan), {finding.property}, kFinal);
    if (!finding.undisturbed.broken.empty() && finding.rate.failed == 0) return;
    const auto share = [](const FailureRate& rate) {
      return rate.runs == 0 ? 0.0
                            : static_cast<double>(rate.failed) / static_cast<double>(rate.runs);
    };
    if (finding.rate.failed == 0) {
      ++outcome_.unconfirmed;
      outcome_.last_unconfirmed = finding.property + ": " + finding.reason;
    } else if (2 * share(finding.undisturbed) > share(finding.rate)) {
      outcome_.as_often_undisturbed[finding.property] = finding.reason;
    } else {
      outcome_.findings.push_back(std::move(finding));
    }
  }

  const ScenarioHuntOptions& options_;
  TimePoint began_;
  std::string doing_;
  ScenarioTrials trials_;
  ScenarioHuntOutcome outcome_;
  Calibration calibration_;
  std::optional<ScenarioFinding> best_;
  TimePoint first_failure_{};
};

}  // namespace

ScenarioHuntOutcome hunt_scenario(ForkServer& server, const ScenarioHuntOptions& options) {
  return ScenarioSearch(server, options).run();
}

}  // namespace lastcall

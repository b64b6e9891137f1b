#include "hunt/hunt.hpp"

#include <algorithm>
#include <csignal>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/durations.hpp"
#include "hunt/two_calibrations.hpp"
#include "search/log_match.hpp"

namespace lastcall {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kBaseline = 5;
constexpr int kShakes = 6;
// A plan that comes back this often of kProbe is good enough to be the one.
constexpr std::uint64_t kProbe = 6;
constexpr std::uint64_t kGood = 5;
constexpr std::uint64_t kFinal = 20;
// Long enough for a replay on a busy machine.
constexpr Nanoseconds kReplayHold = 10ms;
// How long a better place is looked for once one has failed.
constexpr Nanoseconds kBetter = 10s;
// From ready to the signal of a calibration: what comes about every ten milliseconds is seen.
constexpr Nanoseconds kLongRun = 30ms;
constexpr Nanoseconds kLongestFirst = 60s;

// A run of the search, and what is left of it.
class Search {
 public:
  Search(const HuntOptions& options, HuntSurroundings around)
      : options_(options), around_(around), base_(options.base), began_(now()) {}

  HuntOutcome run() {
    if (baseline() && calibrate()) look();
    if (!outcome_.broken.empty() && outcome_.broken != "interrupted") return finished();
    // If no hold fails again and again, what the breakpoints alone do is the finding.
    if (!best_ && outcome_.findings.empty() && outcome_.broken.empty() && shaker_)
      best_ = std::move(*shaker_);
    if (best_ && is_new(best_->plan)) conclude();
    return finished();
  }

 private:
  using Candidate = HuntFinding;

  HuntOutcome finished() {
    outcome_.took = now() - began_;
    return std::move(outcome_);
  }
  [[nodiscard]] bool is_over() const {
    return !outcome_.broken.empty() || now() - began_ >= options_.budget;
  }
  [[nodiscard]] bool is_new(const HuntPlan& plan) const {
    return std::ranges::none_of(outcome_.findings, [&](const HuntFinding& one) {
      return one.plan.failure == plan.failure;
    });
  }

  bool baseline() {
    const bool is_asked = options_.finds_servers && base_.signal == 0;
    around_.longest =
        std::min(kLongestFirst, std::max<Nanoseconds>(options_.budget / (is_asked ? 4 : 1), 5s));
    std::map<std::string, std::uint64_t> ends;
    std::string sample;
    for (std::uint64_t i = 0; i < kBaseline; ++i) {
      options_.progress("baseline, run " + std::to_string(i + 1));
      const auto trial = run_hunt_trial({.plan = base_}, around_);
      if (!trial.broken.empty()) {
        outcome_.broken = trial.broken;
        return false;
      }
      const bool goes_on =
          trial.end.how == RunEnd::How::too_long || trial.end.how == RunEnd::How::hung;
      if (is_asked && i == 0 && goes_on) {
        outcome_.is_server = true;
        base_.signal = SIGTERM;
        return baseline();
      }
      ++outcome_.baseline.runs;
      outcome_.baseline_took = std::max(outcome_.baseline_took, trial.took);
      if (!trial.output.empty()) around_.prints = true;
      outcome_.threads = std::max(outcome_.threads, trial.acted.threads);
      const bool is_stop =
          trial.end.how == RunEnd::How::signalled && trial.end.value == base_.signal;
      const bool is_right =
          trial.end.how == RunEnd::How::exited &&
          (base_.exit_code ? trial.end.value == *base_.exit_code : trial.end.value == 0);
      if (is_right || (is_stop && !base_.exit_code)) {
        ++ends[end_text(trial.end)];
      } else {
        ++outcome_.baseline.failed;
        sample = failure_of(trial.end, trial.output, {}, std::nullopt);
        outcome_.last_unconfirmed = sample;
      }
    }
    // A program that sometimes takes the signal and sometimes dies of it has a race already.
    if (ends.size() > 1 && base_.signal != 0)
      ends.erase(end_text({RunEnd::How::signalled, base_.signal}));
    for (const auto& [end, count] : ends) base_.usual_ends.push_back(end);
    if (outcome_.baseline.failed == outcome_.baseline.runs) outcome_.wrong_before = sample;
    around_.longest = std::max<Nanoseconds>(2s, outcome_.baseline_took * 20);
    around_.signal_patience = std::max(around_.signal_patience, outcome_.baseline_took * 4);
    return outcome_.wrong_before.empty();
  }

  bool calibrate() {
    options_.progress("calibration");
    std::optional<HuntTrial> failed;
    auto seen = calibrate_twice(
        [&](PointScope scope, const Calibration& met) { return calibration(scope, met, failed); });
    if (!seen) return false;
    outcome_.points = seen->known;
    outcome_.points_left_out = seen->left_out;
    outcome_.points_met = points_met(seen->calibration);
    calibration_ = std::move(seen->calibration);
    if (!options_.log.empty()) {
      std::set<std::string> functions;
      for (const auto& point : catalogue_.points) functions.insert(point.function);
      calibration_.favoured = functions_in_log(options_.log, functions, catalogue_.texts);
      outcome_.functions_in_log = calibration_.favoured.size();
    }
    if (failed) shaken(*failed);
    if (base_.signal != 0) {
      auto called = run_hunt_trial({.plan = base_, .sees_all_calls = true}, around_);
      if (called.broken.empty()) calibration_.calls = called.acted.calls;
      ++outcome_.trials;
    }
    return true;
  }

  // `failed`: a trial whose failure is what breakpoints do to the program.
  std::optional<SavedCalibration> calibration(PointScope scope, const Calibration& met,
                                              std::optional<HuntTrial>& failed) {
    auto plan = base_;
    // On a busy machine little happens in that time, so it takes as long as a whole run did.
    plan.signal_after = std::max({kLongRun, base_.signal_after, outcome_.baseline_took});
    auto trial =
        run_hunt_trial({.plan = plan, .catalogues = true, .scope = scope, .met = met}, around_);
    if (!trial.broken.empty()) {
      outcome_.broken = trial.broken;
      return std::nullopt;
    }
    ++outcome_.trials;
    note_calibration(trial);
    SavedCalibration seen{.calibration = std::move(trial.calibration),
                          .known = trial.catalogue.points.size() + trial.catalogue.unmet,
                          .left_out = trial.catalogue.left_out,
                          .threads = trial.acted.threads};
    if (scope == PointScope::functions) catalogue_ = std::move(trial.catalogue);
    // It may be too slow for any limit.
    if (!trial.failure.empty() && trial.end.how != RunEnd::How::too_long && is_wanted(trial))
      failed = std::move(trial);
    return seen;
  }

  void note_calibration(const HuntTrial& trial) {
    outcome_.threads = std::max(outcome_.threads, trial.acted.threads);
    auto& count = outcome_.searches[SearchKind::shaker];
    ++count.trials;
    if (!trial.failure.empty()) ++count.failures;
  }

  // A race shows with breakpoints alone: that plan is what is left if no hold replays better.
  void shaken(const HuntTrial& trial) {
    if (shaken_) return;
    shaken_ = true;
    Candidate candidate;
    candidate.plan = base_;
    candidate.plan.armed = visited_points();
    candidate.plan.build_ids = catalogue_.build_ids;
    candidate.plan.failure = trial.failure;
    candidate.kind = SearchKind::shaker;
    candidate.found_after = now() - began_;
    candidate.trials = outcome_.trials;
    shaker_ = std::move(candidate);
  }

  std::vector<CodePoint> visited_points() const {
    std::set<std::size_t> indices;
    for (const auto& visit : calibration_.visits) indices.insert(visit.point);
    std::vector<CodePoint> points;
    for (const auto i : indices) points.push_back(calibration_.points[i]);
    return points;
  }

  void look() {
    Attempts attempts(calibration_, options_.seed);
    Prng prng(Prng::split(options_.seed, "shaker"));
    const auto shaken_points = visited_points();
    int shakes = 0;
    for (int turn = 0; !is_over() && !is_enough(); ++turn) {
      const bool shakes_now = !shaken_points.empty() && shakes < kShakes && turn % 4 == 0;
      const auto attempt =
          shakes_now ? std::optional(Attempt{.kind = SearchKind::shaker, .arms_all = true})
                     : attempts.next();
      if (!attempt) {
        // Nothing to hold, no signal to place: what is left are plain runs.
        if (shaken_points.empty()) return;
        shakes = 0;
        continue;
      }
      if (shakes_now) ++shakes;
      auto plan = plan_of(*attempt);
      if (attempt->arms_all) {
        plan.armed = shaken_points;
        plan.signal_after = Nanoseconds(1ms) * static_cast<std::int64_t>(prng.between(0, 20));
      }
      show(*attempt, attempts);
      try_out(plan, *attempt);
    }
  }

  [[nodiscard]] bool is_enough() {
    if (!best_) return false;
    const bool good = best_->rate.failed >= kGood;
    if (!good && now() - first_failure_ < kBetter) return false;
    if (!options_.keeps_going) return true;
    if (is_new(best_->plan)) conclude();
    best_.reset();
    return false;
  }

  [[nodiscard]] HuntPlan plan_of(const Attempt& attempt) const {
    auto plan = base_;
    plan.holds = attempt.holds;
    plan.signal_at_call = attempt.signal_at_call;
    plan.exit_barrier = attempt.exit_barrier;
    for (const auto& hold : plan.holds) add_build_id(plan, hold.point.module);
    if (attempt.arms_all) plan.build_ids = catalogue_.build_ids;
    return plan;
  }
  void add_build_id(HuntPlan& plan, const std::string& module) const {
    const auto found = catalogue_.build_ids.find(module);
    if (found != catalogue_.build_ids.end()) plan.build_ids.insert(*found);
  }

  void show(const Attempt& attempt, const Attempts& attempts) {
    const auto left = std::max<Nanoseconds>(0s, options_.budget - (now() - began_));
    options_.progress(std::to_string(outcome_.trials) + " trials, " + human_duration(left) +
                      " left, " + search_name(attempt.kind) + " " +
                      std::to_string(attempts.handed_out()) + " of " +
                      std::to_string(attempts.planned()) +
                      (best_ ? ", found one, looking for a better place" : ""));
  }

  [[nodiscard]] HuntTrial run_plan(const HuntPlan& plan) {
    auto trial = run_hunt_trial({.plan = plan}, around_);
    ++outcome_.trials;
    if (!trial.broken.empty()) outcome_.broken = trial.broken;
    return trial;
  }

  void try_out(const HuntPlan& plan, const Attempt& attempt) {
    const auto trial = run_plan(plan);
    auto& count = outcome_.searches[attempt.kind];
    ++count.trials;
    count.holds_planned += plan.holds.size();
    count.holds_reached +=
        static_cast<std::uint64_t>(std::ranges::count(trial.acted.reached, true));
    count.holds_unvisited +=
        static_cast<std::uint64_t>(std::ranges::count(trial.acted.visits, std::uint64_t{0}));
    if (plan.signal_at_call || std::ranges::any_of(plan.holds, &ThreadHold::sends_signal)) {
      ++count.signals_planned;
      if (trial.acted.signal_as_planned) ++count.signals_landed;
    }
    outcome_.threads = std::max(outcome_.threads, trial.acted.threads);
    if (trial.failure.empty() || !trial.broken.empty()) return;
    // It may be too slow for any limit.
    if ((attempt.arms_all || slows_all(plan)) && trial.end.how == RunEnd::How::too_long) return;
    ++count.failures;
    if (!is_wanted(trial)) {
      ++outcome_.other_than_log;
      return;
    }
    if (attempt.kind == SearchKind::shaker) return shaken(trial);
    confirm(plan, attempt.kind, trial.failure);
  }

  [[nodiscard]] bool is_wanted(const HuntTrial& trial) const {
    return options_.log.empty() || signature_of(trial.output) == signature_of(options_.log);
  }

  // Whether a failure comes back with its plan, or with one that differs a little.
  void confirm(HuntPlan plan, SearchKind kind, const std::string& failure) {
    plan.failure = failure;
    if (!is_new(plan)) return;
    const auto at = now() - began_;
    const auto trials = outcome_.trials;
    auto best = probed(plan);
    for (const auto& other : variants(plan)) {
      if (best.rate.failed >= kGood || is_over()) break;
      auto candidate = probed(other);
      if (candidate.rate.failed > best.rate.failed) best = std::move(candidate);
    }
    if (best.rate.failed < 2) {
      ++outcome_.unconfirmed;
      outcome_.last_unconfirmed = failure;
      return;
    }
    best.kind = kind;
    best.found_after = at;
    best.trials = trials;
    if (!best_) {
      first_failure_ = now();
      best_ = std::move(best);
    } else if (best.rate.failed > best_->rate.failed) {
      best.found_after = best_->found_after;
      best.trials = best_->trials;
      best_ = std::move(best);
    }
  }

  const std::vector<HuntPlan>& variants(const HuntPlan& plan) {
    variants_.clear();
    auto longer = plan;
    for (auto& hold : longer.holds) hold.time = kReplayHold;
    if (longer != plan) variants_.push_back(longer);
    auto flipped = longer;
    flipped.exit_barrier = !flipped.exit_barrier;
    variants_.push_back(flipped);
    return variants_;
  }

  [[nodiscard]] Candidate probed(const HuntPlan& plan) {
    Candidate candidate;
    candidate.plan = plan;
    for (std::uint64_t i = 0; i < kProbe && outcome_.broken.empty(); ++i) {
      const auto trial = run_plan(plan);
      if (!trial.failure.empty()) ++candidate.rate.failed;
      ++candidate.rate.runs;
      if (i == 2 && candidate.rate.failed == 0) break;  // hardly one to replay
    }
    return candidate;
  }

  // What was held just long enough here would not be on a busier machine.
  void lengthen(Candidate& finding, std::uint64_t runs) {
    auto longer = finding.plan;
    for (auto& hold : longer.holds) hold.time = std::max(hold.time, kReplayHold);
    if (longer == finding.plan) return;
    const auto rate = failure_rate(longer, around_, runs);
    // One less of the same number says nothing.
    if (!rate.broken.empty() || rate.failed + 1 < finding.rate.failed) return;
    finding.plan = std::move(longer);
    finding.rate = rate;
  }

  // Measures the plan that is reported.
  void conclude() {
    auto& finding = *best_;
    options_.progress("measuring how often it comes back");
    const auto interrupted = std::exchange(outcome_.broken, {});
    const auto runs = interrupted.empty() ? kFinal : 0;
    finding.rate = failure_rate(finding.plan, around_, runs);
    lengthen(finding, runs);
    finding.undisturbed = failure_rate(without_holds(finding.plan), around_, runs);
    finding.explained = explained_trial(finding.plan, around_, 5);
    outcome_.broken = interrupted;
    outcome_.findings.push_back(std::move(finding));
    best_.reset();
  }

  const HuntOptions& options_;
  HuntSurroundings around_;
  HuntPlan base_;
  TimePoint began_;
  HuntOutcome outcome_;
  PointCatalogue catalogue_;
  Calibration calibration_;
  std::optional<Candidate> best_;
  std::optional<Candidate> shaker_;
  bool shaken_ = false;
  TimePoint first_failure_{};
  std::vector<HuntPlan> variants_;
};

}  // namespace

HuntOutcome hunt(const HuntOptions& options, HuntSurroundings around) {
  return Search(options, around).run();
}

}  // namespace lastcall

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <stdexcept>

#include "lastcall/embed.hpp"

namespace lastcall::embed {
inline namespace v1 {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kVariable = "LASTCALL_SCHEDULE";

// How often a smaller schedule must fail to take the place of a larger one.
struct Acceptance {
  std::size_t runs = 0;
  std::size_t failures = 0;
};

// `first` is the rate of the schedule that was found. 9 of 10 is asked of one that fails that
// often itself; half its own rate of a rare race, and never of a single failure, which may be luck.
Acceptance acceptance(const Rate& first) {
  if (first.failed * 10 >= first.runs * 9) return {10, 9};
  const auto half = (first.failed + 1) / 2;
  return {first.runs, std::max<std::size_t>(half, 2)};
}

class Explorer {
 public:
  Explorer(const Factory& factory, const Schedules& schedules, const Search& search,
           const Promises& promises)
      : factory_(factory), schedules_(schedules), search_(search), promises_(promises) {}

  Exploration operator()() {
    if (const char* text = std::getenv(kVariable)) {
      auto given = parse(text);
      if (!given.schedule) {
        throw std::invalid_argument(std::string(kVariable) + ": byte " +
                                    std::to_string(given.place + 1) + ": " + given.error);
      }
      run_given(*given.schedule);
    } else {
      search();
    }
    for (const auto& property : search_.require) {
      if (!found_.finding && found_.judged[property] == 0) found_.missing.push_back(property);
    }
    return std::move(found_);
  }

 private:
  // Runs the schedule as a trial; true if it violates something.
  bool try_out(const Schedule& schedule) {
    auto report = run(schedule, factory_, promises_);
    ++found_.trials;
    abandoned_ += report.abandoned ? 1 : 0;
    for (const auto& verdict : report.verdicts) {
      const bool is_judged = verdict.outcome == Outcome::pass || verdict.outcome == Outcome::fail;
      found_.judged[verdict.property] += is_judged ? verdict.judged : 0;
      if (verdict.outcome == Outcome::unknown) ++found_.unknown[verdict.property];
    }
    const auto* violation = report.violation();
    if (violation == nullptr) return false;
    found_.finding = Finding{.report = {}, .property = violation->property, .rate = {}};
    found_.finding->report = std::move(report);
    return true;
  }

  void search() {
    for (std::size_t trial = 0; trial < search_.trials; ++trial) {
      if (!try_out(schedules_.draw(trial))) continue;
      until_ = Clock::now() + search_.shrink_for;
      auto& finding = *found_.finding;
      finding.rate = measure(finding.report.schedule, search_.repeats, 0);
      if (finding.rate.failed > 0) shrink(acceptance(finding.rate));
      return;
    }
  }

  void run_given(const Schedule& schedule) {
    Rate rate;
    std::optional<Finding> first;
    for (; rate.runs < search_.repeats; ++rate.runs) {
      if (!try_out(schedule)) continue;
      ++rate.failed;
      if (!first) first = std::move(found_.finding);
    }
    found_.finding = std::move(first);
    if (found_.finding) found_.finding->rate = rate;
  }

  // Runs it `runs` times, or until fewer than `needed` failures can come of that, and keeps the
  // report of the last failure.
  Rate measure(const Schedule& schedule, std::size_t runs, std::size_t needed) {
    Rate rate;
    while (rate.runs < runs && rate.failed + (runs - rate.runs) >= needed && !is_over()) {
      auto report = run(schedule, factory_, promises_);
      ++rate.runs;
      abandoned_ += report.abandoned ? 1 : 0;
      const auto* verdict = report.find(found_.finding->property);
      if (verdict == nullptr || verdict->outcome != Outcome::fail) continue;
      ++rate.failed;
      last_failure_ = std::move(report);
    }
    return rate;
  }

  bool is_over() const { return Clock::now() >= until_ || abandoned_ >= search_.most_abandoned; }

  void shrink(const Acceptance& wanted) {
    auto& finding = *found_.finding;
    auto next = schedules_.smaller(finding.report.schedule);
    while (!is_over()) {
      const auto candidate = next();
      if (!candidate) return;
      const auto rate = measure(*candidate, wanted.runs, wanted.failures);
      if (rate.runs < wanted.runs || rate.failed < wanted.failures) continue;
      finding.report = std::move(last_failure_);
      finding.rate = rate;
      ++finding.accepted;
      next = schedules_.smaller(finding.report.schedule);
    }
  }

  const Factory& factory_;
  const Schedules& schedules_;
  const Search& search_;
  const Promises& promises_;
  Exploration found_;
  Report last_failure_;
  Clock::time_point until_;
  std::size_t abandoned_ = 0;
};

}  // namespace

Exploration explore(const Factory& factory, const Schedules& schedules, const Search& search,
                    const Promises& promises) {
  return Explorer(factory, schedules, search, promises)();
}

}  // namespace v1
}  // namespace lastcall::embed

// Trials of plans of one scenario, one after the other or several at once, in a folder of their
// own; those that nobody wants are removed. From the thread that owns the fork server.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "campaign/failure_tally.hpp"
#include "campaign/trial_pool.hpp"
#include "hunt/failure_rate.hpp"
#include "plan/plan.hpp"
#include "search/saved_calibration.hpp"

namespace lastcall {

class ScenarioTrials {
 public:
  struct Setting {
    ForkServer& server;
    std::string folder;  // absolute
    std::string tools;
    std::uint32_t jobs = 1;
    const volatile int* interrupted = nullptr;  // not 0: nothing begins any more
    std::function<void()> tick = [] {};         // a few times a second
  };
  explicit ScenarioTrials(Setting setting) : setting_(std::move(setting)) {}

  // Runs plans until `next` has none. `done` is told of each trial that did not break, and says
  // whether its directory stays; `number` is the one that `next` was given. False: it broke or was
  // interrupted.
  using Next = std::function<std::optional<Plan>(std::uint32_t number)>;
  using Done =
      std::function<bool(std::uint32_t number, const TrialResult&, const std::string& directory)>;
  bool run(const Next& next, const Done& done);

  // One trial that sees which thread comes where (search/saved_calibration.hpp): at functions; or
  // inside of those that threads met in an earlier one, whose text is `met`. Nothing: it broke or
  // was interrupted.
  std::optional<SavedCalibration> calibrate(const Plan& plan, const std::string& met,
                                            const std::function<void(const TrialResult&)>& done);

  // How often one of these properties fails in runs of a plan. The directory of the last trial
  // that failed stays. `each`: as Shrinking has it.
  FailureRate rate(
      const Plan& plan, const std::set<std::string>& wanted, std::uint64_t runs,
      const std::function<bool(bool)>& each = [](bool) { return true; });

  // After a false or an incomplete rate: why.
  [[nodiscard]] const std::string& broken() const { return broken_; }
  // The signal that came, 0: none.
  [[nodiscard]] int interrupted() const { return signal_; }
  [[nodiscard]] const FailureTally& last_tally() const { return tally_; }
  // The directory of a trial of the last rate() that failed; empty if there was none.
  [[nodiscard]] const std::string& failing_directory() const { return failing_; }

 private:
  [[nodiscard]] bool is_over() const;
  bool run(const std::function<std::optional<TrialJob>()>& next, const Done& done, Keep keep);
  // The directory of the next trial.
  [[nodiscard]] std::string directory() const;

  Setting setting_;
  std::uint32_t numbered_ = 0;
  std::string broken_;
  int signal_ = 0;
  FailureTally tally_;
  std::string failing_;
};

}  // namespace lastcall

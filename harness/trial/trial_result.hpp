// What a trial process tells the campaign, and verdict.json: a plain value with a JSON form.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "checkers/group_answers.hpp"
#include "checkers/idle_waits.hpp"
#include "checkers/verdict.hpp"
#include "fault/fault.hpp"

namespace lastcall {

// When the stop came: in which phase of the trial, and how long after that had begun.
struct StopMoment {
  Phase phase{};
  Nanoseconds after{};
};

struct TrialResult {
  std::uint64_t seed = 0;
  std::string broken;         // the harness or its environment broke: why; empty otherwise
  std::string not_started{};  // why the target could not be executed; empty if it was
  std::vector<Verdict> verdicts;
  Nanoseconds duration{};  // start to verdict
  Nanoseconds overhead{};  // of that, neither the target nor the clients ran: lastcall's own
  Nanoseconds stop{};  // first stop signal to the end of the target; 0 if it did not come to that
  std::optional<StopMoment> stop_moment{};  // nothing without a stop
  // From the last thing that the stop had to wait for to the end, as prompt-exit has it; nothing if
  // there was nothing to measure.
  std::optional<Nanoseconds> idle_tail{};
  std::string idle_held_by{};  // what was still open then (checkers/habits.hpp)
  // The waits that held up the end, as it has them; nothing if the target's waits were not seen.
  std::optional<IdleWaits> idle_waits{};
  std::uint32_t clients = 0;      // clients of the plan
  std::uint32_t connections = 0;  // connections that were up when the stop began
  // Of each group of clients, in the scenario's order; empty if the trial broke.
  std::vector<GroupAnswers> answers{};
  // Of each group the 4xx that was its every answer, as only_refusals() has it; 0: none.
  std::vector<int> only_refusals{};
  // Of each group what it was told in place of an answer, as heard_instead() has it.
  std::vector<std::string> heard_instead{};
  // The habits of clients that its stop met, in the scenario's words; nothing if nobody looked.
  std::optional<std::vector<std::string>> habits{};
  std::vector<std::uint32_t> unreached{};  // faults, by their position in the plan
  // Of faults at system calls or at places of code: how often these were counted, also after the
  // one that struck.
  std::map<std::uint32_t, std::uint64_t> visits{};
  bool kept = false;  // the trial's directory is still there
  bool traced = true;
  // What lastcall could not do and got along without: of what is left on this machine, its path.
  std::vector<std::string> warnings{};
};

std::string to_json(const TrialResult& result);
Result<TrialResult> trial_result_from_json(const std::string& json);

}  // namespace lastcall

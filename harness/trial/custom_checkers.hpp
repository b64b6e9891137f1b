// The user's own checkers: commands that get the history as JSON lines on standard input and print
// a verdict, one JSON object:
//
//   {"outcome": "pass", "judged": 3, "reason": "for people, may be left out"}
//
// outcome: pass, fail, unknown or not-applicable. Whatever else one does (another output, an exit
// other than 0, too long) is `unknown`, and so is a pass that judged nothing: never a pass by
// accident. Runs in the trial process after the trial; no target is alive any more. One thread.
#pragma once

#include <string>
#include <vector>

#include "checkers/verdict.hpp"
#include "history/history.hpp"
#include "plan/plan.hpp"
#include "scenario/placeholders.hpp"

namespace lastcall {

struct CustomRun {
  const Placeholders& placeholders;
  std::string history_file;  // history.jsonl
  std::string tools;
  int lifeline = -1;  // readable when the trial is given up
};

// In the order of their names; "custom.NAME" is the property of each. As with other checkers, a
// target that could not be started and lost events make a verdict `unknown`, a fail aside.
std::vector<Verdict> judge_custom(const Plan& plan, const History& history, const CustomRun& run);

struct HelperResult;
// The verdict in what a checker did and printed.
Verdict custom_verdict(const HelperResult& done);

}  // namespace lastcall

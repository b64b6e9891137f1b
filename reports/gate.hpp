// What a gate and a comparison say: pure functions, UTF-8, each ending with a newline.
#pragma once

#include <string>
#include <vector>

#include "gate/comparison.hpp"
#include "gate/gate.hpp"

namespace lastcall::reports {

// What both are about.
struct Compared {
  std::string base;  // the results directory or store, and which campaign
  std::string head;
};

// The findings that keep it from passing, the known failures, and a last line with the verdict.
// `all`: every finding.
std::string gate_text(const GateResult& result, bool all);
std::string gate_json(const GateResult& result, int exit_code);
// That last line without "gate: " and its newline: "not settled, 2 checks not settled, 9 checks …".
std::string gate_verdict(const GateResult& result);
// The known failures, a line each.
std::vector<std::string> known_failures(const GateResult& result);

std::string comparison_text(const Comparison& comparison, const Compared& names);
std::string comparison_json(const Comparison& comparison, const Compared& names, int exit_code);
// Tables for a pull request.
std::string comparison_markdown(const Comparison& comparison, const Compared& names);

}  // namespace lastcall::reports

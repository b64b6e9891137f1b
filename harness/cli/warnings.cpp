#include "cli/warnings.hpp"

#include <iostream>

#include "reports/wording.hpp"

namespace lastcall::cli {

void print_warnings(const TrialResult& trial, std::set<std::string>& printed) {
  constexpr std::size_t kMost = 20;
  for (const auto& warning : trial.warnings) {
    if (printed.size() >= kMost || !printed.insert(warning).second) continue;
    std::cerr << "lastcall: warning: " << reports::printable(warning) << "\n";
  }
}

}  // namespace lastcall::cli

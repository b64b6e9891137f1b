#include "cli/policies.hpp"

#include <iostream>
#include <variant>
#include <vector>

#include "base/file.hpp"
#include "campaign/exit_codes.hpp"
#include "reports/wording.hpp"
#include "scenario/value_syntax.hpp"

namespace lastcall::cli {

std::optional<GatePolicy> load_policy(const std::string& file) {
  // Far more than anybody writes.
  constexpr std::size_t kLargestPolicy = std::size_t{1} << 20U;
  const auto text = read_regular(file, kLargestPolicy);
  if (!text) {
    std::cerr << "lastcall: " << text.error().message() << "\n";
    return std::nullopt;
  }
  auto parsed = parse_policy(*text, file);
  if (const auto* errors = std::get_if<std::vector<ScenarioError>>(&parsed)) {
    for (const auto& error : *errors) std::cerr << reports::printable(error.text()) << "\n";
    return std::nullopt;
  }
  return std::get<GatePolicy>(std::move(parsed));
}

int exit_code_of(const GateResult& result) {
  switch (result.standing) {
    case Standing::passed:
      return exit_codes::kHeld;
    case Standing::not_settled:
      return exit_codes::kNotJudged;
    case Standing::failed:
      return exit_codes::kFailed;
  }
  return exit_codes::kBroken;
}

std::string is_day(const std::string& text) {
  return is_date(text) ? "" : "expected a date such as 2026-12-31, found " + in_quotes(text);
}

}  // namespace lastcall::cli

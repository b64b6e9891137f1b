// Any text is a scenario or is refused with at least one error that has a place; a scenario's plan
// survives being written and read.
#include "scenario/parse.hpp"

#include <cstddef>
#include <cstdint>

#include "base/invariant.hpp"
#include "plan/plan.hpp"
#include "reached.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lastcall;
  static fuzz::Reached reached;
  reached.begin();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = parse_scenario(text, "s.toml");
  if (const auto* errors = std::get_if<std::vector<ScenarioError>>(&parsed)) {
    LASTCALL_INVARIANT(!errors->empty());
    for (const auto& error : *errors) LASTCALL_INVARIANT(error.line > 0 && error.column > 0);
    return 0;
  }
  reached.stage("the planner");
  const auto json = to_json(draw_plan("s.toml", text, std::get<Scenario>(parsed), size));
  const auto back = plan_from_json(json, "plan.json");
  LASTCALL_INVARIANT(back.has_value() && to_json(*back) == json);
  return 0;
}

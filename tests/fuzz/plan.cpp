// Any text is a plan or is refused; a plan that was read is written and read again as the same.
#include "plan/plan.hpp"

#include <cstddef>
#include <cstdint>

#include "base/invariant.hpp"
#include "reached.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lastcall;
  static fuzz::Reached reached;
  reached.begin();
  const auto plan = plan_from_json({reinterpret_cast<const char*>(data), size}, "plan.json");
  if (!plan) return 0;
  reached.stage("a plan");
  const auto json = to_json(*plan);
  const auto back = plan_from_json(json, "plan.json");
  LASTCALL_INVARIANT(back.has_value() && to_json(*back) == json);
  return 0;
}

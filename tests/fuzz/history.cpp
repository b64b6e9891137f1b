// Any bytes are a segment, whole or with its damage stated; its history is written and judged
// without a crash, and no property passes without having judged anything.
#include "history/history.hpp"

#include <cstddef>
#include <cstdint>
#include <sstream>

#include "base/invariant.hpp"
#include "checkers/checkers.hpp"
#include "reached.hpp"

namespace {

const lastcall::Plan& plan() {
  static const lastcall::Plan plan = [] {
    constexpr std::string_view kScenario = R"(about = "fuzzed"
[target]
command = ["server"]
ready = { notify = true }
service = { watchdog = "100ms" }
[target.recovery]
ask = { command = ["ask"] }
[[clients]]
url = "wss://127.0.0.1:{port}/{tls.cert}"
count = 20
[[clients]]
url = "http://127.0.0.1:{port}/"
[[clients]]
url = "tcp://127.0.0.1:{port}"
[properties]
checkpoint-intact = { files = ["x"], format = "json" }
log-complete = { lines = ["done"] }
drains-health = { url = "http://127.0.0.1:{port}/" }
overhead = { startup = "1s", memory = "1MiB", cpu = 1 }
)";
    const auto parsed = lastcall::parse_scenario(kScenario, "s.toml");
    return draw_plan("s.toml", kScenario, std::get<lastcall::Scenario>(parsed), 1);
  }();
  return plan;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lastcall;
  static fuzz::Reached reached;
  reached.begin();
  auto segment = parse_segment(data, size);
  LASTCALL_INVARIANT(segment.complete == segment.problem.empty());
  const auto history = History::merge({{"trial", std::move(segment)}});
  if (history.events().empty()) return 0;
  reached.stage("the judge");
  std::ostringstream out;
  write_jsonl(history, out);
  for (const auto& verdict : judge(plan(), history)) {
    LASTCALL_INVARIANT(verdict.outcome != Outcome::pass || verdict.judged > 0);
    LASTCALL_INVARIANT(verdict.reason.find("the checker failed") == std::string::npos);
  }
  return 0;
}

#include "cli/hunt_setup.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>

#include "base/file.hpp"
#include "base/text.hpp"
#include "campaign/origin.hpp"
#include "plan/plan.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

volatile int g_interrupted = 0;

void interrupt(int signal) { g_interrupted = signal; }

// What the origin of a hunt's plan is a code over: all that says what is executed.
Plan as_origin(const HuntPlan& plan) {
  Plan one;
  one.scenario_file = "lastcall-hunt-plan";
  for (const auto& word : plan.command) one.scenario_text += shell_word(word) + "\n";
  one.scenario_text += plan.directory + "\n" + plan.companion + "\n";
  for (const auto& word : plan.environment) one.scenario_text += shell_word(word) + "\n";
  return one;
}

std::string printable_line(const std::string& text) {
  std::string line;
  for (const char c : text) line += c >= ' ' && c <= '~' ? c : '?';
  return line;
}

}  // namespace

void watch_for_interrupts() {
  struct sigaction action {};
  action.sa_handler = interrupt;
  (void)::sigaction(SIGINT, &action, nullptr);
  (void)::sigaction(SIGTERM, &action, nullptr);
}

const volatile int* interrupted_signal() { return &g_interrupted; }

void note_interrupt(int signal) { g_interrupted = signal; }

int interrupted_code() { return g_interrupted == 0 ? 0 : 128 + g_interrupted; }

HuntSurroundings hunt_surroundings(const Context& context) {
  return {.one_processor = true,
          .longest = 60s,
          .descriptors = context.descriptors,
          .interrupted = &g_interrupted};
}

Result<void> write_finding(const std::string& folder, const HuntPlan& plan, const HuntTrial& seen) {
  const auto path = [&](const char* name) { return folder + "/" + name; };
  if (auto written = write_regular(path("plan.json"), hunt_plan_json(plan)); !written)
    return written;
  if (auto written = write_origin(folder, as_origin(plan)); !written) return written;
  const auto story = sentence_of(plan) + "\n\n" + explanation_of(plan, seen);
  if (auto written = write_regular(path("explanation.txt"), story); !written) return written;
  return write_regular(path("output.txt"), seen.output);
}

std::string hunt_plan_file(const std::string& what) {
  std::error_code ec;
  const auto path = fs::is_directory(what, ec) ? fs::path(what) / "plan.json" : fs::path(what);
  const auto text = read_regular(path.string());
  return text && is_hunt_plan(*text) ? fs::absolute(path).string() : std::string();
}

Result<HuntPlan> own_hunt_plan(const std::string& what, bool trust) {
  const auto path = hunt_plan_file(what);
  if (path.empty())
    return Error{"read", what, 0, "it is no plan of `lastcall hunt`, and no folder with one"};
  const auto text = read_regular(path);
  if (!text) return text.error();
  auto plan = parse_hunt_plan(*text);
  if (!plan) return plan;
  std::string command;
  for (const auto& word : plan->command) command += " " + shell_word(word);
  std::cerr << "runs:" << printable_line(command) << "\n";
  for (const auto& word : plan->environment) std::cerr << "with: " << printable_line(word) << "\n";
  if (trust) return plan;
  const auto folder = fs::path(path).parent_path().string();
  if (const auto foreign = foreign_because(folder, as_origin(*plan)); !foreign.empty()) {
    return Error{"run", path, 0,
                 "the plan may be somebody else's: " + printable_line(foreign) +
                     "; read what it runs, above, and add --trust to run it"};
  }
  return plan;
}

Result<FailureRate> undisturbed_rate(const HuntPlan& plan, HuntSurroundings& around,
                                     std::uint64_t runs) {
  Nanoseconds slowest{};
  auto rate = failure_rate(without_holds(plan), around, runs, [&](const HuntTrial& trial) {
    slowest = std::max(slowest, trial.took);
    around.prints = around.prints || !trial.output.empty();
    around.signal_patience = std::max(around.signal_patience, slowest * 4);
    if (trial.end.how == RunEnd::How::exited)
      around.longest = std::max<Nanoseconds>(2s, slowest * 20);
    return true;
  });
  if (!rate.broken.empty()) return Error{"run", plan.command.front(), 0, rate.broken};
  return rate;
}

Result<std::string> places_in_this_build(const HuntPlan& plan, const HuntSurroundings& around) {
  const auto trial = run_hunt_trial({.plan = plan}, around);
  if (!trial.broken.empty()) return Error{"run", plan.command.front(), 0, trial.broken};
  for (const auto& hold : plan.holds) {
    const auto name = point_text(hold.point);
    if (std::ranges::count(trial.acted.missing, name) == 0) continue;
    return Error{"find", name + " in " + hold.point.module, 0,
                 "the program is not the one that the plan was made for: build that one again, or "
                 "run `lastcall hunt` with this one"};
  }
  if (trial.acted.moved == 0) return std::string();
  return "note: the program was built again since; " + std::to_string(trial.acted.moved) +
         (trial.acted.moved == 1 ? " place was" : " places were") +
         " found by the name of the function\n";
}

}  // namespace lastcall::cli

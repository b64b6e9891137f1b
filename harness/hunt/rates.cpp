#include "hunt/rates.hpp"

#include <algorithm>

#include "base/durations.hpp"
#include "base/signal_names.hpp"

namespace lastcall {
namespace {

// What a person reads of a stack; the plan has the rest.
constexpr std::size_t kFrames = 8;
constexpr std::size_t kThreads = 12;

std::string short_stack(const Stack& stack) {
  std::string text;
  for (std::size_t i = 0; i < stack.frames.size() && i < kFrames; ++i)
    text += "      " + frame_text(stack.frames[i]) + "\n";
  if (stack.frames.size() > kFrames)
    text += "      ... " + std::to_string(stack.frames.size() - kFrames) + " more\n";
  return text;
}

std::string last_lines(const std::string& output) {
  constexpr int kLines = 15;
  auto begin = output.size();
  for (int i = 0; i <= kLines && begin != output.npos && begin > 0; ++i)
    begin = output.rfind('\n', begin - 1);
  std::string text;
  for (const char c : output.substr(begin == output.npos ? 0 : begin + 1)) {
    if (text.empty() || text.back() == '\n') text += "    ";
    text += c;
  }
  return text.empty() || text.ends_with('\n') ? text : text + "\n";
}

}  // namespace

bool acted_as_planned(const HuntPlan& plan, const HuntTrial& trial) {
  if (!std::ranges::all_of(trial.acted.reached, [](bool reached) { return reached; })) return false;
  return plan.signal == 0 || trial.acted.signal_as_planned;
}

FailureRate failure_rate(const HuntPlan& plan, const HuntSurroundings& around, std::uint64_t runs,
                         const std::function<bool(const HuntTrial&)>& each) {
  FailureRate rate;
  for (std::uint64_t i = 0; i < runs; ++i) {
    const auto trial = run_hunt_trial({.plan = plan}, around);
    if (!trial.broken.empty()) {
      rate.broken = trial.broken;
      return rate;
    }
    if (!trial.failure.empty()) {
      ++rate.failed;
      ++rate.runs;
    } else if (acted_as_planned(plan, trial)) {
      ++rate.runs;
    } else {
      ++rate.not_reached;
    }
    if (each && !each(trial)) break;
  }
  return rate;
}

HuntPlan without_holds(HuntPlan plan) {
  plan.holds.clear();
  plan.signal_at_call.reset();
  plan.armed.clear();
  plan.exit_barrier = false;
  return plan;
}

HuntTrial explained_trial(const HuntPlan& plan, const HuntSurroundings& around, int runs) {
  HuntTrial trial;
  for (int i = 0; i < runs; ++i) {
    trial = run_hunt_trial({.plan = plan, .explains = true}, around);
    if (!trial.broken.empty() || !trial.failure.empty()) break;
  }
  return trial;
}

std::string explanation_of(const HuntPlan& plan, const HuntTrial& trial) {
  std::string text;
  for (const auto& held : trial.held) {
    const auto& hold = plan.holds[held.hold];
    text += "  held for " + human_duration(hold.time) + ": " + held.stack.thread_name + " (" +
            std::to_string(held.stack.tid) + ")\n" + short_stack(held.stack);
    if (hold.sends_signal) text += "  " + signal_name(plan.signal) + " was sent at this moment\n";
  }
  text += "  then: " + (trial.failure.empty() ? end_text(trial.end) : trial.failure) + "\n";
  std::size_t shown = 0;
  for (const auto& stack : trial.at_failure) {
    if (++shown > kThreads) {
      text += "    ... " + std::to_string(trial.at_failure.size() - kThreads) + " more threads\n";
      break;
    }
    const auto was_held = std::ranges::any_of(
        trial.held, [&](const auto& held) { return held.stack.tid == stack.tid; });
    text += "    " + stack.thread_name + " (" + std::to_string(stack.tid) + ")" +
            (was_held ? ", which was held" : "") +
            (shown == 1 && trial.end.how == RunEnd::How::signalled ? ", which failed" : "") + "\n" +
            short_stack(stack);
  }
  if (!trial.output.empty()) text += "  its last output:\n" + last_lines(trial.output);
  return text;
}

}  // namespace lastcall

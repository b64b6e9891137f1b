#include "search/smaller_plans.hpp"

#include <algorithm>

#include "base/durations.hpp"

namespace lastcall {
namespace {

using namespace std::chrono_literals;

// What a replay needs: shorter holds do not last on a busy machine.
constexpr Nanoseconds kShortest = 8ms;

std::uint64_t weight_of(const ThreadHold& hold) {
  std::uint64_t weight = 0;
  if (hold.thread != kAnyThread) weight += 4;
  weight += hold.nth == kEveryTime ? 12 : std::min<std::uint64_t>(hold.nth - 1, 100) * 8;
  if (hold.point.within != 0) weight += 2;
  if (hold.time > kShortest) weight += 1;
  return weight;
}

}  // namespace

std::uint64_t plan_size(const HuntPlan& plan) {
  std::uint64_t size = plan.holds.size() * 100'000'000;
  size += static_cast<std::uint64_t>(plan.armed.size()) * 1000;
  for (const auto& hold : plan.holds) size += weight_of(hold);
  if (plan.exit_barrier) size += 1;
  if (plan.signal_at_call) size += 100'000'000 + std::min<std::uint64_t>(*plan.signal_at_call, 500);
  return size;
}

std::vector<SmallerPlan> smaller_plans(const HuntPlan& plan) {
  std::vector<SmallerPlan> all;
  const auto add = [&](const std::string& step, const auto& change) {
    SmallerPlan smaller{plan, step};
    change(smaller.plan);
    if (plan_size(smaller.plan) < plan_size(plan)) all.push_back(std::move(smaller));
  };
  for (std::size_t i = 0; i < plan.holds.size(); ++i) {
    const auto& hold = plan.holds[i];
    if (plan.holds.size() == 1 && plan.armed.empty() && !plan.signal_at_call) break;
    if (hold.sends_signal && !plan.signal_at_call) continue;
    add("without the hold at " + point_text(hold.point), [i](HuntPlan& one) {
      one.holds.erase(one.holds.begin() + static_cast<std::ptrdiff_t>(i));
      if (i < one.holds.size()) one.holds[i].follows = one.holds[i].follows && i > 0;
    });
  }
  if (!plan.holds.empty() || plan.signal_at_call)
    add("with breakpoints at the holds only", [](HuntPlan& one) { one.armed.clear(); });
  if (plan.armed.size() > 1) {
    const auto half = static_cast<std::ptrdiff_t>(plan.armed.size() / 2);
    add("with the first half of the places armed",
        [half](HuntPlan& one) { one.armed.erase(one.armed.begin() + half, one.armed.end()); });
    add("with the second half of the places armed",
        [half](HuntPlan& one) { one.armed.erase(one.armed.begin(), one.armed.begin() + half); });
  }
  for (std::size_t i = 0; i < plan.holds.size(); ++i) {
    const auto where = " at " + point_text(plan.holds[i].point);
    add("for the 1st time" + where, [i](HuntPlan& one) { one.holds[i].nth = 1; });
    add("for any thread" + where, [i](HuntPlan& one) {
      one.holds[i].thread = kAnyThread;
      one.holds[i].thread_name.clear();
    });
    if (plan.holds[i].time > kShortest)
      add("for " + exact_duration(kShortest) + where,
          [i](HuntPlan& one) { one.holds[i].time = kShortest; });
  }
  add("without the exit barrier", [](HuntPlan& one) { one.exit_barrier = false; });
  if (plan.signal_at_call)
    add("with the signal at the first call", [](HuntPlan& one) { one.signal_at_call = 1; });
  return all;
}

}  // namespace lastcall

#include <array>

#include "base/invariant.hpp"
#include "base/prng.hpp"
#include "plan/crowd.hpp"
#include "plan/plan.hpp"

namespace lastcall {
namespace {

// In whole microseconds where both ends are: a saved plan stays easy to read and to edit, and no
// signal is delivered more exactly than that.
Nanoseconds draw(Range<Nanoseconds> range, std::uint64_t seed) {
  const bool whole = range.low.count() % 1000 == 0 && range.high.count() % 1000 == 0;
  const std::int64_t unit = whole ? 1000 : 1;
  const auto drawn = Prng(seed).between(static_cast<std::uint64_t>(range.low.count() / unit),
                                        static_cast<std::uint64_t>(range.high.count() / unit));
  return Nanoseconds(static_cast<std::int64_t>(drawn) * unit);
}

int draw(const std::vector<int>& choices, std::uint64_t seed) {
  LASTCALL_INVARIANT(!choices.empty());
  return choices[Prng(seed).between(0, choices.size() - 1)];
}

std::uint64_t draw(Range<std::uint64_t> range, std::uint64_t seed) {
  return Prng(seed).between(range.low, range.high);
}

Trigger draw(const WhenPhase& when, std::uint64_t seed) {
  return PhaseMoment{when.phase, draw(when.at, seed)};
}
Trigger draw(const WhenEvent& when, std::uint64_t seed) {
  return NthEvent{when.event, draw(when.nth, seed)};
}
Trigger draw(const WhenLine& when, std::uint64_t seed) {
  return NthLine{when.pattern, draw(when.nth, seed)};
}
Trigger draw(const WhenNotification& when, std::uint64_t seed) {
  return NthNotification{when.assignment, draw(when.nth, seed)};
}

Trigger draw(const WhenMeasured&, std::uint64_t seed) {
  return ShareOfLoad{static_cast<std::uint32_t>(Prng(seed).between(0, 999'999))};
}

Trigger draw(const WhenSyscall& when, std::uint64_t seed) {
  auto call = when.call;
  call.nth = draw(when.nth, seed);
  return call;
}

Trigger draw(const WhenVisit& when, std::uint64_t seed) {
  auto visit = when.visit;
  visit.nth = draw(when.nth, Prng::split(seed, "nth"));
  visit.hold = draw(when.hold, Prng::split(seed, "hold"));
  return visit;
}

// Each part from a stream of its own: a longer list of signals does not move the moment.
Act draw(const SignalChoice& choice, std::uint64_t seed) {
  SendSignals signals{.steps = {}, .to = choice.to};
  signals.steps.push_back({draw(choice.first, Prng::split(seed, "first")), Nanoseconds(0)});
  const auto count = draw(choice.count, Prng::split(seed, "count"));
  const auto next = Prng::split(seed, "second");
  const auto gap = Prng::split(seed, "gap");
  for (std::uint64_t i = 0; i < count; ++i) {
    signals.steps.push_back(
        {draw(choice.next, Prng::split(next, i)), draw(choice.gap, Prng::split(gap, i))});
  }
  return signals;
}
Act draw(const ActChoice& choice, std::uint64_t seed) {
  const auto draw_fields = [&](auto& act) {
    if constexpr (requires { act.duration; })
      act.duration = draw(choice.duration, Prng::split(seed, "duration"));
    if constexpr (requires { act.at_byte; })
      act.at_byte = draw(choice.at_byte, Prng::split(seed, "at_byte"));
    if constexpr (requires { act.count; })
      act.count = draw(choice.count, Prng::split(seed, "count"));
  };
  auto act = choice.act;
  std::visit(draw_fields, act);
  return act;
}

Fault draw(const FaultChoice& choice, std::uint64_t seed) {
  return {.when = std::visit(
              [&](const auto& when) { return draw(when, Prng::split(seed, "when")); }, choice.when),
          .act = std::visit([&](const auto& act) { return draw(act, seed); }, choice.act)};
}

Behaviour draw(const std::map<Behaviour, std::uint32_t>& mix, std::uint64_t seed) {
  std::uint64_t total = 0;
  for (const auto& [behaviour, weight] : mix) total += weight;
  LASTCALL_INVARIANT(total > 0);
  auto left = Prng(seed).between(0, total - 1);
  for (const auto& [behaviour, weight] : mix) {
    if (left < weight) return behaviour;
    left -= weight;
  }
  return Behaviour::steady;
}

// An address that a host can have: neither the network's own nor its broadcast address.
std::uint32_t draw(const SourceNetwork& network, std::uint64_t seed) {
  if (network.bits >= 31) {
    return network.address + static_cast<std::uint32_t>(Prng(seed).between(0, 32 - network.bits));
  }
  const std::uint64_t hosts = (std::uint64_t{1} << (32 - network.bits)) - 2;
  return network.address + static_cast<std::uint32_t>(Prng(seed).between(1, hosts));
}

// The start of the slot of a client: ramp * position / count, without overflow.
std::int64_t slot_begin(std::int64_t ramp, std::int64_t position, std::int64_t count) {
  return ramp / count * position + ramp % count * position / count;
}

// Somewhere in the slot that the ramp gives this client.
Nanoseconds draw_start(const ClientGroup& group, std::uint32_t position, std::uint64_t seed) {
  const auto begin = slot_begin(group.ramp.count(), position, group.count);
  const auto length =
      slot_begin(group.ramp.count(), std::int64_t{position} + 1, group.count) - begin;
  if (length <= 1) return Nanoseconds(begin);
  const auto jitter = Prng(seed).between(0, static_cast<std::uint64_t>(length) - 1);
  return Nanoseconds(begin + static_cast<std::int64_t>(jitter));
}

// When a late client first comes, after the stop began. Soon, because most stops are short.
constexpr Range<Nanoseconds> kLate{Nanoseconds(0), std::chrono::milliseconds(100)};

// After how many answers a client leaves. Few, because it must be gone when the stop comes.
constexpr Range<std::uint64_t> kLeavesAfter{1, 3};

PlannedGroup draw_group(const ClientGroup& group, std::uint64_t seed) {
  PlannedGroup planned{seed, {}};
  for (const auto& [position, habit] : draw_crowd(group, Prng::split(seed, "crowd")))
    planned.overrides[position].behaviour = habit;
  return planned;
}

}  // namespace

Plan draw_plan(std::string_view scenario_file, std::string_view scenario_text,
               const Scenario& scenario, std::uint64_t seed, std::uint32_t trial) {
  const auto every = scenario.target.untraced_every;
  Plan plan{.scenario_file = std::string(scenario_file),
            .scenario_text = std::string(scenario_text),
            .scenario = scenario,
            .seed = seed,
            .varied = {},
            .groups = {},
            .faults = {},
            .traced = scenario.target.trace && (every == 0 || trial % every != 0)};
  const auto vary = Prng::split(seed, "vary");
  for (const auto& [name, values] : scenario.target.vary) {
    plan.varied[name] = values[Prng(Prng::split(vary, name)).between(0, values.size() - 1)];
  }
  const auto clients = Prng::split(seed, "clients");
  for (std::uint64_t group = 0; group < scenario.clients.size(); ++group) {
    plan.groups.push_back(draw_group(scenario.clients[group], Prng::split(clients, group)));
  }
  const auto faults = Prng::split(seed, "faults");
  for (std::uint64_t fault = 0; fault < scenario.faults.size(); ++fault) {
    plan.faults.push_back(draw(scenario.faults[fault], Prng::split(faults, fault)));
  }
  return plan;
}

std::vector<PlannedClient> planned_clients(const Plan& plan) {
  LASTCALL_INVARIANT(plan.groups.size() <= plan.scenario.clients.size());
  std::vector<PlannedClient> clients;
  const ClientOverride none;
  std::uint32_t first_id = 0;
  for (std::uint32_t index = 0; index < plan.groups.size(); ++index) {
    const auto& group = plan.scenario.clients[index];
    const auto& planned = plan.groups[index];
    for (std::uint32_t position = 0; position < group.count; ++position) {
      const auto seed = Prng::split(planned.seed, std::uint64_t{position});
      const auto departs = planned.overrides.find(position);
      const auto& change = departs == planned.overrides.end() ? none : departs->second;
      if (change.absent) continue;
      const auto behaviour =
          change.behaviour.value_or(draw(group.mix, Prng::split(seed, "behaviour")));
      const auto start = behaviour == Behaviour::late && !group.during_drain
                             ? draw(kLate, Prng::split(seed, "late"))
                             : draw_start(group, position, Prng::split(seed, "start"));
      clients.push_back(
          {.id = {first_id + position},
           .group = index,
           .start = change.start.value_or(start),
           .behaviour = behaviour,
           .misbehaves = draw(group.misbehaves, Prng::split(seed, "misbehaves")),
           .source = group.source ? draw(*group.source, Prng::split(seed, "source")) : 0,
           .pace_seed = Prng::split(seed, "pace"),
           .leaves_after =
               behaviour == Behaviour::leaves
                   ? static_cast<std::uint32_t>(draw(kLeavesAfter, Prng::split(seed, "leaves")))
                   : 0});
    }
    first_id += group.count;
  }
  return clients;
}

}  // namespace lastcall

#include "reports/plan_words.hpp"

#include <map>
#include <span>
#include <type_traits>

#include "base/durations.hpp"
#include "base/signal_names.hpp"
#include "base/text.hpp"
#include "checkers/checker_support.hpp"

namespace lastcall::reports {
namespace {

std::string ordinal(std::uint64_t number) {
  const auto last = number % 10;
  const bool is_teen = number / 10 % 10 == 1;
  const auto* const ending = is_teen || last == 0 || last > 3 ? "th"
                             : last == 1                      ? "st"
                             : last == 2                      ? "nd"
                                                              : "rd";
  return std::to_string(number) + ending;
}

std::string phase_text(Phase phase) { return "the " + std::string(name(phase)); }

std::string counted_from(const std::optional<Phase>& phase) {
  return phase ? ", counted from the beginning of " + phase_text(*phase) : "";
}

struct TriggerWords {
  std::string operator()(const PhaseMoment& when) const {
    return human_duration(when.after) + " into " + phase_text(when.phase);
  }
  std::string operator()(const ShareOfLoad& when) const {
    return "after " + std::to_string(when.millionths / 10'000) +
           " % of the load, as long as the target's response times make it";
  }
  std::string operator()(const NthEvent& when) const {
    return "at the " + ordinal(when.nth) + " event \"" + std::string(name(when.event)) +
           "\" of all clients";
  }
  std::string operator()(const NthLine& when) const {
    return "at the " + ordinal(when.nth) + " line of output that matches " + when.pattern;
  }
  std::string operator()(const NthNotification& when) const {
    return "at the " + ordinal(when.nth) + " notification " + when.assignment;
  }
  std::string operator()(const NthSyscall& when) const {
    return std::string(when.at == CallSide::entry ? "before" : "after") + " the " +
           ordinal(when.nth) + " " + when.syscall + "()" +
           (when.path.empty() ? "" : " of " + when.path) +
           (when.role ? " on a " + std::string(name(*when.role)) : "") + counted_from(when.phase);
  }
  std::string operator()(const NthVisit& when) const {
    return "as a thread" + (when.thread.empty() ? "" : " named " + when.thread) + " comes to " +
           when.function + " for the " + ordinal(when.nth) + " time" + counted_from(when.phase) +
           (when.hold == Nanoseconds(0) ? ""
                                        : "; it is held there for " + exact_duration(when.hold));
  }
};

std::string recipient_text(Recipient to) {
  switch (to) {
    case Recipient::process:
      return "the target";
    case Recipient::group:
      return "the target's process group";
    case Recipient::child:
      return "the target's first child";
    case Recipient::tree:
      return "every process of the target";
  }
  return {};
}

struct ActWords {
  std::string operator()(const SendSignals& act) const {
    // A storm would fill the page.
    constexpr std::size_t kShown = 4;
    std::string text;
    for (const auto& step : std::span(act.steps).first(std::min(kShown, act.steps.size()))) {
      text += (text.empty() ? "" : ", then ") + signal_name(step.signal);
      if (step.after > Nanoseconds(0)) text += " after " + exact_duration(step.after);
    }
    if (act.steps.size() > kShown)
      text += " and " + std::to_string(act.steps.size() - kShown) + " more signals";
    return text + " to " + recipient_text(act.to);
  }
  std::string operator()(const AbortClients& act) const {
    return std::to_string(act.percent) + " % of the clients go away with a reset";
  }
  std::string operator()(const DisturbNetwork& act) const {
    auto text = text_of(act) + " toward " + std::string(name(act.toward)) + " on " +
                std::to_string(act.percent) + " % of the connections";
    if (act.duration > Nanoseconds(0)) text += " for " + exact_duration(act.duration);
    if (act.at_byte > 0) text += " at byte " + std::to_string(act.at_byte);
    return text;
  }
  std::string operator()(const SetLimit& act) const {
    return text_of(act) + " to " + std::to_string(act.value) +
           (act.resource == Resource::cpu           ? " % of one processor"
            : act.resource == Resource::descriptors ? ""
                                                    : " bytes");
  }
  std::string operator()(const DisturbSyscall& act) const {
    auto text = text_of(act) + " of " + std::to_string(act.count) + " calls";
    if (act.error != 0) text += ": " + std::string(std::strerror(act.error));
    if (act.duration > Nanoseconds(0)) text += " for " + exact_duration(act.duration);
    return text;
  }
  std::string operator()(const HoldThread&) const { return "hold"; }
};

std::string command_line(const Plan& plan) {
  std::string text;
  for (const auto& word : plan.scenario.target.command)
    text += (text.empty() ? "" : " ") + shell_word(word);
  return text;
}

// "clients "orders", 20 of http://127.0.0.1:{port}/: 17 steady, 2 idle, 1 late"
std::string group_line(const Plan& plan, std::size_t group,
                       const std::map<Behaviour, std::uint32_t>& behaviours) {
  std::uint32_t count = 0;
  std::string who;
  for (const auto& [behaviour, number] : behaviours) {
    count += number;
    who +=
        (who.empty() ? ": " : ", ") + std::to_string(number) + " " + std::string(name(behaviour));
  }
  const auto& wanted = plan.scenario.clients[group];
  return group_name(plan, group) + ", " + std::to_string(count) +
         (is_in_process(wanted) || wanted.name.empty() ? "" : " of " + wanted.url) + who;
}

}  // namespace

std::string words(const Fault& fault) {
  return std::visit(ActWords{}, fault.act) + ", " + std::visit(TriggerWords{}, fault.when);
}

std::vector<std::string> plan_words(const Plan& plan) {
  std::vector<std::string> lines;
  if (!plan.scenario.target.command.empty()) lines.push_back("runs " + command_line(plan));
  lines.push_back(plan.traced ? "watches its system calls and threads" : "runs it untraced");
  for (const auto& [name, value] : plan.varied)
    lines.push_back("{vary." + name + "} is " + shell_word(value));
  for (const auto& sidecar : plan.scenario.sidecars)
    lines.push_back("has sidecar " + sidecar.name + " alongside it");
  std::map<std::uint32_t, std::map<Behaviour, std::uint32_t>> groups;
  for (const auto& client : planned_clients(plan)) ++groups[client.group][client.behaviour];
  for (const auto& [group, behaviours] : groups)
    lines.push_back(group_line(plan, group, behaviours));
  for (const auto& fault : plan.faults) lines.push_back(words(fault));
  lines.push_back("waits " + exact_duration(plan.scenario.target.stop.deadline) +
                  " for the end after the stop");
  return lines;
}

}  // namespace lastcall::reports

#include "checkers/judging.hpp"

#include <algorithm>
#include <csignal>

#include "base/text.hpp"

namespace lastcall {

const PropertySettings& settings(const Plan& plan, std::string_view property) {
  static const PropertySettings kDefaults;
  const auto found = plan.scenario.properties.find(std::string(property));
  return found == plan.scenario.properties.end() ? kDefaults : found->second;
}

const ClientGroup* group_of(const Plan& plan, const ConnectionView& connection) {
  const auto& groups = plan.scenario.clients;
  return connection.group < groups.size() ? &groups[connection.group] : nullptr;
}

std::optional<EventIndex> all_layers_up(const ConnectionView& connection, Protocol protocol) {
  std::optional<EventIndex> last = connection.tcp_up;
  if (last && is_tls(protocol)) last = connection.tls_up;
  if (last && is_websocket(protocol)) last = connection.websocket_up;
  return last;
}

bool lastcall_sent(const History& history, int signal) {
  const auto is_it = [signal](const Event& event) {
    const auto* fault = std::get_if<FaultInvoked>(&event.body);
    const auto* forced = std::get_if<TargetForced>(&event.body);
    return (fault != nullptr && fault->signal == signal) ||
           (forced != nullptr && forced->signal == signal);
  };
  return std::ranges::any_of(history.events(), is_it);
}

std::optional<std::string> no_stop_to_judge(const History& history) {
  const auto stop = history.stop();
  if (!stop) return "the trial did not come to a stop";
  const auto ended = history.first<TargetEnded>();
  if (is_before(ended, *stop)) return "the target had ended before the stop";
  for (const auto& [i, fault] : history.all<FaultInvoked>()) {
    if (fault->signal == SIGKILL && !is_before(ended, i)) return "lastcall sent SIGKILL";
  }
  return std::nullopt;
}

std::string to_text(ConnectionId id) {
  const auto attempt = static_cast<std::uint32_t>(id.value);
  return std::to_string(client_of(id).value) + "/" + std::to_string(attempt);
}

std::string to_text(const TargetEnded& ended) {
  return to_text(ExpectedEnd{ended.how == EndKind::signalled, ended.value});
}

std::string to_text(const ExpectedEnd& expected) {
  return expected.by_signal ? signal_name(expected.value)
                            : "exit " + std::to_string(expected.value);
}

std::string stop_signal_name(const History& history) {
  return signal_name(std::get<FaultInvoked>(history.at(history.stop().value()).body).signal);
}

Verdict about_the_end(std::string_view property, Outcome outcome, std::string reason,
                      std::vector<EventIndex> evidence) {
  const bool is_judged = outcome == Outcome::pass || outcome == Outcome::fail;
  return {.property = std::string(property),
          .outcome = outcome,
          .judged = is_judged ? 1U : 0U,
          .reason = std::move(reason),
          .evidence = std::move(evidence)};
}

void Violations::add(const std::string& what, const std::string& who,
                     const std::vector<EventIndex>& evidence) {
  auto kind = std::ranges::find(kinds_, what, &Kind::what);
  if (kind == kinds_.end()) kind = kinds_.insert(kind, Kind{what, who, 0});
  ++kind->count;
  evidence_.insert(evidence_.end(), evidence.begin(), evidence.end());
}

std::string Violations::text(std::uint64_t total, std::string_view items) const {
  std::string text;
  for (const auto& kind : kinds_) {
    text += text.empty() ? "" : "; ";
    text += std::to_string(kind.count) + " of " + std::to_string(total) + " " + std::string(items) +
            " " + kind.what + ", first " + kind.first;
  }
  return text;
}

}  // namespace lastcall

// acked-durable: what the target acknowledged is there after its restart, once.
//
// An item is one acknowledged request that the restarted target was asked for; of more than 500 a
// sample is asked for, and the reason says so. Sees what the restarted target says, as the scenario
// asks it; cannot see whether data reached the disk (a power cut may still lose what SIGKILL does
// not), nor the content beyond what the scenario expects in the answer.
#include <csignal>
#include <map>

#include "base/request_text.hpp"
#include "checkers/checkers.hpp"
#include "checkers/judging.hpp"

namespace lastcall::checkers {
namespace {

constexpr std::string_view kProperty = "acked-durable";

std::string not_applicable(const Plan& plan, const History& history) {
  if (settings(plan, kProperty).after_kill) return "";
  const auto ended = history.first<TargetEnded>();
  if (!ended) return "";
  const auto& end = std::get<TargetEnded>(history.at(*ended).body);
  const bool killed = end.how == EndKind::signalled && end.value == SIGKILL;
  return killed ? "SIGKILL ended the target: set [properties.acked-durable] after_kill = true to "
                  "have it judged"
                : "";
}

// Why something acknowledged may be lost although nothing found says so; empty if nothing.
std::string why_unknown(const History& history) {
  for (const auto& [i, missed] : history.all<NotObserved>()) {
    if (missed->property == kProperty || missed->property == "recovers") return missed->reason;
  }
  if (const auto failed = history.first<RecoveryFailed>()) {
    return "the restarted target was not ready: " +
           std::get<RecoveryFailed>(history.at(*failed).body).reason;
  }
  return "";
}

using RequestKey = std::pair<ConnectionId, RequestId>;

std::map<RequestKey, EventIndex> acknowledgements(const History& history) {
  std::map<RequestKey, EventIndex> found;
  for (const auto& [i, ended] : history.all<RequestEnded>()) {
    if (ended->end == RequestEnd::ok)
      found.emplace(RequestKey(ended->connection, ended->request), i);
  }
  return found;
}

// "asked for 500 of 12000 acknowledged requests", if that is not all of them.
std::string sample(const History& history, std::size_t asked, std::size_t acknowledged) {
  if (asked >= acknowledged) return "";
  for (const auto& [i, observed] : history.all<Observed>()) {
    if (observed->property == kProperty) return observed->line;
  }
  return "";
}

}  // namespace

Verdict acked_durable(const Plan& plan, const History& history) {
  if (auto why = not_asked(plan, kProperty); !why.empty())
    return {.property = std::string(kProperty), .reason = std::move(why)};
  Verdict verdict{.property = std::string(kProperty)};
  verdict.reason = not_applicable(plan, history);
  if (!verdict.reason.empty()) return verdict;

  const auto acknowledged = acknowledgements(history);
  Violations violations;
  for (const auto& [i, asked] : history.all<Asked>()) {
    ++verdict.judged;
    if (asked->found == 1) continue;
    std::vector<EventIndex> evidence{i};
    const auto when = acknowledged.find({asked->connection, asked->request});
    if (when != acknowledged.end()) evidence.insert(evidence.begin(), when->second);
    violations.add(asked->found == 0 ? "are lost after the restart"
                                     : "are there more than once after the restart",
                   address(plan, asked->connection) + ", request " +
                       request_text(client_of(asked->connection), asked->request),
                   evidence);
  }
  if (!violations.empty()) {
    verdict.outcome = Outcome::fail;
    verdict.reason = violations.text(verdict.judged, "acknowledged requests");
    verdict.evidence = violations.evidence();
    return verdict;
  }
  if (acknowledged.empty()) {
    verdict.reason = "nothing was acknowledged";
    return verdict;
  }
  verdict.reason = why_unknown(history);
  if (verdict.reason.empty() && verdict.judged == 0) {
    verdict.reason = history.first<RecoveryReady>()
                         ? "the restarted target was asked for no acknowledged request"
                         : "the target was not started again";
  }
  verdict.outcome = verdict.reason.empty() ? Outcome::pass : Outcome::unknown;
  if (verdict.outcome == Outcome::pass) {
    verdict.reason = sample(history, verdict.judged, acknowledged.size());
  }
  return verdict;
}

}  // namespace lastcall::checkers

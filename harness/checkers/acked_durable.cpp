// acked-durable: what the target acknowledged is there after its restart, once.
//
// An item is one acknowledged request that the restarted target was asked for; of more than 500 a
// sample is asked for, and the reason says so. Where the question names {id}, requests that hold
// none are not asked for.
//
// That something is not found fails only where the question is known to find what the same message
// of the same group of clients leaves: it has found another such request, before the stop or after
// the restart. Else the scenario may be wrong (a URL, an `expect`, a request without the
// Content-Type that the server needs), and the verdict is unknown. That the question found nothing
// before the stop is no violation, nor does it excuse one: a server may show later what it has
// acknowledged.
//
// Sees what the restarted target says, as the scenario asks it; cannot see whether data reached the
// disk (a power cut may still lose what SIGKILL does not), nor the content beyond what the scenario
// expects in the answer.
#include <csignal>
#include <cstdint>
#include <map>

#include "base/request_text.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "scenario/properties/acked_durable.hpp"
#include "scenario/properties/recovers.hpp"

namespace lastcall::property::acked_durable {
namespace {

std::string not_applicable(const Plan& plan, const History& history) {
  if (settings<AckedDurable>(plan).after_kill) return "";
  const auto ended = history.first<TargetEnded>();
  const bool killed =
      ended && ended->body->how == EndKind::signalled && ended->body->value == SIGKILL;
  return killed ? "SIGKILL ended the target: set [properties.acked-durable] after_kill = true to "
                  "have it judged"
                : "";
}

// Why something acknowledged may be lost although nothing found says so; empty if nothing.
std::string why_unknown(const History& history) {
  for (const auto& [i, missed] : history.all<NotObserved>()) {
    if (missed->property == AckedDurable::kName || missed->property == Recovers::kName)
      return missed->reason;
  }
  const auto failed = history.first<RecoveryFailed>();
  return failed ? "the restarted target was not ready: " + failed->body->reason : "";
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

// What the server named those requests of which the scenario takes the id from the answer.
std::map<RequestKey, std::string> given_ids(const History& history) {
  std::map<RequestKey, std::string> found;
  for (const auto& [i, given] : history.all<IdGiven>())
    found.emplace(RequestKey(given->connection, given->request), given->id);
  return found;
}

// What is known of the question, as far as it is about the requests that one group of clients sent
// with one of its messages.
struct Question {
  bool finds = false;      // it found one of them, before the stop or after the restart
  bool was_tried = false;  // before the stop
  std::string problem{};   // the last that kept it from being answered before the stop
  std::uint64_t lost = 0;  // not found after the restart
};

class Questions {
 public:
  Questions(const Plan& plan, const History& history) : plan_(plan) {
    for (const auto& c : history.connections()) group_of_[c.id.value] = c.group;
    for (const auto& [i, sent] : history.all<RequestSent>()) {
      if (sent->message > 0) message_of_[{sent->connection, sent->request}] = sent->message;
    }
    for (const auto& [i, asked] : history.all<AskedBefore>()) {
      auto& question = about(*asked);
      question.finds |= asked->found > 0;
      question.was_tried |= asked->problem.empty();
      if (!asked->problem.empty()) question.problem = asked->problem;
    }
    for (const auto& [i, asked] : history.all<Asked>()) {
      auto& question = about(*asked);
      question.finds |= asked->found > 0;
      question.lost += asked->found == 0 ? 1 : 0;
    }
  }

  [[nodiscard]] bool finds(const Asked& asked) { return about(asked).finds; }

  // Why it cannot be said of those that are not found that they are lost; empty if there are none.
  [[nodiscard]] std::string doubt() const {
    const auto& groups = plan_.scenario.clients;
    for (const auto& [of, question] : questions_) {
      if (question.finds || question.lost == 0) continue;
      const auto [group, message] = of;
      const bool is_known = group < groups.size();
      const bool is_one_of_several = is_known && groups[group].message.size() > 1;
      const auto all = std::to_string(question.lost) + " acknowledged requests of " +
                       (is_known ? group_name(plan_, group) : "the clients") +
                       (is_one_of_several ? " with message " + std::to_string(message + 1) : "");
      if (question.was_tried) {
        return "the question finds none of the " + all +
               " even before the stop: check url, command and expect of [target.recovery.ask], and "
               "the request that the clients send (has it the Content-Type that the server "
               "needs?)" +
               (is_one_of_several ? "; a message that keeps nothing should hold no {id}" : "");
      }
      return "none of the " + all +
             " is found after the restart, and whether the question finds any is not known: before "
             "the stop it was " +
             (question.problem.empty()
                  ? "not answered in time; let the stop come later ([[faults]] when)"
                  : "not answered (" + question.problem + ")");
    }
    return "";
  }

 private:
  // Asked or AskedBefore.
  Question& about(const auto& asked) {
    const auto found = group_of_.find(asked.connection.value);
    const auto group = found == group_of_.end() ? UINT32_MAX : found->second;
    const auto message = message_of_.find({asked.connection, asked.request});
    auto& question = questions_[{group, message == message_of_.end() ? 0 : message->second}];
    const auto& groups = plan_.scenario.clients;
    // In process nothing stands between the question and the subject.
    question.finds |= group < groups.size() && is_in_process(groups[group]);
    return question;
  }
  const Plan& plan_;
  std::map<std::uint64_t, std::uint32_t> group_of_;
  std::map<RequestKey, std::uint32_t> message_of_;  // which of the group's it was, if not the first
  std::map<std::pair<std::uint32_t, std::uint32_t>, Question> questions_;  // by group and message
};

// "asked for 500 of 12000 acknowledged requests", if that is not all of them.
std::string sample(const History& history, std::size_t asked, std::size_t acknowledged) {
  if (asked >= acknowledged) return "";
  for (const auto& [i, observed] : history.all<Observed>()) {
    if (observed->property == AckedDurable::kName) return observed->line;
  }
  return "";
}

std::string not_asked(const Plan& plan) {
  const auto& recovery = plan.scenario.target.recovery;
  return recovery && recovery->ask
             ? ""
             : "the scenario does not ask the restarted target: add [target.recovery.ask]";
}

Verdict check(const Plan& plan, const History& history) {
  if (auto why = not_asked(plan); !why.empty()) return Verdict::not_applicable(std::move(why));
  if (auto why = not_applicable(plan, history); !why.empty())
    return Verdict::not_applicable(std::move(why));

  Verdict verdict;
  const auto acknowledged = acknowledgements(history);
  const auto given = given_ids(history);
  Questions questions(plan, history);
  Violations violations;
  for (const auto& [i, asked] : history.all<Asked>()) {
    ++verdict.judged;
    if (asked->found == 1) continue;
    if (asked->found == 0 && !questions.finds(*asked)) continue;
    std::vector<EventIndex> evidence{i};
    const RequestKey request{asked->connection, asked->request};
    const auto when = acknowledged.find(request);
    const auto id = given.find(request);
    if (when != acknowledged.end()) evidence.insert(evidence.begin(), when->second);
    violations.add(asked->found == 0 ? "are lost after the restart"
                                     : "are there more than once after the restart",
                   address(plan, asked->connection) + ", request " +
                       request_text(client_of(asked->connection), asked->request) +
                       (id == given.end() ? "" : ", id \"" + id->second + "\""),
                   evidence);
  }
  if (!violations.empty()) {
    violations.fail(verdict, "acknowledged requests");
    return verdict;
  }
  if (acknowledged.empty()) {
    verdict.reason =
        "nothing was acknowledged: look at url, message, status and ack, or let the stop come "
        "later ([[faults]] when)";
    return verdict;
  }
  verdict.reason = questions.doubt();
  if (verdict.reason.empty()) verdict.reason = why_unknown(history);
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

}  // namespace
}  // namespace lastcall::property::acked_durable

const lastcall::Checker lastcall::property::AckedDurable::kChecker{
    .property = kName,
    .check = acked_durable::check,
    .not_asked = acked_durable::not_asked,
    .needs_clients = true,
    .judges_the_restart = true};

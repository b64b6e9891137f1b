#include "trial/recovery.hpp"

#include <filesystem>

#include "base/durations.hpp"
#include "scenario/properties/acked_durable.hpp"
#include "scenario/properties/recovers.hpp"
#include "trial/durability_queries.hpp"
#include "trial/readiness.hpp"

namespace lastcall {
namespace {

namespace asio = boost::asio;

Target restarted(const Target& target) {
  auto again = target;
  again.command = target.recovery->command;
  return again;
}

}  // namespace

RecoveryRun::RecoveryRun(const TrialContext& trial, ServiceProcess& target)
    : trial_(trial), wanted_(restarted(trial.plan.scenario.target)), target_(target) {}

asio::awaitable<void> RecoveryRun::run(std::vector<std::string> segments) {
  if (!start()) co_return;
  const auto over = [this] { return target_.ended() || trial_.given_up(); };
  ReadinessWait wait{.io = trial_.io,
                     .changes = trial_.changes,
                     .ready = wanted_.ready,
                     .placeholders = trial_.placeholders,
                     .process = target_,
                     .over = over,
                     .on_shortage = [this](const Error& error) { trial_.trouble.note(error); }};
  const auto missing = co_await await_ready(std::move(wait));
  if (!target_.exec_problem().empty()) {
    not_started(target_.exec_problem());
  } else if (missing.empty() && !target_.ended()) {
    trial_.events.record(RecoveryReady{});
    co_await question(segments);
  } else if (!trial_.given_up()) {
    trial_.events.record(RecoveryFailed{
        target_.ended() ? "it ended before it was ready"
                        : "not ready within " + human_duration(wanted_.ready.timeout) +
                              ", waiting for " + missing});
  }
  co_await stop();
  target_.end_tree();
  target_.drain_output();
}

bool RecoveryRun::start() {
  const auto path = trial_.order.notify_socket();
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  auto notify = NotifySocket::bind(path);
  if (!notify) return not_started(notify.error()), false;
  auto started =
      target_.start({wanted_, trial_.placeholders, trial_.order.tools, std::move(*notify),
                     trial_.limits ? &*trial_.limits : nullptr, nullptr, true});
  if (!started) return not_started(started.error()), false;
  return true;
}

void RecoveryRun::not_started(const Error& error) {
  trial_.trouble.note_shortage(error);
  not_started(error.message());
}

// Trouble of the environment: says nothing about the target.
void RecoveryRun::not_started(const std::string& reason) {
  trial_.events.record(NotObserved{std::string(property::Recovers::kName),
                                   "the target could not be restarted: " + reason});
}

asio::awaitable<void> RecoveryRun::question(const std::vector<std::string>& segments) {
  const auto& ask = wanted_.recovery->ask;
  if (!ask) co_return;
  auto requests = acknowledged_requests(trial_.plan, *ask, segments);
  if (!requests) {
    trial_.events.record(
        NotObserved{std::string(property::AckedDurable::kName), requests.error().message()});
    co_return;
  }
  co_await ask_for(trial_, *ask, std::move(*requests),
                   [this] { return target_.ended() || trial_.given_up(); });
}

asio::awaitable<void> RecoveryRun::stop() {
  if (target_.ended()) co_return;
  // ESRCH: it has just ended by itself, which its end will show.
  (void)target_.send(wanted_.stop.signals.front(), wanted_.stop.to);
  co_await trial_.changes.until([this] { return target_.ended() || trial_.given_up(); },
                                now() + wanted_.stop.deadline);
}

}  // namespace lastcall

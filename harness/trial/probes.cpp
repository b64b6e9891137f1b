#include "trial/probes.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/invariant.hpp"
#include "client/connect_error.hpp"
#include "client/http_get.hpp"
#include "client/session.hpp"
#include "scenario/properties/config_effective.hpp"
#include "scenario/properties/drains_health.hpp"
#include "scenario/properties/overhead.hpp"
#include "target/line_splitter.hpp"
#include "target/process_tree.hpp"
#include "target/resources.hpp"
#include "tracer/ptrace/descriptors.hpp"

namespace lastcall {
namespace {

using property::ConfigEffective;
using property::DrainsHealth;

// A server that answers its readiness URL at all answers it at once; one that is stopping may keep
// a connection in its backlog forever.
constexpr auto kProbeLimit = std::chrono::seconds(1);
// Between probes: dense against a window of tens of milliseconds, and no load.
constexpr auto kPause = std::chrono::milliseconds(2);
constexpr int kRefusals = 3;
constexpr int kMaxProbes = 10'000;
constexpr std::size_t kMaxLines = 1000;

// Empty if the property is not judged.
template <class Property>
std::string url_of(const TrialContext& trial) {
  return is_judged<Property>(trial.plan.scenario)
             ? expand_placeholders(settings<Property>(trial.plan).url, trial.placeholders)
             : "";
}

std::unique_ptr<asio::ssl::context> any_server() {
  auto tls = client_tls("");
  LASTCALL_INVARIANT(tls.has_value());
  return std::move(*tls);
}

// Asks once; whether the listener refused.
asio::awaitable<bool> probe(const TrialContext& trial, std::string url, asio::ssl::context& tls,
                            std::function<bool()> closed) {
  const auto asked = now();
  const auto answer = co_await http_get(url, tls, kProbeLimit);
  if (closed()) co_return true;
  if (is_local_shortage(answer.connect_error)) {
    trial.trouble.note_shortage({"probe the health at", url, answer.connect_error, ""});
    trial.events.record(NotObserved{std::string(DrainsHealth::kName), answer.problem});
    co_return false;
  }
  const bool refused = answer.connect_error == ECONNREFUSED;
  const auto answered = now();
  trial.events.record(answered, HealthProbed{(answered - asked).count(), !refused, answer.status});
  co_return refused;
}

}  // namespace

asio::awaitable<void> probe_health_once(const TrialContext& trial) {
  const auto url = url_of<DrainsHealth>(trial);
  if (url.empty()) co_return;
  const auto tls = any_server();
  co_await probe(trial, url, *tls, [] { return false; });
}

asio::awaitable<void> probe_health(const TrialContext& trial, std::function<bool()> over,
                                   std::function<bool()> closed) {
  const auto url = url_of<DrainsHealth>(trial);
  if (url.empty()) co_return;
  const auto tls = any_server();
  asio::steady_timer pause(trial.io);
  int refusals = 0;
  for (int probes = 0; probes < kMaxProbes && refusals < kRefusals && !over(); ++probes) {
    if (co_await probe(trial, url, *tls, closed)) ++refusals;
    pause.expires_after(kPause);
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

asio::awaitable<void> observe_setting(const TrialContext& trial) {
  const auto url = url_of<ConfigEffective>(trial);
  if (url.empty()) co_return;
  const auto tls = any_server();
  const auto answer = co_await http_get(url, *tls, kProbeLimit);
  if (answer.status / 100 != 2) {
    const auto why =
        answer.status == 0 ? answer.problem : "HTTP status " + std::to_string(answer.status);
    trial.events.record(NotObserved{std::string(ConfigEffective::kName), url + ": " + why});
    co_return;
  }
  std::size_t lines = 0;
  bool cut = false;
  LineSplitter splitter([&](const std::string& line, bool continues) {
    cut |= continues;
    if (!continues && lines++ < kMaxLines)
      trial.events.record(Observed{std::string(ConfigEffective::kName), line});
  });
  splitter.feed(answer.body);
  splitter.finish();
  if (lines > kMaxLines) {
    trial.events.record(NotObserved{std::string(ConfigEffective::kName),
                                    "the answer has more than a thousand lines"});
  }
  if (cut) {
    trial.events.record(NotObserved{std::string(ConfigEffective::kName),
                                    "a line of the answer is longer than 8 KiB"});
  }
}

asio::awaitable<void> count_open(const TrialContext& trial, const TriggerBoard& board,
                                 std::function<bool()> over, std::function<bool()> held) {
  constexpr auto kTick = std::chrono::milliseconds(2);
  constexpr std::uint64_t kFirst = 16;
  asio::steady_timer timer(trial.io);
  for (std::uint64_t next = kFirst; !over();) {
    if (const auto answers = board.counted(ClientEvent::acknowledged); answers >= next && !held()) {
      OpenCounted open{.answers = answers};
      for (const auto& process : descendants()) {
        open.descriptors += descriptors_of(process.pid).size();
        if (const auto used = resources_of(process.pid)) open.threads += used->threads;
      }
      trial.events.record(open);
      next = 2 * answers;
    }
    timer.expires_after(kTick);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void note_resources(const TrialContext& trial, pid_t target, Phase phase) {
  const auto& bounds = settings<property::Overhead>(trial.plan);
  if (!is_judged<property::Overhead>(trial.plan.scenario) || (!bounds.memory && !bounds.cpu))
    return;
  if (const auto used = resources_of(target)) {
    trial.events.record(ResourcesUsed{phase, used->memory, used->cpu.count(), used->threads});
  }
}

}  // namespace lastcall

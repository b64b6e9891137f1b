#include "trial/target_tracing.hpp"

#include <fcntl.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <optional>
#include <utility>
#include <variant>

#include "base/file.hpp"
#include "base/rethrow.hpp"
#include "scenario/properties/released.hpp"
#include "search/saved_calibration.hpp"

namespace lastcall {

namespace asio = boost::asio;

bool is_strict(const Plan& plan) {
  using property::Released;
  return is_judged<Released>(plan.scenario) && settings<Released>(plan).strict;
}

TargetTracing::TargetTracing(const TrialContext& trial, FaultRunner& faults,
                             std::function<bool()> closed)
    : trial_(trial), faults_(faults), closed_(std::move(closed)), reached_places_(trial.io) {}

void TargetTracing::start() {
  if (!trial_.plan.traced) return;
  const auto segments = trial_.order.directory + "/segments/";
  auto calls = calls_of_faults();
  // Those of the drain come after the filters woke; who listens is known only if they never slept.
  const bool asleep = std::ranges::all_of(calls.rules, [](const CallInjector::Rule& rule) {
    return rule.when.phase == Phase::drain && rule.when.role != DescriptorRole::connection;
  });
  Tracing::Settings settings{.segment = segments + "tracer.seg",
                             .end_segment = segments + "ends.seg",
                             .stop_signals = trial_.plan.scenario.target.stop.signals,
                             .asleep = asleep,
                             .open_at_exit = is_strict(trial_.plan),
                             .calls = std::move(calls),
                             .visits = visits_of_faults()};
  if (trial_.order.calibrates) {
    settings.calibration = trial_.order.directory + "/" + kCalibrationFile;
    settings.met = met_before();
  }
  if (settings.open_at_exit) {
    settings.state_folder = settings.calls.state_folder;
    // What was written and not synced is known only if all of it was seen.
    settings.asleep &= settings.state_folder.empty();
  }
  auto tracing = Tracing::start(std::move(settings));
  if (tracing) {
    tracing_ = std::move(*tracing);
    reached_places_.assign(::fcntl(tracing_->reached_fd(), F_DUPFD_CLOEXEC, 0));
    hear_of_places();
  } else {
    trial_.trouble.note_shortage(tracing.error());
    trial_.events.record(TraceFailed{tracing.error().message()});
    faults_.not_traced(tracing.error().message());
  }
}

std::optional<Calibration> TargetTracing::met_before() const {
  const auto file = trial_.order.directory + "/" + kMetFile;
  if (!std::filesystem::exists(file)) return std::nullopt;
  const auto text = read_regular(file);
  auto saved = text ? parse_calibration(*text) : Result<SavedCalibration>(text.error());
  if (saved) return std::move(saved->calibration);
  trial_.trouble.note(saved.error());
  return std::nullopt;
}

CallInjector::Settings TargetTracing::calls_of_faults() const {
  const auto& plan = trial_.plan;
  CallInjector::Settings settings;
  for (std::uint32_t i = 0; i < plan.faults.size(); ++i) {
    const auto* when = std::get_if<NthSyscall>(&plan.faults[i].when);
    if (when == nullptr) continue;
    const auto* disturb = std::get_if<DisturbSyscall>(&plan.faults[i].act);
    auto& rule = settings.rules.emplace_back(CallInjector::Rule{
        {i}, *when, disturb == nullptr ? std::nullopt : std::optional(*disturb)});
    rule.when.path = expand_placeholders(when->path, trial_.placeholders);
  }
  const auto& state = plan.scenario.target.state;
  std::error_code ec;
  if (!state.empty()) {
    const auto folder = std::filesystem::path(trial_.order.target_folder()) / state;
    settings.state_folder = std::filesystem::weakly_canonical(folder, ec).string();
  }
  return settings;
}

std::vector<VisitInjector::Rule> TargetTracing::visits_of_faults() const {
  std::vector<VisitInjector::Rule> rules;
  const auto& faults = trial_.plan.faults;
  for (std::uint32_t i = 0; i < faults.size(); ++i) {
    if (const auto* when = std::get_if<NthVisit>(&faults[i].when))
      rules.push_back({{i}, *when, std::holds_alternative<HoldThread>(faults[i].act)});
  }
  return rules;
}

void TargetTracing::hear_of_places() {
  reached_places_.async_wait(asio::posix::stream_descriptor::wait_read, [this](auto ec) {
    if (ec || !tracing_) return;
    for (const auto& [fault, standing] : tracing_->take_reached()) {
      faults_.on_traced(fault, standing == 0);
      const auto* visit = std::get_if<NthVisit>(&trial_.plan.faults[fault.value].when);
      if (standing != 0 && visit != nullptr) {
        asio::co_spawn(trial_.io, release_after(visit->hold, standing), kRethrow);
      } else if (standing != 0) {
        tracing_->release(standing);
      }
    }
    hear_of_places();
  });
}

asio::awaitable<void> TargetTracing::release_after(Nanoseconds hold, pid_t standing) {
  asio::steady_timer timer(trial_.io, hold);
  co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (tracing_) tracing_->release(standing);
}

void TargetTracing::ready() {
  if (tracing_) tracing_->ready();
}

void TargetTracing::begin(Phase phase) {
  if (tracing_) tracing_->begin(phase);
}

bool TargetTracing::look(StacksAt why) { return tracing_ && tracing_->look(why); }

int TargetTracing::send(int signal, bool begins_drain, const std::function<int()>& send) {
  return tracing_ ? tracing_->send(signal, begins_drain, send) : send();
}

void TargetTracing::wake_at(int signal) {
  if (tracing_) asio::co_spawn(trial_.io, wake(signal), kRethrow);
}

// The tracer wakes by itself as a signal is delivered. One that is taken by sigwait(3) or
// signalfd(2) is not: it has to be looked for. Nobody may ever take it.
asio::awaitable<void> TargetTracing::wake(int signal) {
  constexpr auto kLimit = std::chrono::milliseconds(200);
  const auto begin = now();
  asio::steady_timer timer(trial_.io);
  while (!closed_() && tracing_ && !tracing_->wake_if_taken(signal)) {
    if (now() - begin > kLimit) co_return tracing_->wake_filters();
    timer.expires_after(std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void TargetTracing::end() {
  if (!tracing_) return;
  if (const auto finished = tracing_->finish(); !finished) trial_.trouble.note(finished.error());
  reached_places_.close();
  for (const auto& [fault, standing] : tracing_->take_reached())
    faults_.on_traced(fault, standing == 0);
  for (std::uint32_t i = 0; i < trial_.plan.faults.size(); ++i)
    faults_.traced_count({i}, tracing_->counted({i}));
  if (!tracing_->problem().empty()) faults_.not_traced(tracing_->problem());
  tracing_.reset();
}

}  // namespace lastcall

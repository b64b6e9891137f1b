#include "shutdown/watchdog.hpp"

#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <limits>
#include <mutex>
#include <system_error>
#include <utility>

#include "complain.hpp"
#include "decimal.hpp"

namespace graceful::shutdown {

struct Heart::State {
  std::vector<Post> executors;
  std::function<void()> beat;
  std::mutex mutex;
  bool paused = false;
  // Who has answered since the last beat, and who has a probe in its queue.
  std::vector<bool> answered;
  std::vector<bool> asked;
  std::uint64_t beats = 0;

  // On the executor's own thread: that this runs is the progress.
  void answer(std::size_t executor) {
    {
      const std::lock_guard lock(mutex);
      asked[executor] = false;
      answered[executor] = true;
      for (const bool each : answered) {
        if (!each) return;
      }
      answered.assign(answered.size(), false);
      if (paused) return;
      ++beats;
    }
    beat();
  }
};

Heart::Heart(std::vector<Post> executors, std::function<void()> beat)
    : state_(std::make_shared<State>()) {
  state_->answered.resize(executors.size());
  state_->asked.resize(executors.size());
  state_->executors = std::move(executors);
  state_->beat = std::move(beat);
}

void Heart::tick() {
  std::vector<std::size_t> to_ask;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->paused) return;
    for (std::size_t i = 0; i < state_->executors.size(); ++i) {
      if (state_->asked[i] || state_->answered[i]) continue;
      state_->asked[i] = true;
      to_ask.push_back(i);
    }
  }
  // Outside the lock: an executor may run the probe within the call.
  for (const auto i : to_ask) {
    state_->executors[i]([state = state_, i] { state->answer(i); });
  }
}

void Heart::pause() {
  const std::lock_guard lock(state_->mutex);
  state_->paused = true;
}

void Heart::resume() {
  const std::lock_guard lock(state_->mutex);
  state_->paused = false;
}

std::uint64_t Heart::beats() const {
  const std::lock_guard lock(state_->mutex);
  return state_->beats;
}

Result<std::optional<std::chrono::microseconds>> watchdog_timeout_from_environment() {
  const auto nonsense = [](const char* variable, const char* value) {
    return Error("use", std::string(variable) + "=" + value, 0, "a positive number is expected");
  };
  const char* const micros = std::getenv("WATCHDOG_USEC");
  if (micros == nullptr) return std::optional<std::chrono::microseconds>();
  if (const char* const pid = std::getenv("WATCHDOG_PID")) {
    const auto wanted = decimal(pid);
    if (!wanted) return nonsense("WATCHDOG_PID", pid);
    if (*wanted != static_cast<std::uint64_t>(::getpid())) {
      return std::optional<std::chrono::microseconds>();
    }
  }
  const auto timeout = decimal(micros);
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 1000;
  if (!timeout || *timeout == 0 || *timeout > kMax) return nonsense("WATCHDOG_USEC", micros);
  return std::optional(std::chrono::microseconds(static_cast<std::int64_t>(*timeout)));
}

Result<std::unique_ptr<Watchdog>> Watchdog::start(WatchdogSettings settings) {
  const auto refused = [](const std::string& why) {
    return Error("start", "the watchdog", 0, why);
  };
  if (!settings.timeout) {
    const auto asked = watchdog_timeout_from_environment();
    if (!asked) return asked.error();
    settings.timeout = *asked;
  }
  if (!settings.timeout) return std::unique_ptr<Watchdog>();
  if (settings.executors.empty()) return refused("there is no executor to watch");
  // A third: one beat may come late, or be lost, and the next is still in time.
  const auto interval = settings.interval.value_or(*settings.timeout / 3);
  const auto in_words = std::to_string(interval.count()) + " us, the time-out " +
                        std::to_string(settings.timeout->count()) + " us";
  if (interval.count() <= 0) return refused("the interval is not positive: it is " + in_words);
  if (interval >= *settings.timeout - interval) {
    return refused("the interval must be under half the time-out: it is " + in_words);
  }
  try {
    return std::unique_ptr<Watchdog>(new Watchdog(std::move(settings), interval));
  } catch (const std::system_error& failed) {
    return Error("start", "a thread for the watchdog", failed.code().value());
  }
}

Watchdog::Watchdog(WatchdogSettings settings, std::chrono::microseconds interval)
    : interval_(interval),
      beat_while_draining_(settings.beat_while_draining),
      heart_(std::move(settings.executors),
             [notifier = settings.notifier] {
               const auto sent = notifier.watchdog();
               if (!sent) complain(sent.error().message());
             }),
      ticks_(std::make_unique<Periodic>(interval, [this] { heart_.tick(); })) {
  heart_.tick();  // the first beat at once: the service manager's clock runs already
}

Watchdog::~Watchdog() { stop(); }

void Watchdog::draining_begins() {
  if (!beat_while_draining_) heart_.pause();
}

void Watchdog::stop() {
  heart_.pause();
  ticks_->stop();
}

}  // namespace graceful::shutdown

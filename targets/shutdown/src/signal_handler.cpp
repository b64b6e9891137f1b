#include "shutdown/signal_handler.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "caught_signals.hpp"
#include "complain.hpp"

namespace graceful::shutdown {
namespace {

// `what` is the callback's name for stderr: nobody else hears of an exception on our threads.
template <class Call>
void call_safely(const char* what, const Call& call) {
  try {
    call();
  } catch (const std::exception& thrown) {
    complain(std::string(what) + " threw: " + thrown.what());
  } catch (...) {
    complain(std::string(what) + " threw");
  }
}

}  // namespace

struct SignalHandler::State {
  using Listener = Subscriber<const Reason&>;

  explicit State(SignalSettings settings_) : settings(std::move(settings_)) {}
  ~State() {
    if (wake >= 0) ::close(wake);
  }

  Taken take(const Signal& signal);
  void repeated(const Signal& signal) const;
  void reload();
  void run_reloads();
  void read_signals();
  void handle(int number);

  const SignalSettings settings;
  int wake = -1;  // eventfd(2): the reader is to end
  std::thread reader;

  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Reason> reason;  // written once
  std::vector<std::shared_ptr<Listener>> listeners;
  bool reloading = false;
  bool reload_again = false;
};

SignalHandler::Taken SignalHandler::State::take(const Signal& signal) {
  const bool quits = std::holds_alternative<Quit>(signal);
  if (quits && settings.quit == QuitPolicy::at_once) end_by_sigquit();
  std::vector<std::shared_ptr<Listener>> to_tell;
  bool first = false;
  {
    const std::lock_guard lock(mutex);
    first = !reason;
    if (first) {
      reason = Reason{signal, std::chrono::steady_clock::now()};
      to_tell.swap(listeners);
      changed.notify_all();
    }
  }
  for (const auto& listener : to_tell) {
    call_safely("a subscriber", [&] { listener->notify(*reason); });
  }
  if (quits) end_by_sigquit();
  if (!first) repeated(signal);
  return first ? Taken::first : Taken::repeated;
}

void SignalHandler::State::repeated(const Signal& signal) const {
  // The program's own second reason is no impatience: a server's loop returns at every stop.
  if (std::holds_alternative<Custom>(signal)) return;
  if (settings.on_repeat) {
    call_safely("on_repeat", [&] { settings.on_repeat(settings.repeat, signal); });
  } else if (settings.repeat == RepeatPolicy::force) {
    complain("a second " + name_of(signal) + ": ending at once");
    ::_exit(1);
  }
}

void SignalHandler::State::reload() {
  if (!settings.on_reload) return;
  const std::lock_guard lock(mutex);
  if (reason) return;
  reload_again = true;
  if (reloading) return;
  reloading = true;
  try {
    // Not the reader's thread: a reload that hangs must not keep a SIGTERM waiting. The destructor
    // waits for `reloading`, so what the thread uses is there to its end.
    std::thread([this] { run_reloads(); }).detach();
  } catch (const std::system_error& failed) {
    reloading = false;
    complain(std::string("no thread to reload on: ") + failed.what());
  }
}

void SignalHandler::State::run_reloads() {
  std::unique_lock lock(mutex);
  while (std::exchange(reload_again, false) && !reason) {
    lock.unlock();
    call_safely("on_reload", settings.on_reload);
    lock.lock();
  }
  reloading = false;
  changed.notify_all();  // under the lock: the waiting destructor frees all this
}

void SignalHandler::State::handle(int number) {
  switch (number) {
    case SIGTERM:
      take(Term{});
      break;
    case SIGINT:
      take(Interrupt{});
      break;
    case SIGQUIT:
      take(Quit{});
      break;
    case SIGHUP:
      reload();
      break;
    default:
      break;
  }
}

void SignalHandler::State::read_signals() {
  pollfd watched[] = {{caught_signals_fd(), POLLIN, 0}, {wake, POLLIN, 0}};
  while (true) {
    if (::poll(watched, 2, -1) < 0 && errno != EINTR) {
      complain(Error("wait for", "signals", errno).message());
      return;
    }
    if (watched[1].revents != 0) return;
    unsigned char number = 0;
    while (::read(watched[0].fd, &number, 1) == 1) handle(number);
  }
}

SignalHandler::SignalHandler(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<SignalHandler>> SignalHandler::start(SignalSettings settings) {
  auto state = std::make_unique<State>(std::move(settings));
  if (!state->settings.from_kernel) {
    return std::unique_ptr<SignalHandler>(new SignalHandler(std::move(state)));
  }
  if (auto caught = catch_signals_early(); !caught) return caught.error();
  state->wake = ::eventfd(0, EFD_CLOEXEC);
  if (state->wake < 0) return Error("open", "an eventfd", errno);
  if (!begin_reading_signals()) {
    return Error("start", "a SignalHandler", 0, "another one listens to the kernel");
  }
  end_at_once_by_sigquit(state->settings.quit == QuitPolicy::at_once);
  try {
    state->reader = std::thread([raw = state.get()] { raw->read_signals(); });
  } catch (const std::system_error& failed) {
    stop_reading_signals();
    return Error("start", "a thread for signals", failed.code().value());
  }
  return std::unique_ptr<SignalHandler>(new SignalHandler(std::move(state)));
}

SignalHandler::~SignalHandler() {
  if (state_->reader.joinable()) {
    ::eventfd_write(state_->wake, 1);
    state_->reader.join();
    end_at_once_by_sigquit(true);
    stop_reading_signals();
  }
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return !state_->reloading; });
}

SignalHandler::Taken SignalHandler::request(Signal signal) { return state_->take(signal); }

std::optional<Reason> SignalHandler::reason() const {
  const std::lock_guard lock(state_->mutex);
  return state_->reason;
}

Reason SignalHandler::wait() const {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return state_->reason.has_value(); });
  return *state_->reason;
}

std::optional<Reason> SignalHandler::wait_until(
    std::chrono::steady_clock::time_point deadline) const {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait_until(lock, deadline, [&] { return state_->reason.has_value(); });
  return state_->reason;
}

Subscription SignalHandler::subscribe(std::function<void(const Reason&)> call) {
  auto listener = std::make_shared<State::Listener>(std::move(call));
  bool late = false;
  {
    const std::lock_guard lock(state_->mutex);
    late = state_->reason.has_value();
    if (!late) {
      std::erase_if(state_->listeners, [](const auto& each) { return each.use_count() == 1; });
      state_->listeners.push_back(listener);
    }
  }
  if (late) call_safely("a subscriber", [&] { listener->notify(*state_->reason); });
  return Subscription(std::move(listener));
}

}  // namespace graceful::shutdown

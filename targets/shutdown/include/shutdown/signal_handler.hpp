// Turns SIGTERM, SIGINT, SIGQUIT and requests of the program into one broadcast reason to stop, and
// SIGHUP into a call of the reload callback. Owned by main or by a ShutdownCoordinator; one at a
// time may listen to the kernel. Every function may be called from any thread.
//
// The handlers of sigaction(2) only write a byte to a pipe (write(2) is async-signal-safe,
// signal-safety(7)); a thread of the SignalHandler reads it and does the rest. So a signal that
// comes before anyone reads waits in the pipe, the signal mask that children inherit stays as it
// was, and PID 1, to which the kernel delivers only signals that have a handler, hears them too.
//
// The gap before: until catch_signals_early() a SIGTERM kills the process. Call it on main's first
// line. Who must not lose even a signal between execve(2) and main starts the program with the
// signals blocked (the mask survives execve): they stay pending, and catch_signals_early() unblocks
// them once the handlers stand.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "shutdown/result.hpp"
#include "shutdown/signal.hpp"
#include "shutdown/subscription.hpp"

namespace graceful::shutdown {

// Installs the handlers of SIGTERM, SIGINT, SIGQUIT and SIGHUP and unblocks these in the calling
// thread. They stay to the end of the process: a late signal must not turn exit code 0 into 143.
// A second call changes nothing. In a child of fork(2) without exec the handlers restore the
// default and raise the signal again, until the child calls this itself. Fails if there is no
// descriptor.
Result<void> catch_signals_early();

// SIGTERM or SIGINT while the stop is under way, as a signal or by request(). None of them
// re-enters or restarts it. A second Custom never does anything.
enum class RepeatPolicy {
  ignore,  // the stop goes on as it is
  hasten,  // stop waiting for connections, force them now
  force,   // end the process now, with exit code 1
};

enum class QuitPolicy {
  at_once,          // in the signal handler itself, however stuck the program is
  after_broadcast,  // every subscriber is told Quit first; a second SIGQUIT ends it at once
};

struct SignalSettings {
  // False: programmatic requests only. For a library inside a program with handlers of its own.
  bool from_kernel = true;
  RepeatPolicy repeat = RepeatPolicy::ignore;
  QuitPolicy quit = QuitPolicy::at_once;
  // SIGHUP. Called on a thread of its own, never twice at once: what comes during a call leads to
  // one more. Not called any more once the stop has begun. Empty: SIGHUP does nothing.
  std::function<void()> on_reload = {};
  // Told of each repeated request and of what the policy says; does what has to be done, on the
  // thread of the signal. Empty: `hasten` does nothing and `force` ends the process.
  std::function<void(RepeatPolicy, const Signal&)> on_repeat = {};
};

class SignalHandler {
 public:
  // Fails if another one listens to the kernel, or if there is no descriptor or thread.
  static Result<std::unique_ptr<SignalHandler>> start(SignalSettings settings = {});
  SignalHandler(const SignalHandler&) = delete;
  SignalHandler& operator=(const SignalHandler&) = delete;
  // Waits for a reload under way. Subscribers who were never told are dropped.
  ~SignalHandler();

  enum class Taken { first, repeated };
  // Like the signal of the same name. Quit{} does not return under QuitPolicy::at_once.
  Taken request(Signal signal);

  [[nodiscard]] std::optional<Reason> reason() const;
  // Block until there is a reason, the second at most until the deadline.
  Reason wait() const;
  [[nodiscard]] std::optional<Reason> wait_until(
      std::chrono::steady_clock::time_point deadline) const;

  // `call` gets the reason exactly once: when it comes, on the thread of the signal, or if it is
  // there already before subscribe() returns. It must be quick, others wait behind it; what it
  // throws is written to stderr and does not keep the others from being told.
  Subscription subscribe(std::function<void(const Reason&)> call);

 private:
  struct State;
  explicit SignalHandler(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace graceful::shutdown

// One run of a command as its user would run it: in a directory of theirs, with their environment,
// untraced. Discovery looks at it from outside, stops it and starts it again. Only one process at a
// time may have instances: it becomes a subreaper, and all its descendants are taken for theirs.
// Nothing of it outlives the last of them. One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/scoped_fd.hpp"
#include "discover/command.hpp"
#include "discover/listeners.hpp"
#include "scenario/placeholders.hpp"
#include "target/launcher.hpp"

namespace lastcall {

struct InstanceOptions {
  Command command;
  std::string directory;
  Placeholders ports;  // what stands for {port} and {port.NAME}
  std::string tools;   // lastcall's own folder, where commands are looked for first
};

// How it ended: an exit code, or a signal.
struct InstanceEnd {
  bool by_signal = false;
  int value = 0;
  [[nodiscard]] std::string text() const;  // "exit 1", "SIGSEGV"
};

// What the instance did until it was quiet: its listeners stayed the same for a while, or it used
// no processor and listens nowhere.
struct ComeUp {
  std::vector<Listener> listeners;     // reachable ones
  std::optional<InstanceEnd> ended{};  // its first process has ended meanwhile
  bool in_background = false;          // that process has ended, another one listens
  Nanoseconds first_listener{};        // after the start; 0: there is none
  bool was_interrupted = false;
};

class Instance {
 public:
  static Result<Instance> start(const InstanceOptions& options);
  Instance(Instance&&) = default;
  Instance& operator=(Instance&&) = delete;
  ~Instance();

  // Waits until it has come up, `limit` at most. `interrupted` ends the wait early.
  ComeUp come_up(Nanoseconds limit, const volatile int* interrupted = nullptr);
  // Tells it to stop, and waits; what is left then, children included, is killed. Nothing: it had
  // to be killed.
  std::optional<InstanceEnd> stop(int signal, Nanoseconds limit);

  [[nodiscard]] pid_t pid() const { return launched_.pid; }
  // The name of the program that runs there now: "nginx", "python3.11". Empty if it is gone.
  [[nodiscard]] std::string program() const;
  // What it printed, the last 64 KiB.
  [[nodiscard]] std::string output() const;

 private:
  Instance(Launched launched, ScopedFd output);
  void note_end();
  [[nodiscard]] std::vector<pid_t> processes() const;

  Launched launched_;
  ScopedFd output_;
  TimePoint began_;
  std::optional<InstanceEnd> ended_;
};

}  // namespace lastcall

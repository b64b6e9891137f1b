// What an autopsy found, as a value, as text and as JSON. Pure functions; from any thread.
#pragma once

#include <boost/json.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/preflight.hpp"
#include "cli/process_recorder.hpp"
#include "tracer/locks/lock_graph.hpp"

namespace lastcall::cli {

// A process tree that should have ended, as it was seen then.
struct Hang {
  int signal = 0;  // what should have ended it
  Nanoseconds after{};
  std::vector<Stack> stacks{};
  std::vector<ThreadWait> waits{};
  std::vector<Stuck> stuck{};
};

struct Finding {
  std::vector<std::string> command;
  Preflight preflight;
  std::string not_started;  // why it could not be executed or traced; empty: it ran
  pid_t pid = 0;            // of the command itself
  std::map<pid_t, Subject> subjects{};
  std::map<pid_t, std::string> killers{};  // by pid: who sent its SIGKILL, as far as is known
  std::optional<Hang> hang{};
  bool probed = false;   // listeners were asked what they speak
  std::string untold{};  // why senders of SIGKILL could not be seen; empty: they could
};

// How a process ended, and who did it.
std::string ended_by(const Finding& finding, const Subject& subject);

// Half a page; `full`: whole stacks, all calls and all words.
std::string text_of(const Finding& finding, bool full);
std::string hang_text(const Hang& hang, bool full);
boost::json::value json_of(const Finding& finding);

}  // namespace lastcall::cli

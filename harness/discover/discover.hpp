// Finds out what a command is: starts it as its user would, asks its ports what they speak, stops
// it and starts it once more. Takes two to ten seconds. Before any thread or other child of this
// process: see Instance.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "discover/discovery.hpp"

namespace lastcall {

struct DiscoverOptions {
  Command command;
  std::string directory;  // absolute
  std::string tools;
  Nanoseconds start_limit = std::chrono::seconds(30);  // a JVM on a busy machine
  Nanoseconds stop_limit = std::chrono::seconds(5);    // then it is killed, which is no finding yet
  const volatile int* interrupted = nullptr;           // not 0: give up
};

struct Discovered {
  Discovery found;
  std::vector<std::string> notes;  // for people, a sentence each
};

// An error says why no scenario can be written: it cannot be executed, ended by itself, went into
// the background, or does not come up a second time.
Result<Discovered> discover(const DiscoverOptions& options);

// "http://127.0.0.1:8080: HTTP (nginx/1.22), / answers 200 in 1.20 ms, WebSocket at /ws".
std::string port_sentence(const FoundPort& port);

}  // namespace lastcall

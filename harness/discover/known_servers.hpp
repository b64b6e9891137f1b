// What the manuals of well-known servers say of their stop where it is not what a supervisor would
// guess: which signal is the orderly one, and what they promise. Data, with its sources.
#pragma once

#include <string_view>

namespace lastcall {

struct KnownServer {
  std::string_view program;    // as its file is named
  std::string_view signal;     // the orderly stop; empty: SIGTERM
  std::string_view exit = {};  // TOML; empty: as any other
  bool answers_on = false;     // requests on open connections are answered after the stop, too
  std::string_view why = {};   // with the source
};

// Null if nothing is known.
const KnownServer* known_server(std::string_view program);

}  // namespace lastcall

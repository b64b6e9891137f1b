// Why a program stops. Plain values; any thread.
#pragma once

#include <chrono>
#include <string>
#include <variant>

namespace graceful::shutdown {

struct Term {  // SIGTERM: the service manager
  bool operator==(const Term&) const = default;
};
struct Interrupt {  // SIGINT: the terminal
  bool operator==(const Interrupt&) const = default;
};
struct Quit {  // SIGQUIT: exit at once with a core dump, signal(7)
  bool operator==(const Quit&) const = default;
};
struct Custom {  // the program itself
  std::string name;
  bool operator==(const Custom&) const = default;
};
using Signal = std::variant<Term, Interrupt, Quit, Custom>;

// "SIGTERM", "SIGINT", "SIGQUIT", or the name of a Custom.
std::string name_of(const Signal& signal);

// The first request to stop. There is one for the life of a SignalHandler.
struct Reason {
  Signal signal;
  std::chrono::steady_clock::time_point at;  // when it was taken up; every limit counts from here
};

}  // namespace graceful::shutdown

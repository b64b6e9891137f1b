#include "base/signal_names.hpp"

#include <csignal>
#include <cstring>

namespace lastcall {

std::optional<int> signal_number(std::string_view name) {
  for (int number = 1; number < 32; ++number)
    if (signal_name(number) == name) return number;
  return std::nullopt;
}

std::string signal_name(int number) {
  // The C library knows it as SIGPOLL, the other name in signal(7).
  const auto* word = number == SIGIO ? "IO" : ::sigabbrev_np(number);
  return word == nullptr ? "signal " + std::to_string(number) : std::string("SIG") + word;
}

}  // namespace lastcall

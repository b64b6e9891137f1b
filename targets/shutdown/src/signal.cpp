#include "shutdown/signal.hpp"

namespace graceful::shutdown {

std::string name_of(const Signal& signal) {
  struct Name {
    std::string operator()(const Term&) const { return "SIGTERM"; }
    std::string operator()(const Interrupt&) const { return "SIGINT"; }
    std::string operator()(const Quit&) const { return "SIGQUIT"; }
    std::string operator()(const Custom& custom) const { return custom.name; }
  };
  return std::visit(Name{}, signal);
}

}  // namespace graceful::shutdown

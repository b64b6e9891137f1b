#include "shutdown/report.hpp"

namespace graceful::shutdown {
namespace {

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) text += (text.empty() ? "" : "; ") + part;
  return text.empty() ? "nothing" : text;
}

}  // namespace

std::string name_of(Phase phase) {
  switch (phase) {
    case Phase::preparing:
      return "Preparing";
    case Phase::draining:
      return "Draining";
    case Phase::cleaning:
      return "Cleaning";
    case Phase::persisting:
      return "Persisting";
    case Phase::exiting:
      return "Exiting";
  }
  return "";
}

std::string ShutdownReport::text() const {
  std::string text = "stopped for " + name_of(reason.signal) + " in " +
                     std::to_string(duration.count()) + " ms, exit code " +
                     std::to_string(exit_code) + "\n";
  for (const auto& phase : phases) {
    text += "  " + name_of(phase.phase) + ": " + std::to_string(phase.duration.count()) + " ms";
    if (!phase.broken.empty()) text += "; " + joined(phase.broken);
    text += "\n";
  }
  for (const auto& warning : warnings) text += "  warning: " + warning + "\n";
  return text;
}

std::string ForcedQuit::text() const {
  return cause + " in " + name_of(phase) +
         "; ending the process with exit code 1. Unfinished: " + joined(unfinished) +
         ". Forced: " + joined(forced) + ".";
}

}  // namespace graceful::shutdown

// released: after the end no child process, port or file of the target is left.
//
// Sees processes that were alive in the target's tree after its end, ports of the scenario that
// cannot be bound with SO_REUSEADDR, and sockets, pid, lock and temporary files of the trial's
// directory. Cannot see what the target left elsewhere on the machine. Only an end that the target
// reached by itself after the stop is judged: after SIGKILL leftovers are nobody's fault. `allow`
// holds glob patterns of paths relative to {dir}; `*` also matches `/`.
#include <fnmatch.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "checkers/checkers.hpp"
#include "checkers/judging.hpp"

namespace lastcall::checkers {
namespace {

bool is_allowed(const std::string& path, const std::vector<std::string>& globs) {
  return std::ranges::any_of(globs, [&](const std::string& glob) {
    return ::fnmatch(glob.c_str(), path.c_str(), 0) == 0;
  });
}

struct Leftovers {
  std::string text;
  std::vector<EventIndex> evidence;
  void add(EventIndex i, const std::string& what) {
    text += (text.empty() ? "" : "; ") + what;
    evidence.push_back(i);
  }
};

Leftovers leftovers(const History& history, const std::vector<std::string>& allowed) {
  Leftovers left;
  for (const auto& [i, process] : history.all<ProcessLeft>()) {
    left.add(i, "process " + std::to_string(process->pid) + " (" + process->command + ") is alive");
  }
  for (const auto& [i, port] : history.all<PortProbed>()) {
    if (port->error == 0) continue;
    const auto name = port->name.empty() ? "{port}" : "{port." + port->name + "}";
    left.add(i, name + " cannot be bound: " + std::strerror(port->error));
  }
  for (const auto& [i, file] : history.all<FileLeft>()) {
    if (!is_allowed(file->path, allowed)) left.add(i, file->type + " " + file->path + " is left");
  }
  return left;
}

// Why nothing is judged; empty if it is.
std::string no_end_to_judge(const History& history) {
  if (const auto why_not = no_stop_to_judge(history)) return *why_not;
  const auto ended = history.first<TargetEnded>();
  if (history.first<TargetForced>()) return "the target did not end by itself";
  if (!ended) return "";
  const auto& end = std::get<TargetEnded>(history.at(*ended).body);
  const bool killed = end.how == EndKind::signalled && end.value == SIGKILL;
  return killed ? "the target was ended by SIGKILL" : "";
}

}  // namespace

Verdict released(const Plan& plan, const History& history) {
  Verdict verdict{.property = "released"};
  verdict.reason = no_end_to_judge(history);
  if (!verdict.reason.empty()) return verdict;

  const auto files = history.first<FilesSearched>();
  const auto ports = history.all<PortProbed>().size();
  const bool processes = history.first<ProcessesSearched>().has_value();
  verdict.judged = (processes ? 1 : 0) + ports +
                   (files ? std::get<FilesSearched>(history.at(*files).body).count : 0);
  auto left = leftovers(history, settings(plan, verdict.property).allow);
  if (!left.evidence.empty()) {
    verdict.outcome = Outcome::fail;
    verdict.judged = std::max<std::uint64_t>(verdict.judged, left.evidence.size());
    verdict.reason = std::move(left.text);
    verdict.evidence = std::move(left.evidence);
  } else if (!history.first<TargetEnded>()) {
    verdict.outcome = Outcome::unknown;
    verdict.reason = "the target's end was not seen";
  } else if (!processes || ports == 0 || !files) {
    verdict.outcome = Outcome::unknown;
    verdict.reason = std::string("not searched for: ") + (!processes   ? "processes"
                                                          : ports == 0 ? "ports"
                                                                       : "files");
  } else {
    verdict.outcome = Outcome::pass;
  }
  return verdict;
}

}  // namespace lastcall::checkers

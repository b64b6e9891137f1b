// released: after the end no child process, port or file of the target is left; with `strict`, also
// nothing was open or running at its exit call that it should have closed or waited for.
//
// Sees processes that were alive in the target's tree after its end, ports of the scenario that
// cannot be bound with SO_REUSEADDR, and sockets, pid, lock and temporary files of the trial's
// directory. Cannot see what the target left elsewhere on the machine. Only an end that the target
// reached by itself after the stop is judged: after SIGKILL leftovers are nobody's fault. `allow`
// holds glob patterns of paths relative to {dir}, or of what was open; `*` also matches `/`.
//
// `strict` judges every process of the target that ends by exit_group(2) after the stop, by the
// rule of tracer/left_open.hpp: listeners, accepted connections, files of the state that were not
// synced and children fail, the rest is worth a word in the history. It also fails what grows with
// the answers given: descriptors, those of connected clients left out, or threads that in each of
// the last two doublings of the answers became more by a sixteenth of these and four at least, and
// twice as many in the second, or nearly so. A cache that fills does not go on like that.
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
  static constexpr std::size_t kMostSaid = 8;
  std::vector<EventIndex> evidence;
  void add(EventIndex i, const std::string& what) {
    evidence.push_back(i);
    if (evidence.size() <= kMostSaid) text_ += (text_.empty() ? "" : "; ") + what;
  }
  [[nodiscard]] std::string text() const {
    if (evidence.size() <= kMostSaid) return text_;
    return text_ + "; and " + std::to_string(evidence.size() - kMostSaid) + " more";
  }

 private:
  std::string text_;
};

// Of the descriptors and threads, the descriptors of clients' connections left out.
struct Sample {
  EventIndex at = 0;
  std::uint64_t answers = 0;
  std::int64_t descriptors = 0;
  std::int64_t threads = 0;
};

std::int64_t connections_at(const History& history, EventIndex at) {
  return std::ranges::count_if(history.connections(), [at](const ConnectionView& c) {
    return is_before(c.tcp_up, at) && !is_before(c.ended, at);
  });
}

// "descriptors grew from 20 to 52 and 116 with 64, 128 and 256 answers"; empty if they did not.
std::string growth(const std::vector<Sample>& samples, std::int64_t Sample::*of,
                   const std::string& what) {
  if (samples.size() < 3) return {};
  const auto* last = &samples.back() - 2;
  const auto first_growth = last[1].*of - last[0].*of;
  const auto second_growth = last[2].*of - last[1].*of;
  const auto answers = static_cast<std::int64_t>(last[1].answers - last[0].answers);
  if (first_growth < std::max<std::int64_t>(4, answers / 16) ||
      second_growth * 2 < first_growth * 3) {
    return {};
  }
  const auto number = [](auto value) { return std::to_string(value); };
  return what + " grew from " + number(last[0].*of) + " to " + number(last[1].*of) + " and " +
         number(last[2].*of) + " with " + number(last[0].answers) + ", " + number(last[1].answers) +
         " and " + number(last[2].answers) + " answers";
}

void add_growth(const History& history, Leftovers& left) {
  std::vector<Sample> samples;
  for (const auto& [i, open] : history.all<OpenCounted>()) {
    samples.push_back({i, open->answers,
                       static_cast<std::int64_t>(open->descriptors) - connections_at(history, i),
                       static_cast<std::int64_t>(open->threads)});
  }
  for (const auto& text : {growth(samples, &Sample::descriptors, "descriptors"),
                           growth(samples, &Sample::threads, "threads")}) {
    if (!text.empty()) left.add(samples.back().at, text);
  }
}

// What was open at the exit call of a process of the target, once the stop had begun.
void add_open(const History& history, const std::vector<std::string>& allowed, Leftovers& left) {
  for (const auto& [i, open] : history.all<LeftAtExit>()) {
    if (i > *history.stop() && open->fails && !is_allowed(open->text, allowed))
      left.add(i, "at its exit process " + std::to_string(open->pid) + " " + open->text);
  }
}

// Whether the exit of the target's own process was looked at.
bool is_examined(const History& history) {
  const auto started = history.first<TargetStarted>();
  if (!started) return false;
  const auto pid = std::get<TargetStarted>(history.at(*started).body).pid;
  return std::ranges::any_of(history.all<ExitExamined>(),
                             [pid](const auto& one) { return one.second->pid == pid; });
}

bool ended_by_exit(const History& history) {
  const auto ended = history.first<TargetEnded>();
  return ended && std::get<TargetEnded>(history.at(*ended).body).how == EndKind::exited;
}

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
  const auto& told = settings(plan, verdict.property);
  auto left = leftovers(history, told.allow);
  if (told.strict) {
    add_open(history, told.allow, left);
    add_growth(history, left);
    verdict.judged += history.all<ExitExamined>().size() + history.all<OpenCounted>().size();
  }
  if (!left.evidence.empty()) {
    verdict.outcome = Outcome::fail;
    verdict.judged = std::max<std::uint64_t>(verdict.judged, left.evidence.size());
    verdict.reason = left.text();
    verdict.evidence = std::move(left.evidence);
  } else if (!history.first<TargetEnded>()) {
    verdict.outcome = Outcome::unknown;
    verdict.reason = "the target's end was not seen";
  } else if (!processes || ports == 0 || !files) {
    verdict.outcome = Outcome::unknown;
    verdict.reason = std::string("not searched for: ") + (!processes   ? "processes"
                                                          : ports == 0 ? "ports"
                                                                       : "files");
  } else if (told.strict && ended_by_exit(history) && !is_examined(history)) {
    verdict.outcome = Outcome::unknown;
    const auto failed = history.first<TraceFailed>();
    verdict.reason = "its exit call was not seen" +
                     (failed ? ": " + std::get<TraceFailed>(history.at(*failed).body).reason : "");
  } else {
    verdict.outcome = Outcome::pass;
  }
  return verdict;
}

}  // namespace lastcall::checkers

// released: after the end no child process, port or file of the target is left; with `strict`, also
// nothing was open or running at its exit call that it should have closed or waited for.
//
// Sees processes of the target's tree that were there 200 ms after its end, also if each forks the
// next and exits before it can be looked at; ports of the scenario that cannot be bound with
// SO_REUSEADDR, nor with SO_REUSEPORT while nobody listens; mounts, sockets, pid, lock and
// temporary files of the trial's directory; and POSIX and System V shared memory, semaphores and
// message queues that came during the trial, that a process of the target had made or had mapped
// when it was ready or was told to stop, and that nobody uses any more. Cannot see what the target
// left elsewhere on the machine, ports that lastcall has not leased for it, nor shared memory that
// it made only while it stopped. Only an end that the target reached by itself after the stop is
// judged: after SIGKILL leftovers are nobody's fault.
//
// A busy machine, and the tracer, slow helpers that outlive the target by design: one that is at
// work fails once it has used 200 ms of processor time since the target's end, or 2 s after it; if
// it is traced, the verdict is `unknown` then. Regular files in the temporary folder, {dir}/tmp,
// may be caches, which are meant to stay: they are counted in the reason, and fail with `strict`
// only. Sockets, FIFOs, pid and lock files fail there too.
//
// `allow` excuses by glob patterns, in which `*` also matches `/`: a file by its path relative to
// {dir} (or by what was open at the exit call), shared memory by "/dev/shm/NAME" or "key 0x4c" as a
// file, a process by its command line, a port by its name
// or number. What an entry excused is counted in the reason; a process that may stay may also be
// there at the exit call. Excused and counted, too, is an `epmd -daemon`: whichever
// Erlang node is the first of a host starts it, for all that come after it.
//
// `strict` judges every process of the target that ends by exit_group(2) after the stop, by the
// rule of exit_leak_rules.hpp: listeners, accepted connections, files of the state that were
// not synced and children fail, the rest is worth a word in the history. It also fails what grows
// with the answers given: descriptors, those of connected clients left out, or threads that in each
// of the last two doublings of the answers became more by a sixteenth of these and four at least,
// and twice as many in the second, or nearly so. A cache that fills does not go on like that.
#include <fnmatch.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "scenario/fixed_port.hpp"
#include "scenario/properties/released.hpp"

namespace lastcall::property::released {
namespace {

constexpr std::string_view kTemporaryFolder = "tmp/";

std::string counted(std::size_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

// The entries of `allow`, and how much each has excused.
class Allowances {
 public:
  explicit Allowances(const std::vector<Allowance>& entries)
      : entries_(entries), excused_(entries.size()) {}

  // `of`: "file", "process" or "port". An entry that says nothing of the kind is a file's.
  bool excuse(std::string_view of, const std::vector<std::string>& names) {
    const auto entry = matching(of, names);
    if (entry) ++excused_[*entry].left;
    return entry.has_value();
  }
  // At the exit call. By an entry for files too: what it was, "listens at 127.0.0.1:80".
  bool excuse_open(std::string_view of, const std::vector<std::string>& names) {
    const auto entry = matching(of, names);
    if (entry) ++excused_[*entry].open;
    return entry.has_value();
  }

  // "allowed: 1 process `tail *` (by design), 2 files `*.pid`"; empty if nothing was excused.
  [[nodiscard]] std::string text() const {
    std::string text;
    const auto add = [&](std::size_t i, const std::string& what) {
      text += (text.empty() ? "allowed: " : ", ") + what + " " + shown(i);
    };
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const auto& of = entries_[i].of;
      const auto [left, open] = excused_[i];
      if (left > 0) {
        add(i, of == "process" ? counted(left, "process", "processes")
               : of == "port"  ? counted(left, "port", "ports")
                               : counted(left, "file", "files"));
      }
      if (open > 0) add(i, std::to_string(open) + " open at the exit call");
    }
    return text;
  }
  void note(Verdict& verdict) const {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const auto& of = entries_[i].of;
      const auto [left, open] = excused_[i];
      if (left > 0)
        verdict.noted.push_back(
            {"excused by " + (of.empty() ? "file" : of) + " " + shown(i), left});
      if (open > 0)
        verdict.noted.push_back({"open at the exit call, excused by " + shown(i), open});
    }
  }

 private:
  struct Excused {
    std::size_t left = 0;
    std::size_t open = 0;  // at the exit call
  };
  // "`tail *` (by design)"
  [[nodiscard]] std::string shown(std::size_t i) const {
    const auto& [pattern, of, why] = entries_[i];
    return "`" + pattern + "`" + (why.empty() ? "" : " (" + why + ")");
  }
  [[nodiscard]] std::optional<std::size_t> matching(std::string_view of,
                                                    const std::vector<std::string>& names) const {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const auto& entry = entries_[i];
      if ((entry.of.empty() ? "file" : entry.of) != of) continue;
      const bool matches = std::ranges::any_of(names, [&](const std::string& name) {
        return ::fnmatch(entry.pattern.c_str(), name.c_str(), 0) == 0;
      });
      if (matches) return i;
    }
    return std::nullopt;
  }
  const std::vector<Allowance>& entries_;
  std::vector<Excused> excused_;
};

struct Leftovers {
  static constexpr std::size_t kMaxSaid = 8;
  std::vector<EventIndex> evidence;
  void add(EventIndex i, const std::string& what) {
    evidence.push_back(i);
    if (evidence.size() <= kMaxSaid) text_ += (text_.empty() ? "" : "; ") + what;
  }
  [[nodiscard]] std::string text() const {
    if (evidence.size() <= kMaxSaid) return text_;
    return text_ + "; and " + std::to_string(evidence.size() - kMaxSaid) + " more";
  }

 private:
  std::string text_;
};

// The numbers of descriptors and threads; the descriptors of clients' connections do not count.
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

// Whether the exit of the target's own process was looked at.
bool is_examined(const History& history) {
  const auto started = history.first<TargetStarted>();
  if (!started) return false;
  const auto pid = started->body->pid;
  return std::ranges::any_of(history.all<ExitExamined>(),
                             [pid](const auto& one) { return one.body->pid == pid; });
}

bool ended_by_exit(const History& history) {
  const auto ended = history.first<TargetEnded>();
  return ended && ended->body->how == EndKind::exited;
}

// A file in the temporary folder that may be a cache: neither a lock nor a pid file.
bool may_be_a_cache(const FileLeft& file) {
  return file.type == "temporary file" && file.path.starts_with(kTemporaryFolder);
}

constexpr std::string_view kPortMapper =
    "excused: epmd, which serves all Erlang nodes of the host, epmd(1)";

// What is worth a word in the reason without being a failure.
struct Noted {
  std::size_t caches = 0;
  std::string first_cache;
  std::size_t port_mappers = 0;
  std::vector<std::int32_t> excused;  // processes
  std::string slowed;                 // who is perhaps only there because of the tracer
  EventIndex slowed_at = 0;

  [[nodiscard]] std::string caches_text() const {
    if (caches == 0) return "";
    return counted(caches, "file stays", "files stay") + " in {dir}/tmp, first " + first_cache;
  }
  [[nodiscard]] std::string port_mappers_text() const {
    if (port_mappers == 0) return "";
    return std::to_string(port_mappers) + " " + std::string(kPortMapper);
  }
  void note(Verdict& verdict) const {
    if (caches > 0) verdict.noted.push_back({"left in {dir}/tmp, perhaps caches", caches});
    if (port_mappers > 0) verdict.noted.push_back({std::string(kPortMapper), port_mappers});
  }
};

std::string named(std::int32_t pid, const std::string& command) {
  return std::to_string(pid) + " (" + command + ")";
}

bool is_port_mapper(std::string_view command) {
  const auto program = command.substr(0, command.find(' '));
  return program.substr(program.rfind('/') + 1) == "epmd" &&
         command.substr(program.size()).starts_with(" -daemon");
}

// The server's, which a child has too that was forked without exec. Nothing where the target is a
// shell above the server: then the server itself may be left.
std::optional<std::string> own_command_line(const Plan& plan, const History& history) {
  const auto started = history.first<TargetStarted>();
  if (plan.scenario.target.shell || !started) return std::nullopt;
  return started->body->command;
}

void add_processes(const Plan& plan, const History& history, Allowances& allowed, Leftovers& left,
                   Noted& noted) {
  const auto own = own_command_line(plan, history);
  const auto is_excused = [&](const auto& process) {
    const bool is_allowed = allowed.excuse("process", {process.command});
    if (!is_allowed && !is_port_mapper(process.command)) return false;
    if (!is_allowed) ++noted.port_mappers;
    noted.excused.push_back(process.pid);
    return true;
  };
  for (const auto& [i, process] : history.all<ProcessLeft>()) {
    if (is_excused(*process)) continue;
    const auto* whose =
        process->command == own ? "a child with the server's own command line: " : "";
    left.add(i, "process " + named(process->pid, whose + process->command) +
                    " is alive after the target's end");
  }
  for (const auto& [i, process] : history.all<ProcessLingered>()) {
    if (is_excused(*process)) continue;
    const auto who = named(process->pid, process->command);
    if (process->how == Lingering::ended_late) {
      left.add(
          i,
          "after the target's end a chain of processes goes on: each forks the next and exits; "
          "the last one seen was " +
              who);
    } else if (noted.slowed.empty()) {
      noted.slowed = "process " + who;
      noted.slowed_at = i;
    }
  }
}

// Whether `allow` excuses a child that was there at the exit call: "child 81 (tail) is alive". If
// it was left, it has been excused by its command line. Else only the name is known: `tail *` means
// it.
bool may_stay(const std::string& child, Allowances& allowed, const Noted& noted) {
  const auto is_it = [&](std::int32_t pid) {
    return child.starts_with("child " + std::to_string(pid) + " (");
  };
  if (std::ranges::any_of(noted.excused, is_it)) return true;
  const auto begin = child.find('(') + 1;
  const auto name = child.substr(begin, child.rfind(')') - begin);
  return allowed.excuse_open("process", {name, name + " "});
}

// What was open at the exit call of a process of the target, once the stop had begun.
void add_open(const History& history, Allowances& allowed, const Noted& noted, Leftovers& left) {
  for (const auto& [i, open] : history.all<LeftAtExit>()) {
    if (i <= *history.stop() || !open->fails) continue;
    if (allowed.excuse_open("file", {open->text})) continue;
    if (open->type == "child" && may_stay(open->text, allowed, noted)) continue;
    left.add(i, "process " + std::to_string(open->pid) + " left at its exit: " + open->text);
  }
}

// "port 8080 ({port}) is still in use"
std::string port_text(const PortProbed& port) {
  auto text = "port " + std::to_string(port.port);
  if (const auto name = port_name(port); name != text) text += " (" + name + ")";
  return port.error == EADDRINUSE ? text + " is still in use"
                                  : text + " cannot be bound: " + std::strerror(port.error);
}

bool is_strict(const Plan& plan) { return settings<Released>(plan).strict; }

Leftovers leftovers(const Plan& plan, const History& history, Allowances& allowed, Noted& noted) {
  const bool strict = is_strict(plan);
  Leftovers left;
  add_processes(plan, history, allowed, left, noted);
  const bool one_is_left = left.evidence.size() == 1 && history.all<ProcessLeft>().size() == 1;
  const bool nobody_is_left = history.first<ProcessesSearched>() &&
                              history.all<ProcessLeft>().empty() &&
                              history.all<ProcessLingered>().empty();
  for (const auto& [i, port] : history.all<PortProbed>()) {
    if (port->error == 0) continue;
    const auto name = port_name(*port);
    const auto word = port->name.empty() ? "port" : port->name;
    if (allowed.excuse("port", {word, name, std::to_string(port->port)})) continue;
    std::string by;
    if (port->error == EADDRINUSE && (one_is_left || !noted.slowed.empty()))
      by = ", perhaps by " + (one_is_left ? "it" : noted.slowed);
    else if (port->error == EADDRINUSE && nobody_is_left)
      by = " though no process is left: its closed connections (TIME_WAIT) keep it, set "
           "SO_REUSEADDR before bind()";
    left.add(i, port_text(*port) + by);
  }
  for (const auto& [i, file] : history.all<FileLeft>()) {
    if (allowed.excuse("file", {file->path})) continue;
    if (!strict && may_be_a_cache(*file)) {
      if (++noted.caches == 1) noted.first_cache = file->path;
    } else {
      left.add(i, file->type + " " + file->path + " is left");
    }
  }
  return left;
}

// Why nothing is judged; empty if it is.
std::string no_end_to_judge(const History& history) {
  if (const auto why_not = no_stop_to_judge(history)) return *why_not;
  if (history.first<TargetForced>()) return "the target did not end by itself";
  const auto ended = history.first<TargetEnded>();
  const bool killed =
      ended && ended->body->how == EndKind::signalled && ended->body->value == SIGKILL;
  return killed ? "the target was ended by SIGKILL" : "";
}

Verdict check(const Plan& plan, const History& history) {
  if (auto why = no_end_to_judge(history); !why.empty())
    return Verdict::not_applicable(std::move(why));

  Verdict verdict;
  const auto files = history.first<FilesSearched>();
  const auto ports = history.all<PortProbed>().size();
  const bool processes = history.first<ProcessesSearched>().has_value();
  verdict.judged = (processes ? 1 : 0) + ports + (files ? files->body->count : 0);
  const auto& told = settings<Released>(plan);
  Allowances allowed(told.allow);
  Noted noted;
  auto left = leftovers(plan, history, allowed, noted);
  if (told.strict) {
    add_open(history, allowed, noted, left);
    add_growth(history, left);
    verdict.judged += history.all<ExitExamined>().size() + history.all<OpenCounted>().size();
  }
  if (!left.evidence.empty()) {
    verdict.conclude(Outcome::fail, left.text());
    verdict.judged = std::max<std::uint64_t>(verdict.judged, left.evidence.size());
    verdict.evidence = std::move(left.evidence);
  } else if (!history.first<TargetEnded>()) {
    verdict.conclude(Outcome::unknown, "the target's end was not seen");
  } else if (!processes || !files) {  // ports are looked at before files
    verdict.conclude(Outcome::unknown,
                     std::string("not searched for: ") + (!processes ? "processes" : "files"));
  } else if (told.strict && plan.traced && ended_by_exit(history) && !is_examined(history)) {
    const auto failed = history.first<TraceFailed>();
    verdict.conclude(Outcome::unknown,
                     "its exit call was not seen" + (failed ? ": " + failed->body->reason : ""));
  } else if (!noted.slowed.empty()) {
    verdict.conclude(Outcome::unknown,
                     noted.slowed +
                         " was still at work long after the target's end, perhaps only "
                         "because it was traced: trace = false judges it");
    verdict.evidence = {noted.slowed_at};
  } else {
    verdict.outcome = Outcome::pass;
  }
  const std::string unseen =
      told.strict && !plan.traced ? "what was open at the exit call was not seen: untraced" : "";
  for (const auto& note :
       {noted.caches_text(), allowed.text(), noted.port_mappers_text(), unseen}) {
    verdict.say(note);
  }
  noted.note(verdict);
  allowed.note(verdict);
  if (verdict.outcome == Outcome::pass && ports == 0 && names_fixed_port(plan.scenario))
    verdict.not_judged.push_back(
        {"at a fixed port, which lastcall cannot look at (below 1024, or one that clients may "
         "get): write "
         "{port} in its place",
         1});
  return verdict;
}

}  // namespace
}  // namespace lastcall::property::released

const lastcall::Checker lastcall::property::Released::kChecker{.property = kName,
                                                               .check = released::check,
                                                               .needs_tracer = released::is_strict,
                                                               .needs_files = true,
                                                               .judges_the_stop = true,
                                                               .off_when_forced = true,
                                                               .is_cut_off = true};

#include "cli/autopsy_report.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "base/durations.hpp"
#include "base/fault_text.hpp"
#include "base/signal_names.hpp"
#include "base/text.hpp"
#include "history/utf8.hpp"
#include "tracer/ptrace/signals.hpp"

namespace lastcall::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kFrames = 10;      // of the thread that ended it
constexpr std::size_t kOtherFrames = 4;  // of all others
constexpr std::size_t kCalls = 6;
constexpr std::size_t kWords = 6;   // lines
constexpr std::size_t kLine = 160;  // bytes of one
constexpr std::size_t kOthers = 6;
constexpr std::size_t kExited = 2;
constexpr std::size_t kIndent = 14;

// "  label     first line", and the others below it.
void add(std::string& text, std::string label, const std::string& content) {
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line); label.clear()) {
    std::string begin = "  " + label;
    begin.resize(std::max(kIndent, begin.size() + 1), ' ');
    text += begin + line + '\n';
  }
}

std::string sender_text(const TakenSignal& taken, const Subject& subject) {
  if (taken.forwarded) return ", sent to lastcall and passed on, by " + culprit_text(taken.sender);
  if (taken.sender.pid == subject.pid) return ", sent by itself";
  if (taken.sender.pid != 0) return ", sent by " + culprit_text(taken.sender);
  if (const auto fault = fault_text(taken.signal, taken.code, taken.address); !fault.empty())
    return " " + fault;
  constexpr std::array kOfTerminals{SIGINT, SIGQUIT, SIGHUP, SIGTSTP, SIGTTIN, SIGTTOU};
  if (taken.code == SI_KERNEL && std::ranges::count(kOfTerminals, taken.signal) > 0)
    return ", from its terminal";
  if (taken.code == SI_KERNEL) return ", sent by the kernel";
  return taken.code == SI_USER ? ", sent from outside its PID namespace" : "";
}

const TakenSignal* fatal_signal(const Subject& subject) {
  const auto found = std::ranges::find_if(
      subject.signals.rbegin(), subject.signals.rend(),
      [&](const TakenSignal& one) { return one.fatal && one.signal == subject.how.si_status; });
  return found == subject.signals.rend() ? nullptr : &*found;
}

// A handler that has cleaned up often sends its process the same signal again, to die of it.
const TakenSignal* handled_before(const TakenSignal& last, const Subject& subject) {
  const auto found = std::ranges::find_if(subject.signals, [&](const TakenSignal& one) {
    return one.caught && one.signal == last.signal && one.sender.pid != subject.pid;
  });
  return last.sender.pid != subject.pid || found == subject.signals.end() ? nullptr : &*found;
}

bool was_signalled(const Subject& subject) {
  return subject.ended && subject.how.si_code != CLD_EXITED;
}

std::string command_text(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + shell_word(word);
  return text;
}

std::vector<Stack> shortened(std::vector<Stack> stacks, bool full) {
  for (std::size_t i = 0; !full && i < stacks.size(); ++i) {
    auto& stack = stacks[i];
    const auto most = i == 0 ? kFrames : kOtherFrames;
    if (stack.frames.size() <= most) continue;
    const auto more = stack.frames.size() - most;
    stack.ends_because =
        std::to_string(more) + (more == 1 ? " more frame" : " more frames") + " (--full)";
    stack.frames.resize(most);
  }
  return stacks;
}

std::string where(const Subject& subject, bool full) {
  const auto& end = *subject.end;
  if (subject.end_stacks.empty()) return "";
  const auto& who = subject.end_stacks.front();
  std::string text = "thread " + who.thread_name + " (" + std::to_string(end.tid) + ") ";
  text += end.signal == 0 ? "called exit(" + std::to_string(end.code) + ")" : "took the signal";
  const auto stacks = shortened(subject.end_stacks, full);
  const auto first = stacks_text({stacks.front()});
  text += first.substr(std::min(first.find('\n'), first.size()));
  if (stacks.size() == 1) return text;
  // What other threads did matters after a crash, and less after a signal to end.
  if (full || is_fault(end.signal) || end.signal == SIGABRT) {
    text += stacks_text({stacks.begin() + 1, stacks.end()});
  } else {
    const auto others = stacks.size() - 1;
    text +=
        std::to_string(others) + (others == 1 ? " other thread" : " other threads") + " (--full)\n";
  }
  return text;
}

std::string last_calls(const Subject& subject, bool full) {
  const auto& calls = subject.calls;
  const auto from = full || calls.size() < kCalls ? 0 : calls.size() - kCalls;
  const auto end = subject.ended.value_or(now());
  std::string text;
  for (std::size_t i = from; i < calls.size(); ++i) {
    text += call_text(calls[i]) + "   (" + human_duration(end - calls[i].at) + " before the end";
    if (calls[i].tid != subject.pid) text += ", thread " + std::to_string(calls[i].tid);
    text += ")\n";
  }
  return text;
}

std::string last_lines(const std::string& words, bool full) {
  std::vector<std::string> lines;
  std::istringstream all(words);
  for (std::string line; std::getline(all, line);) {
    std::erase_if(line, [](unsigned char byte) { return byte < ' ' || byte == 0x7f; });
    if (!full && line.size() > kLine) line = line.substr(0, kLine) + "…";
    if (!line.empty()) lines.push_back(std::move(line));
  }
  std::string text;
  for (std::size_t i = full || lines.size() < kWords ? 0 : lines.size() - kWords; i < lines.size();
       ++i)
    text += lines[i] + '\n';
  return valid_utf8(text);
}

std::string fate(const TakenSignal& taken) {
  if (taken.caught) return "taken by its handler";
  const bool stops = taken.signal == SIGSTOP || taken.signal == SIGTSTP ||
                     taken.signal == SIGTTIN || taken.signal == SIGTTOU;
  return stops ? "which stopped it" : "ignored";
}

std::string signals_text(const Subject& subject) {
  std::string text;
  for (const auto& taken : subject.signals) {
    if (taken.fatal) continue;  // "ended by" says it
    text += signal_name(taken.signal) + sender_text(taken, subject) + ", " + fate(taken) + " at " +
            human_duration(taken.at - subject.began) + "\n";
  }
  return text;
}

std::string listeners_text(const Finding& finding) {
  std::string text;
  for (const auto& [pid, subject] : finding.subjects) {
    for (const auto& listener : subject.listeners) {
      text += listener.address;
      if (pid != finding.pid) text += " by " + std::to_string(pid);
      if (!listener.speaks.empty()) text += ": " + listener.speaks;
      text += '\n';
    }
  }
  if (!text.empty() && !finding.probed) text += "(--probe-tls asks them whether they speak TLS)\n";
  return text;
}

std::string left_text(const Finding& finding, const Subject& main, bool full) {
  std::string text;
  for (const auto& left : main.left) {
    if (full || left.severity == LeftOpen::Severity::fail)
      text += "at its exit: " + left.text + '\n';
  }
  for (const auto& [pid, subject] : finding.subjects) {
    if (subject.ended || pid == finding.pid) continue;
    text += "pid " + std::to_string(pid) + " (" + subject.command +
            ") still ran; it was killed as lastcall ended (--follow waits for it)\n";
  }
  return text;
}

// Processes of the tree that did not end well. Scripts start many commands of which an exit code
// other than 0 is just an answer: these are named if there are few.
std::string others_text(const Finding& finding, bool full) {
  std::string text;
  std::size_t signalled = 0;
  std::vector<std::string> exited;
  for (const auto& [pid, subject] : finding.subjects) {
    if (pid == finding.pid || !subject.ended) continue;
    const auto line = "pid " + std::to_string(pid) + " (" + subject.command + ") ended by " +
                      ended_by(finding, subject) + '\n';
    if (!was_signalled(subject)) {
      if (subject.how.si_status != 0) exited.push_back(line);
    } else if (++signalled <= kOthers || full) {
      text += line;
      std::istringstream lines(subject.end ? where(subject, full) : "");
      for (std::string one; std::getline(lines, one);) text += "  " + one + '\n';
    }
  }
  const auto more = [&](std::size_t count, const char* how) {
    text += std::to_string(count) + " more ended " + how + " (--full)\n";
  };
  if (signalled > kOthers && !full) more(signalled - kOthers, "by a signal");
  const bool few = full || exited.size() <= kExited;
  for (const auto& line : exited) text += few ? line : "";
  if (!few) more(exited.size(), "with an exit code other than 0");
  return text;
}

std::string exit_text(int code) {
  std::string text = "exit code " + std::to_string(code);
  const auto name = code > 128 ? signal_name(code - 128) : "";
  if (name.starts_with("SIG"))
    text += " (128 + " + name + ": how a shell says that " + name + " ended its command)";
  if (code == 126) text += " (how a shell says that it may not execute its command)";
  if (code == 127)
    text +=
        " (how a shell says that it did not find its command, or a loader that a library is "
        "missing)";
  return text;
}

std::string program_text(const Preflight& preflight) {
  std::string text = preflight.path;
  if (!preflight.kind.empty()) text += ", " + preflight.kind;
  if (!preflight.build_id.empty()) text += ", build id " + preflight.build_id;
  return text;
}

std::string problems_text(const Preflight& preflight) {
  std::string text;
  for (const auto& problem : preflight.problems) text += problem + '\n';
  return text;
}

json::array json_of(const std::vector<Stack>& stacks) {
  json::array array;
  for (const auto& stack : stacks) {
    json::array frames;
    for (const auto& frame : stack.frames) {
      frames.push_back({{"address", hexadecimal(frame.address)},
                        {"function", frame.function},
                        {"offset", frame.offset},
                        {"module", frame.module},
                        {"file", frame.file},
                        {"line", frame.line}});
    }
    array.push_back({{"pid", stack.pid},
                     {"tid", stack.tid},
                     {"thread", stack.thread_name},
                     {"frames", std::move(frames)},
                     {"ends_because", stack.ends_because}});
  }
  return array;
}

json::value json_of(const Culprit& who) {
  if (who.pid == 0) return nullptr;
  return {{"pid", who.pid},
          {"command", who.command},
          {"user", who.user},
          {"parent", who.parent},
          {"parent_command", who.parent_command}};
}

json::value json_of(const Hang& hang) {
  json::array waits;
  for (const auto& one : hang.waits) {
    waits.push_back({{"pid", one.pid},
                     {"tid", one.tid},
                     {"thread", one.name},
                     {"place", one.place},
                     {"what", one.wait.what},
                     {"owner", one.wait.owner},
                     {"timed", one.wait.timed}});
  }
  json::array stuck;
  for (const auto& one : hang.stuck)
    stuck.push_back({{"text", stuck_text(one)}, {"deadlock", is_deadlock(one)}});
  return {{"signal", signal_name(hang.signal)},
          {"after_ms", std::chrono::duration_cast<std::chrono::milliseconds>(hang.after).count()},
          {"stuck", std::move(stuck)},
          {"waits", std::move(waits)},
          {"stacks", json_of(hang.stacks)}};
}

double seconds(Nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

json::value json_of(const Finding& finding, const Subject& subject) {
  json::array signals;
  for (const auto& taken : subject.signals) {
    signals.push_back({{"signal", signal_name(taken.signal)},
                       {"code", taken.code},
                       {"tid", taken.tid},
                       {"thread", taken.thread},
                       {"sender", json_of(taken.sender)},
                       {"address", hexadecimal(taken.address)},
                       {"fatal", taken.fatal},
                       {"caught", taken.caught},
                       {"forwarded", taken.forwarded},
                       {"at", seconds(taken.at - subject.began)}});
  }
  json::array calls;
  for (const auto& call : subject.calls)
    calls.push_back({{"tid", call.tid},
                     {"call", valid_utf8(call_text(call))},
                     {"at", seconds(call.at - subject.began)}});
  json::array left;
  for (const auto& one : subject.left)
    left.push_back({{"text", valid_utf8(one.text)}, {"descriptor", one.descriptor}});
  json::array listeners;
  for (const auto& one : subject.listeners)
    listeners.push_back({{"address", valid_utf8(one.address)}, {"speaks", valid_utf8(one.speaks)}});
  json::object object{{"pid", subject.pid},
                      {"parent", subject.parent},
                      {"command", valid_utf8(subject.command)},
                      {"signals", std::move(signals)},
                      {"last_calls", std::move(calls)},
                      {"last_words", valid_utf8(subject.words)},
                      {"left", std::move(left)},
                      {"listeners", std::move(listeners)}};
  if (subject.ended) {
    object["ended_by"] = valid_utf8(ended_by(finding, subject));
    object[was_signalled(subject) ? "signal" : "exit"] = subject.how.si_status;
    object["seconds"] = seconds(*subject.ended - subject.began);
  }
  if (subject.end) object["stacks"] = json_of(subject.end_stacks);
  return object;
}

}  // namespace

std::string ended_by(const Finding& finding, const Subject& subject) {
  if (!was_signalled(subject)) return exit_text(subject.how.si_status);
  const int signal = subject.how.si_status;
  auto text = signal_name(signal);
  const auto* taken = fatal_signal(subject);
  if (taken != nullptr) {
    text += sender_text(*taken, subject);
    if (signal == SIGABRT && taken->sender.pid == subject.pid) text += ", as abort(3) does";
    if (const auto* first = handled_before(*taken, subject); first != nullptr)
      text += " after its handler took one" + sender_text(*first, subject);
    if (!is_fault(signal) && taken->sender.pid != subject.pid)
      text += "; nothing in it handles " + signal_name(signal);
  } else if (const auto killer = finding.killers.find(subject.pid);
             killer != finding.killers.end()) {
    text += ", " + killer->second;
  }
  if (subject.how.si_code == CLD_DUMPED) text += "; the kernel wrote a core dump";
  return text;
}

std::string hang_text(const Hang& hang, bool full) {
  std::string text = "autopsy: still running " + human_duration(hang.after) + " after " +
                     signal_name(hang.signal) + "\n";
  std::string stuck;
  for (const auto& one : hang.stuck) stuck += stuck_text(one) + '\n';
  add(text, "stuck", stuck);
  std::string waits;
  for (const auto& one : hang.waits) {
    waits += one.name + " (" + std::to_string(one.tid) + ") ";
    waits += one.wait.kind == WaitKind::running ? "runs" : "waits for " + one.wait.what;
    if (!one.place.empty()) waits += ", in " + one.place;
    if (one.wait.owner != 0) waits += ", held by " + std::to_string(one.wait.owner);
    waits += '\n';
  }
  add(text, "waits", waits);
  add(text, "stacks", stacks_text(shortened(hang.stacks, full)));
  return text;
}

std::string text_of(const Finding& finding, bool full) {
  std::string text = "autopsy of " + command_text(finding.command);
  const auto found = finding.subjects.find(finding.pid);
  if (!finding.not_started.empty() || found == finding.subjects.end()) {
    text += '\n';
    add(text, "not run", finding.not_started);
    add(text, "program", program_text(finding.preflight));
    if (!finding.preflight.path.empty()) add(text, "problem", problems_text(finding.preflight));
    return text;
  }
  const auto& main = found->second;
  const auto end = main.ended.value_or(now());
  text += " (pid " + std::to_string(main.pid) + "), ran " + human_duration(end - main.began) + '\n';
  const bool clean = !was_signalled(main) && main.how.si_status == 0;
  add(text, "ended by", ended_by(finding, main));
  if (!clean || full) add(text, "program", program_text(finding.preflight));
  add(text, "problem", problems_text(finding.preflight));
  add(text, "signals", signals_text(main));
  if (main.end && (!clean || full)) add(text, "where", where(main, full));
  if (!clean || full) add(text, "last calls", last_calls(main, full));
  if (!clean || full) add(text, "last words", last_lines(main.words, full));
  add(text, "listened", listeners_text(finding));
  add(text, "left", left_text(finding, main, full));
  add(text, "also", others_text(finding, full));
  return text;
}

boost::json::value json_of(const Finding& finding) {
  json::array problems;
  for (const auto& problem : finding.preflight.problems) problems.emplace_back(valid_utf8(problem));
  json::array processes;
  for (const auto& [pid, subject] : finding.subjects)
    processes.push_back(json_of(finding, subject));
  json::array words;
  for (const auto& word : finding.command) words.emplace_back(valid_utf8(word));
  return {{"format", "lastcall-autopsy"},
          {"version", 1},
          {"command", std::move(words)},
          {"pid", finding.pid},
          {"not_started", finding.not_started},
          {"program",
           {{"path", finding.preflight.path},
            {"kind", finding.preflight.kind},
            {"build_id", finding.preflight.build_id},
            {"problems", std::move(problems)}}},
          {"hang", finding.hang ? json_of(*finding.hang) : json::value(nullptr)},
          {"processes", std::move(processes)}};
}

}  // namespace lastcall::cli

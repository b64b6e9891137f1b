#include "checkers/thread_dumps.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "checkers/line_text.hpp"
#include "checkers/panic_blocks.hpp"

namespace lastcall {
namespace {

using Lines = std::span<const std::string_view>;

constexpr std::size_t kMaxGroups = 4;

// Where it stands; empty if nothing tells.
std::string place(const DumpedThread& thread) {
  std::string text;
  if (!thread.call.empty()) text += " in " + thread.call;
  if (!thread.frame.empty()) text += (text.empty() ? " in " : ", called by ") + thread.frame;
  if (!thread.starter.empty()) text += ", started by " + thread.starter;
  const auto* lock = contains(thread.state, "parking") ? "lock" : "monitor";
  if (!thread.holder.empty())
    text += ", for the " + std::string(lock) + " that " + thread.holder + " holds";
  return text;
}

// --- Go ---

// "goroutine 1 [chan receive, 2 minutes]:", since 1.22 with more before the bracket.
std::optional<DumpedThread> goroutine(std::string_view line) {
  constexpr std::string_view kBegin = "goroutine ";
  constexpr std::string_view kMinutes = " minutes";
  line = trimmed(line);
  const auto open = line.find(" [");
  if (!line.starts_with(kBegin) || !line.ends_with("]:") || open == std::string_view::npos)
    return std::nullopt;
  auto number = line.substr(kBegin.size(), open - kBegin.size());
  number = number.substr(0, number.find(' '));
  if (number.empty() || number.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  DumpedThread thread{.runtime = Runtime::go, .name = std::string(kBegin) + std::string(number)};
  thread.is_main = number == "1";
  auto words = line.substr(open + 2, line.size() - open - 4);
  thread.state = words.substr(0, words.find(", "));
  while (!words.empty()) {
    const auto word = words.substr(0, words.find(", "));
    if (word.ends_with(kMinutes))
      (void)std::from_chars(word.data(), word.data() + word.size(), thread.minutes);
    words.remove_prefix(std::min(words.size(), word.size() + 2));
  }
  return thread;
}

// "sync.(*WaitGroup).Wait(0xc000018110)" without its arguments.
std::string_view go_function(std::string_view line) {
  line = trimmed(line);
  return line.ends_with(")") ? line.substr(0, line.rfind('(')) : line;
}

// "created by main.start in goroutine 1" and its place in the next line.
std::string go_starter(std::string_view line, std::string_view place) {
  line.remove_prefix(std::string_view("created by ").size());
  line = line.substr(0, line.find(" in goroutine "));
  const auto call = std::string(line) + "()";
  const std::array<std::string_view, 2> lines{call, place};
  return own_frame_at(lines, 0, Runtime::go);
}

// Fills in the thread whose header is line `i`; returns the line after its last frame. The name
// is empty then if it is one of the runtime's.
std::size_t read_goroutine(Lines lines, std::size_t i, DumpedThread& thread) {
  std::string_view before;
  std::string_view outermost;
  bool is_runtimes = thread.name == "goroutine 0";
  for (++i; i < lines.size() && !trimmed(lines[i]).empty(); ++i) {
    const auto line = lines[i];
    if (goroutine(line)) break;
    if (line.starts_with("\t") || line.starts_with(" ")) continue;
    if (line.starts_with("created by ")) {
      if (thread.frame.empty() && i + 1 < lines.size())
        thread.starter = go_starter(line, lines[i + 1]);
      continue;
    }
    const auto function = go_function(line);
    is_runtimes = is_runtimes || function.starts_with("os/signal.");
    if (!thread.frame.empty()) continue;
    thread.frame = own_frame_at(lines, i, Runtime::go);
    const bool is_hidden = function.starts_with("runtime.") || function.starts_with("...");
    if (thread.frame.empty() && !is_hidden) outermost = function;
    if (!thread.frame.empty()) thread.call = before;
    before = is_hidden ? std::string_view() : function;
  }
  if (thread.frame.empty()) thread.call = outermost;
  // Newer releases also write those that run nothing but the runtime's functions.
  if (is_runtimes || place(thread).empty()) thread.name.clear();
  return i;
}

// For a thread on whose stack is no frame of the program's own: the first of a library's, and what
// that called.
struct SecondChoice {
  std::string frame{};
  std::string call{};

  void see(Lines lines, std::size_t i, Runtime runtime, std::string_view called) {
    if (!frame.empty()) return;
    frame = library_frame_at(lines, i, runtime);
    call = called;
  }
  void give(DumpedThread& thread) {
    if (!thread.frame.empty() || frame.empty()) return;
    thread.frame = std::move(frame);
    thread.call = std::move(call);
    thread.is_librarys = true;
  }
};

// --- the JVM ---

// `"worker-1" #12 daemon prio=5 os_prio=0 … tid=0x7f nid=0x1 waiting on condition  [0x7f]`
std::optional<DumpedThread> java_thread(std::string_view line) {
  const auto tid = line.find(" tid=0x");
  if (!line.starts_with("\"") || tid == std::string_view::npos || !contains(line, " nid="))
    return std::nullopt;
  const auto close = line.rfind('"', tid);
  if (close == 0) return std::nullopt;
  const auto name = line.substr(0, close + 1);
  DumpedThread thread{.runtime = Runtime::java, .name = "thread " + std::string(name)};
  thread.is_main = name == "\"main\"";
  thread.is_daemon = contains(line.substr(close, tid - close), " daemon ");
  return thread;
}

// The thread's name, tid and nid from its header line; no two threads share all three.
std::string java_identity(std::string_view line) {
  const auto tid = line.find(" tid=0x");
  const auto end = line.find(' ', line.find(" nid=") + 1);
  return std::string(line.substr(0, line.rfind('"', tid))) +
         std::string(end > tid ? line.substr(tid, end - tid) : "");
}

// What is between "<" and ">" of "- waiting to lock <0x00000007> (a java.lang.Object)".
std::string_view monitor_in(std::string_view line) {
  const auto open = line.find('<');
  return open == std::string_view::npos ? "" : line.substr(open, line.find('>', open) - open);
}

// "WAITING (parking)": "WAITING, parking"
std::string java_state(std::string_view words) {
  const auto open = words.find(" (");
  if (open == std::string_view::npos || !words.ends_with(")")) return std::string(words);
  return std::string(words.substr(0, open)) + ", " +
         std::string(words.substr(open + 2, words.size() - open - 3));
}

// Of one dump: another process may have its own at the same addresses. Threads are their places in
// the list.
struct Monitors {
  std::size_t begin = 0;  // the dump's first thread
  std::map<std::string_view, std::size_t> holders{};
  std::map<std::size_t, std::string_view> wanted{};
  // Which thread waits for which, as the JVM says about a deadlock that it has found. Nothing else
  // says who holds a lock of java.util.concurrent.locks, which is no monitor.
  std::map<std::size_t, std::size_t> told{};

  [[nodiscard]] std::optional<std::size_t> holder(std::size_t waiting) const {
    if (const auto known = told.find(waiting); known != told.end()) return known->second;
    const auto monitor = wanted.find(waiting);
    if (monitor == wanted.end()) return std::nullopt;
    const auto found = holders.find(monitor->second);
    return found == holders.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] bool is_in_circle(std::size_t first) const {
    std::set<std::size_t> seen;
    auto at = holder(first);
    while (at && *at != first && seen.insert(*at).second) at = holder(*at);
    return at == first;
  }
};

void tell_holders(std::vector<DumpedThread>& threads, const Monitors& monitors) {
  for (auto index = monitors.begin; index < threads.size(); ++index) {
    const auto holder = monitors.holder(index);
    if (!holder) continue;
    threads[index].holder = threads[*holder].name;
    threads[index].is_in_circle = monitors.is_in_circle(index);
  }
}

// The only thread of the dump that has this name, "\"worker-1\"".
std::optional<std::size_t> named(const std::vector<DumpedThread>& threads, std::size_t first,
                                 std::string_view name) {
  std::optional<std::size_t> found;
  for (auto i = first; i < threads.size(); ++i) {
    if (threads[i].name != "thread " + std::string(name)) continue;
    if (found) return std::nullopt;
    found = i;
  }
  return found;
}

// Reads one thread of a deadlock that the JVM has found, in three lines: `"a":`, what it waits for,
// `which is held by "b"`.
void read_deadlock(Lines lines, std::size_t i, const std::vector<DumpedThread>& threads,
                   Monitors& monitors) {
  constexpr std::string_view kHeld = "which is held by ";
  auto name = trimmed(lines[i]);
  if (!name.starts_with("\"") || !name.ends_with("\":") || i + 2 >= lines.size()) return;
  name.remove_suffix(1);
  auto holder = trimmed(lines[i + 2]);  // begins with "in JNI, " if that locks it
  const auto held = holder.find(kHeld);
  if (held == std::string_view::npos) return;
  holder.remove_prefix(held + kHeld.size());
  const auto waiting = named(threads, monitors.begin, name);
  const auto holding = named(threads, monitors.begin, holder);
  if (waiting && holding) monitors.told.try_emplace(*waiting, *holding);
}

std::size_t read_java_thread(Lines lines, std::size_t i, std::size_t index, DumpedThread& thread,
                             Monitors& monitors) {
  constexpr std::string_view kState = "java.lang.Thread.State: ";
  constexpr std::string_view kUnknown = "<no object reference available";
  std::string_view before;
  SecondChoice library;
  std::string_view released;  // while it is in Object.wait(), "- locked" or not
  for (++i; i < lines.size() && !trimmed(lines[i]).empty(); ++i) {
    const auto line = trimmed(lines[i]);
    if (line.starts_with(kState)) {
      thread.state = java_state(line.substr(kState.size()));
    } else if (line.starts_with("- waiting to lock <")) {
      monitors.wanted.try_emplace(index, monitor_in(line));
    } else if (line.starts_with("- waiting on <")) {
      released = monitor_in(line);
    } else if (line.starts_with("- waiting to re-lock in wait() <")) {
      released = monitor_in(line);
      monitors.wanted.try_emplace(index, released);
    } else if (line.starts_with("- locked <")) {
      if (released == kUnknown) released = monitor_in(line);  // as a rule the innermost
      if (monitor_in(line) != released) monitors.holders.try_emplace(monitor_in(line), index);
    } else if (line.starts_with("at ") && thread.frame.empty()) {
      thread.is_idle_worker |=
          line.starts_with("at java.util.concurrent.ThreadPoolExecutor.getTask(");
      thread.frame = own_frame_at(lines, i, Runtime::java);
      library.see(lines, i, Runtime::java, before);
      if (!thread.frame.empty()) thread.call = before;
      before = line.substr(3, line.find('(') - 3);
    } else if (!line.starts_with("at ") && !line.starts_with("- ")) {
      break;  // of another
    }
  }
  library.give(thread);
  thread.is_idle_worker &= thread.frame.empty() && !thread.is_daemon;
  if (thread.is_idle_worker) thread.call = "java.util.concurrent.ThreadPoolExecutor.getTask";
  return i;
}

// The main thread of the JVM has ended, and its shutdown hooks do not run: it waits for the threads
// that are no daemons, and these wait for work.
bool waits_for_workers(Lines lines) {
  const auto has = [lines](std::string_view thread) {
    return std::ranges::any_of(lines, [&](std::string_view line) {
      return java_thread(line) && line.starts_with(thread);
    });
  };
  return has("\"DestroyJavaVM\" ") && !has("\"SIGTERM handler\" ") && !has("\"SIGINT handler\" ");
}

// --- Python ---

// "Thread 0x00007f10 (most recent call first):", "Current thread 0x…", since 3.14 with a name.
std::optional<DumpedThread> python_thread(std::string_view line) {
  line = trimmed(line);
  if (!line.ends_with("(most recent call first):") ||
      !(line.starts_with("Thread 0x") || line.starts_with("Current thread 0x")))
    return std::nullopt;
  return DumpedThread{.runtime = Runtime::python, .name = "a thread"};
}

// `  File "/usr/lib/python3.11/threading.py", line 1112 in join`: "join (threading.py:1112)"
std::string python_call(std::string_view line) {
  const auto close = line.rfind("\", line ");
  const auto in = line.rfind(" in ");
  if (close == std::string_view::npos || in == std::string_view::npos || in < close) return {};
  auto file = line.substr(0, close);
  file = file.substr(file.find_last_of("/\"") + 1);
  const auto number = line.substr(close + 8, in - close - 8);
  return std::string(line.substr(in + 4)) + " (" + std::string(file) + ":" + std::string(number) +
         ")";
}

// The dump has no tasks: that of a coroutine which waits stands on no thread.
constexpr std::string_view kIdleLoop =
    "asyncio's event loop, which is idle (a coroutine awaits what never comes: "
    "asyncio.all_tasks() tells which)";

std::size_t read_python_thread(Lines lines, std::size_t i, DumpedThread& thread) {
  std::string before;
  SecondChoice library;
  bool is_idle_loop = false;
  for (++i; i < lines.size() && lines[i].starts_with("  "); ++i) {
    const auto line = trimmed(lines[i]);
    if (line.ends_with(" in <module>") || line.ends_with(" in _run_module_as_main")) {
      thread.is_main = true;
      thread.name = "the main thread";
    }
    if (!thread.frame.empty()) continue;
    thread.frame = own_frame_at(lines, i, Runtime::python);
    library.see(lines, i, Runtime::python, before);
    auto call = python_call(line);
    thread.is_past_end = thread.frame.empty() && call.starts_with("_shutdown (threading.py:");
    if (!thread.frame.empty()) thread.call = before;
    if (thread.call.empty() && thread.frame.empty()) thread.call = call;  // the innermost
    is_idle_loop = is_idle_loop || (thread.call.starts_with("select (selectors.py:") &&
                                    call.starts_with("_run_once (base_events.py:"));
    before = std::move(call);
  }
  library.give(thread);
  if (is_idle_loop) thread.call = kIdleLoop;
  if (thread.is_past_end) {
    thread.is_main = true;
    thread.name = "the main thread";
  }
  return i;
}

// --- the text ---

// "sync.WaitGroup.Wait" of a thread in "sync.(*WaitGroup).Wait" is not worth saying twice.
bool says_its_state(const DumpedThread& thread) {
  auto call = thread.call;
  std::erase_if(call, [](char byte) { return byte == '(' || byte == '*' || byte == ')'; });
  return call == thread.state;
}

std::string state_text(const DumpedThread& thread, int minutes) {
  auto state = says_its_state(thread) ? std::string() : thread.state;
  if (minutes > 0) state += (state.empty() ? "" : ", ") + std::to_string(minutes) + " minutes";
  return state.empty() ? state : " (" + state + ")";
}

std::string verb(const DumpedThread& thread, bool several, int minutes) {
  const auto is = several ? " are" : " is";
  if (thread.runtime == Runtime::python || thread.state.empty()) return is;
  if (thread.state == "RUNNABLE") return std::string(is) + " runnable";
  if (thread.state == "running" || thread.state == "runnable") return several ? " run" : " runs";
  if (thread.state == "syscall") return std::string(is) + " in a system call";
  return (several ? " wait" : " waits") + state_text(thread, minutes);
}

struct Group {
  const DumpedThread* first;
  std::size_t count = 0;
  int minutes = 0;  // of the one that has waited longest
};

// Who says most comes first.
int rank(const DumpedThread& thread) {
  if (thread.is_in_circle) return -1;
  if (thread.is_main) return 0;
  const bool is_own = !thread.frame.empty() && !thread.is_librarys;
  if (is_own || !thread.starter.empty()) return is_own && !thread.is_daemon ? 1 : 2;
  return thread.is_daemon ? 4 : 3;
}

std::vector<Group> groups_of(const std::vector<DumpedThread>& threads) {
  std::vector<Group> groups;
  for (const auto& thread : threads) {
    const auto key = [](const DumpedThread& one) {
      return std::tie(one.runtime, one.is_main, one.state, one.call, one.frame, one.starter,
                      one.holder, one.is_in_circle);
    };
    auto group = std::ranges::find_if(
        groups, [&](const Group& one) { return key(*one.first) == key(thread); });
    if (group == groups.end()) group = groups.insert(groups.end(), Group{&thread});
    ++group->count;
    group->minutes = std::max(group->minutes, thread.minutes);
  }
  std::ranges::stable_sort(groups, {}, [](const Group& group) { return rank(*group.first); });
  return groups;
}

std::string_view kind(const DumpedThread& thread) {
  return thread.runtime == Runtime::go ? "goroutine" : "thread";
}

std::string who(const Group& group) {
  if (group.count == 1) return group.first->name;
  auto text = std::to_string(group.count) + " " + std::string(kind(*group.first)) + "s";
  if (group.first->runtime == Runtime::java)
    text += " (first " + group.first->name.substr(group.first->name.find('"')) + ")";
  return text;
}

std::string what_it_does(const Group& group) {
  const bool several = group.count > 1;
  if (group.first->is_past_end) {
    return std::string(several ? " have ended their programs and wait"
                               : " has ended its program and waits") +
           " for non-daemon threads (threading._shutdown)";
  }
  const auto* why = group.first->is_idle_worker
                        ? ": nobody has shut down its ExecutorService, which keeps the JVM alive"
                        : "";
  return verb(*group.first, several, group.minutes) + place(*group.first) + why;
}

}  // namespace

std::vector<DumpedThread> dumped_threads(Lines lines) {
  std::vector<DumpedThread> threads;
  Monitors monitors;
  std::set<std::string> said;    // by earlier dumps of the JVM
  std::set<std::string> saying;  // by this one
  for (std::size_t i = 0; i < lines.size();) {
    if (auto go = goroutine(lines[i])) {
      i = read_goroutine(lines, i, *go);
      if (!go->name.empty()) threads.push_back(std::move(*go));
    } else if (auto java = java_thread(lines[i])) {
      const auto identity = java_identity(lines[i]);
      i = read_java_thread(lines, i, threads.size(), *java, monitors);
      if (said.contains(identity)) {
        java->frame.clear();  // its JVM was asked twice: tini hands SIGQUIT on
      } else if (!java->frame.empty()) {
        saying.insert(identity);
      }
      threads.push_back(std::move(*java));
    } else if (auto python = python_thread(lines[i])) {
      i = read_python_thread(lines, i, *python);
      threads.push_back(std::move(*python));
    } else if (lines[i].starts_with("Full thread dump ")) {
      tell_holders(threads, monitors);
      monitors = Monitors{.begin = threads.size()};
      said.merge(saying);
      ++i;
    } else {
      read_deadlock(lines, i, threads, monitors);
      ++i;
    }
  }
  tell_holders(threads, monitors);
  const bool workers_count = waits_for_workers(lines);
  std::erase_if(threads, [&](const DumpedThread& thread) {
    const bool is_cut = thread.runtime == Runtime::python && thread.call.empty();
    const bool is_of_the_jdk =
        thread.runtime == Runtime::java && !(workers_count && thread.is_idle_worker);
    return thread.frame.empty() && (is_cut || is_of_the_jdk);
  });
  return threads;
}

std::string dump_text(const std::vector<DumpedThread>& threads) {
  const auto groups = groups_of(threads);
  std::string text;
  std::size_t more = 0;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto& group = groups[i];
    if (i >= kMaxGroups) {
      more += group.count;
      continue;
    }
    if (i == 0 && group.first->is_in_circle) text = "deadlock: ";
    text += (i == 0 ? "" : "; ") + who(group) + what_it_does(group);
  }
  if (more > 0) {
    text += "; and " + std::to_string(more) + " more " + std::string(kind(*groups.back().first)) +
            (more == 1 ? "" : "s");
  }
  return text;
}

}  // namespace lastcall

#include "checkers/panic_blocks.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "checkers/line_text.hpp"

namespace lastcall {
namespace {

using Lines = std::span<const std::string_view>;

// How far a block reaches at most, in lines: 500 frames with two lines each, or a sanitizer's
// report of some threads.
constexpr std::size_t kMaxLines = 1'000;

bool is_indented(std::string_view line) {
  return !line.empty() && (line.front() == ' ' || line.front() == '\t');
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

// From `i` on: the end of the lines that belong, blank ones among them where more follows.
template <typename Belongs>
std::size_t run_end(Lines lines, std::size_t i, Belongs belongs, std::size_t most_blank = 1) {
  std::size_t end = i;
  std::size_t blank = 0;
  const auto limit = std::min(lines.size(), i + kMaxLines);
  for (std::size_t k = i; k < limit; ++k) {
    if (is_blank(lines[k])) {
      if (++blank > most_blank) break;
    } else if (belongs(k)) {
      blank = 0;
      end = k + 1;
    } else {
      break;
    }
  }
  return end;
}

// The first of the `count` lines from `i` on that `is_it`; the number of lines if none.
template <typename Predicate>
std::size_t find_line(Lines lines, std::size_t i, std::size_t count, Predicate is_it) {
  const auto limit = std::min(lines.size(), i + count);
  for (std::size_t k = i; k < limit; ++k) {
    if (is_it(k)) return k;
  }
  return lines.size();
}

bool is_goroutine(std::string_view line) {
  return line.starts_with("goroutine ") && line.size() > 10 && is_digit(line[10]) &&
         contains(line, " [");
}

// "rax    0x0"
bool is_register(std::string_view line) {
  const auto space = line.find(' ');
  if (space > 6) return false;  // also if there is none
  const auto value = line.find_first_not_of(' ', space);
  return value != std::string_view::npos && line.substr(value).starts_with("0x");
}

bool is_go_line(Lines lines, std::size_t k) {
  const auto line = lines[k];
  if (line.starts_with("\t") || is_goroutine(line) || is_register(line)) return true;
  if (begins_with_any(line, {"created by ", "[signal ", "runtime stack:", "exit status ",
                             "...additional frames", "...", "[originating from", "PC=0x",
                             "signal arrived during ", "goroutine running on other thread"}))
    return true;
  return k + 1 < lines.size() && lines[k + 1].starts_with("\t") &&
         (contains(lines[k + 1], ".go:") || contains(lines[k + 1], ".s:"));
}

std::size_t go_end(Lines lines, std::size_t i) {
  constexpr std::size_t kMessage = 20;  // lines of a text before the stacks
  if (lines[i].starts_with("WARNING: DATA RACE")) {
    const auto bar = find_line(lines, i, kMaxLines,
                               [&](auto k) { return lines[k].starts_with("=================="); });
    if (bar < lines.size()) return bar + 1;
  }
  std::size_t next = i + 1;
  const auto stacks = find_line(lines, next, kMessage, [&](auto k) {
    return is_goroutine(lines[k]) || (!lines[k].starts_with("\t") && !panic_in(lines, k).empty());
  });
  if (stacks < lines.size() && is_goroutine(lines[stacks])) next = stacks;
  return std::max(next, run_end(
                            lines, next, [&](auto k) { return is_go_line(lines, k); }, 2));
}

bool is_rust_header(std::string_view line) {
  return line.starts_with("thread '") && contains(line, " panicked at ");
}

std::size_t rust_end(Lines lines, std::size_t i) {
  constexpr std::size_t kMessage = 20;
  std::size_t next = i + 1;
  const auto closes = [&](std::size_t k) {
    return begins_with_any(lines[k], {"note: ", "stack backtrace:"});
  };
  if (is_rust_header(lines[i]) && lines[i].ends_with(":") && next < lines.size()) {
    const auto close = find_line(lines, next, kMessage,
                                 [&](auto k) { return closes(k) || is_rust_header(lines[k]); });
    next = close < lines.size() && closes(close) ? close : next + 1;
  }
  return std::max(next,
                  run_end(
                      lines, next, [&](auto k) { return is_indented(lines[k]) || closes(k); }, 0));
}

std::size_t python_end(Lines lines, std::size_t i) {
  constexpr std::size_t kIntroduction = 6;
  constexpr std::size_t kMessage = 20;
  if (lines[i].starts_with("Fatal Python error: ")) {
    return std::max(i + 1, run_end(lines, i + 1, [&](auto k) {
                      return is_indented(lines[k]) ||
                             begins_with_any(lines[k], {"Python runtime state", "Current thread ",
                                                        "Thread 0x", "Extension modules: "});
                    }));
  }
  std::size_t end = python_context_end(lines, i + 1);
  if (contains(lines[i], kDestroyedTask)) return end;
  const auto first = contains(lines[i], kTracebackBegin) ? i : end;
  auto traceback = find_line(lines, first, kIntroduction, [&](auto k) {
    return contains(lines[k], kTracebackBegin) || !panic_in(lines, k).empty();
  });
  if (traceback < lines.size() && !contains(lines[traceback], kTracebackBegin)) return end;
  while (traceback < lines.size()) {
    // Loguru puts blank lines around frames, and a mark before the one that caught it.
    const bool is_spaced = traceback + 1 < lines.size() && is_blank(lines[traceback + 1]);
    end = run_end(
        lines, traceback + 1,
        [&](auto k) { return is_indented(lines[k]) || lines[k].starts_with("> File \""); },
        is_spaced ? 1 : 0);
    end = std::max(end, traceback + 1);
    if (is_spaced && end > traceback + 1 && end < lines.size() && is_blank(lines[end])) ++end;
    if (end == lines.size()) return end;
    if (!is_indented(lines[traceback]) && !is_blank(lines[end])) ++end;  // the message
    if (lines[i].starts_with("--- Logging error ---") && end < lines.size() &&
        lines[end] == "Call stack:") {
      return run_end(lines, end, [&](auto k) {
        return is_indented(lines[k]) ||
               begins_with_any(lines[k], {"Call stack:", "Message: ", "Arguments: "});
      });
    }
    const auto chain = find_line(lines, end, kMessage, [&](auto k) {
      return contains(lines[k], "During handling of the above exception, ") ||
             contains(lines[k], "The above exception was the direct cause of ") ||
             contains(lines[k], kTracebackBegin);
    });
    if (chain == lines.size() || contains(lines[chain], kTracebackBegin)) return end;
    traceback =
        find_line(lines, chain + 1, 3, [&](auto k) { return contains(lines[k], kTracebackBegin); });
  }
  return end;
}

std::size_t node_end(Lines lines, std::size_t i) {
  constexpr std::size_t kVersionWithin = 150;
  const auto closes = [&](std::size_t k) {
    return lines[k].starts_with("Node.js v") || (k > i + 3 && is_node_place(lines, k));
  };
  const bool is_place = is_node_place(lines, i);
  if (is_place || lines[i].starts_with("Uncaught")) {
    const auto close = find_line(lines, i + 1, kVersionWithin, closes);
    if (close < lines.size() && lines[close].starts_with("Node.js v")) return close + 1;
  }
  std::size_t next = i + 1;
  if (lines[i].starts_with("Warning: Detected unsettled ") && next < lines.size() &&
      is_node_place(lines, next)) {
    next += 3;
  } else if (is_place) {
    next = std::min(lines.size(), i + 3);
    while (next < lines.size() && next < i + 5 && is_blank(lines[next])) ++next;
    if (next < lines.size() && !is_blank(lines[next])) ++next;  // the message
  } else if (lines[i] == "Uncaught:" && next < lines.size()) {
    ++next;
  }
  return std::max(next, run_end(
                            lines, next,
                            [&](auto k) {
                              const auto line = lines[k];
                              if (is_node_place(lines, k)) return false;
                              const bool is_native =
                                  is_digit(line.front()) && contains(line, ": 0x");
                              return is_indented(line) || is_native ||
                                     begins_with_any(line, {"}", "Emitted '", "(Use `node ",
                                                            "Thrown at:", "-----", "#", "<--- "});
                            },
                            2));
}

bool is_java_frame(std::string_view line) {
  return begins_with_any(line, {"\tat ", "    at ", "   at "});
}

// "java.io.IOException: closed", as a log has it above its frames.
bool is_java_exception(std::string_view line) {
  const auto type = line.substr(0, line.find(':'));
  return (type.ends_with("Exception") || type.ends_with("Error")) && contains(type, ".") &&
         !contains(type, " ");
}

// Where the frames below a message begin whose next line is `i`: it may have more lines than one,
// but none with which another error begins. `i` if there are none.
std::size_t java_frames(Lines lines, std::size_t i) {
  constexpr std::size_t kMessage = 20;
  const auto frames = find_line(lines, i, kMessage, [&](auto k) {
    return is_java_frame(lines[k]) || is_java_exception(lines[k]) || !panic_in(lines, k).empty();
  });
  return frames < lines.size() && is_java_frame(lines[frames]) ? frames : i;
}

std::size_t java_end(Lines lines, std::size_t i) {
  const auto belongs = [&](std::size_t k) {
    return is_java_frame(lines[k]) ||
           begins_with_any(lines[k], {"\t", "Caused by: ", "#", "[error occurred"});
  };
  auto end = i + 1;
  if (lines[i].starts_with("Exception in thread \"")) end = java_frames(lines, end);
  while (end < i + kMaxLines) {
    end = std::max(end, run_end(lines, end, belongs, 0));
    const auto frames = lines[end - 1].starts_with("Caused by: ") ? java_frames(lines, end) : end;
    if (frames == end) break;
    end = frames;
  }
  return end;
}

std::size_t dotnet_end(Lines lines, std::size_t i) {
  const bool has_message_below = lines[i].ends_with("Exception:") || lines[i] == "Fatal error.";
  const auto next = std::min(lines.size(), i + (has_message_below ? 2 : 1));
  return std::max(next, run_end(
                            lines, next,
                            [&](auto k) {
                              return is_indented(lines[k]) ||
                                     begins_with_any(lines[k],
                                                     {"--- End of ", "Repeat ", "---------"});
                            },
                            0));
}

std::size_t ruby_end(Lines lines, std::size_t i) {
  if (contains(lines[i], ": [BUG] ")) {
    const auto note =
        find_line(lines, i, kMaxLines, [&](auto k) { return lines[k].starts_with("[NOTE]"); });
    if (note < lines.size())
      return run_end(
          lines, note, [](auto) { return true; }, 0);
    return run_end(
        lines, i, [](auto) { return true; }, 2);
  }
  return std::max(i + 1, run_end(lines, i + 1, [&](auto k) { return is_indented(lines[k]); }));
}

std::size_t php_end(Lines lines, std::size_t i) {
  return std::max(i + 1, run_end(
                             lines, i + 1,
                             [&](auto k) {
                               return begins_with_any(lines[k], {"Stack trace:", "#", "  ", "Next ",
                                                                 "PHP Stack trace:", "PHP   "});
                             },
                             1));
}

std::size_t erlang_end(Lines lines, std::size_t i) {
  const auto is_report = [&](std::size_t k) {
    return begins_with_any(lines[k], {"=CRASH REPORT====", "=SUPERVISOR REPORT===="});
  };
  const auto belongs = [&](std::size_t k) {
    return k == i || is_report(k) || is_indented(lines[k]) ||
           begins_with_any(lines[k], {"** ", "{", "[", "Last message", "State:", "Function:",
                                      "Process Label:", "Initial Call:", "Ancestors:"});
  };
  auto end = i;
  for (auto next = i; next < lines.size();) {
    end = std::max(next, run_end(lines, next, belongs, 0));
    end = std::max(end, run_end(lines, end, [&](auto k) { return is_indented(lines[k]); }));
    // The process library and the supervisor report the same crash once more.
    next = find_line(lines, end, 3, [&](auto k) { return !is_blank(lines[k]); });
    if (next == lines.size() || !is_report(next)) break;
  }
  return std::max(end, i + 1);
}

std::size_t sanitizer_end(Lines lines, std::size_t i) {
  constexpr std::size_t kSummaryWithin = 400;
  constexpr std::size_t kShadow = 60;
  const auto is_next = [&](std::size_t k) {
    const auto line = lines[k];
    return k > i + 3 && (contains(line, "==ERROR: ") || line.starts_with("WARNING: ThreadSan") ||
                         contains(line, ": runtime error: "));
  };
  const bool is_undefined = contains(lines[i], ": runtime error: ");
  const auto summary = find_line(lines, i, is_undefined ? 30 : kSummaryWithin, [&](auto k) {
    return is_next(k) || (is_undefined && k > i && contains(lines[k], ": runtime error: ")) ||
           (k > i && lines[k].starts_with("SUMMARY: "));
  });
  if (summary == lines.size() || !lines[summary].starts_with("SUMMARY: ")) {
    return std::max(i + 1, run_end(lines, i + 1, [&](auto k) {
                      return is_indented(lines[k]) || lines[k].starts_with("==") ||
                             contains(lines[k], ": note: ");
                    }));
  }
  const auto close = find_line(lines, summary, kShadow, [&](auto k) {
    return lines[k].ends_with("==ABORTING") || lines[k].starts_with("==================");
  });
  const bool shadow = summary + 1 < lines.size() && lines[summary + 1].starts_with("Shadow bytes");
  if (close < lines.size() && (shadow || close <= summary + 3)) return close + 1;
  if (!shadow) return summary + 1;
  return run_end(
      lines, summary, [](auto) { return true; }, 0);
}

std::size_t native_end(Lines lines, std::size_t i) {
  return std::max(i + 1, run_end(lines, i + 1, [&](auto k) {
                    return is_indented(lines[k]) ||
                           begins_with_any(lines[k], {"*** Check failure stack trace", "@ ",
                                                      "*** Aborted at ", "*** SIGABRT ", "PC: @ ",
                                                      "======= ", "Objects involved in ",
                                                      "container only holds "});
                  }));
}

std::size_t end_of(Lines lines, std::size_t i, Runtime runtime) {
  switch (runtime) {
    case Runtime::go:
      return go_end(lines, i);
    case Runtime::rust:
      return rust_end(lines, i);
    case Runtime::node:
      return node_end(lines, i);
    case Runtime::python:
      return python_end(lines, i);
    case Runtime::java:
      return java_end(lines, i);
    case Runtime::dotnet:
      return dotnet_end(lines, i);
    case Runtime::ruby:
      return ruby_end(lines, i);
    case Runtime::php:
      return php_end(lines, i);
    case Runtime::erlang:
      return erlang_end(lines, i);
    case Runtime::sanitizer:
      return sanitizer_end(lines, i);
    case Runtime::native:
      return native_end(lines, i);
    case Runtime::parent:
      break;
  }
  if (contains(lines[i], " crashed by signal: ")) {  // Redis
    const auto close = find_line(
        lines, i, kMaxLines, [&](auto k) { return contains(lines[k], "REDIS BUG REPORT END"); });
    if (close < lines.size()) return close + 1;
  }
  return i + 1;
}

// Amid what one runtime writes, another one's error is an error of its own: of another process.
std::size_t cut_at_another(Lines lines, const PanicBlock& block) {
  return std::min(
      block.end, find_line(lines, block.words + 1, block.end - block.words - 1, [&](std::size_t k) {
        if (is_indented(lines[k])) return false;
        const auto meaning = panic_in(lines, k);
        if (meaning.empty()) return false;
        const auto runtime = runtime_of(meaning);
        return runtime != block.runtime && runtime != Runtime::parent &&
               block.runtime != Runtime::parent;
      }));
}

// What comes before the words and is of the same error.
std::size_t begin_of(Lines lines, std::size_t i, Runtime runtime, std::size_t earliest) {
  if (i == earliest) return i;
  const auto before = lines[i - 1];
  if (runtime == Runtime::sanitizer || contains(lines[i], "DATA RACE"))
    return before.starts_with("==================") ? i - 1 : i;
  if (lines[i].starts_with("*** Check failure stack trace"))  // of glog's LOG(FATAL)
    return before.size() > 1 && before[0] == 'F' && is_digit(before[1]) ? i - 1 : i;
  if (runtime == Runtime::erlang)
    return begins_with_any(before, {"=ERROR REPORT====", "{\"init terminating"}) ? i - 1 : i;
  if (runtime != Runtime::python || !lines[i].starts_with(kTracebackBegin)) return i;
  // "ERROR:root:request failed", "Process SpawnProcess-1:"
  const bool is_log = contains(before, "ERROR") || contains(before, "CRITICAL") ||
                      contains(before, "Exception") || contains(before, "Error");
  return is_log || (before.starts_with("Process ") && before.ends_with(":")) ? i - 1 : i;
}

// What tells more about the error of `block`, which ended before line `i`.
bool tells_more(Lines lines, std::size_t i, std::string_view meaning, const PanicBlock& block) {
  constexpr std::size_t kNear = 12;
  if (i > block.end + kNear) return false;
  const auto line = lines[i];
  const auto runtime = runtime_of(meaning);
  const bool is_next = std::all_of(lines.begin() + static_cast<std::ptrdiff_t>(block.end),
                                   lines.begin() + static_cast<std::ptrdiff_t>(i), is_blank);
  if (runtime == Runtime::parent) {
    return i <= block.end + 2 && ends_by_signal(lines, block) && !contains(line, "crashed by");
  }
  if (contains(line, "std::terminate()")) return true;
  if (runtime != block.runtime) return false;
  switch (runtime) {
    case Runtime::node:
      return line.starts_with("Node.js v") || contains(line, "triggerUncaughtException(") ||
             (is_next && (line.starts_with("(node:") || contains(line, "Native stack trace") ||
                          line.starts_with("[UnhandledPromise")));
    case Runtime::rust:
      return begins_with_any(line, {"thread caused non-unwinding", "thread panicked while ",
                                    "fatal runtime error: "}) ||
             (is_next && i + 1 < lines.size() &&
              begins_with_any(lines[i + 1], {"panic in a function that cannot unwind",
                                             "panic in a destructor during cleanup"}));
    case Runtime::sanitizer:
      return line.starts_with("SUMMARY: ") ||
             (is_next && contains(lines[block.words], "DEADLYSIGNAL"));
    case Runtime::go:
      return line.starts_with("\tpanic: ") || (is_next && line.starts_with("[signal "));
    case Runtime::erlang:
      return is_next && (line.starts_with("** (") || line.starts_with("=CRASH REPORT====") ||
                         begins_with_any(line, {"Crash dump is ", "Runtime terminating ",
                                                "init terminating "}));
    case Runtime::ruby:
      return i == block.end && meaning == kRubyException;  // a thread's, or a cause
    case Runtime::java:
      if (contains(line, "java.lang.OutOfMemoryError") && block.meaning == "a JVM out of memory")
        return true;
      return is_next && !line.starts_with("Exception in thread ");
    case Runtime::dotnet:
      if (line == "\tNative Crash Reporting") return true;
      return is_next && !line.starts_with("Unhandled ");
    case Runtime::native:
      return is_next &&
             (line == "terminate called recursively" ||
              line.starts_with("*** Check failure stack trace") ||
              (line.starts_with("terminate called ") && contains(lines[block.words], "virtual")));
    default:
      return false;
  }
}

// Whether the traceback is of a loop of the standard library that catches what nobody else did, and
// writes nothing more: finalizers at the end, the thread that feeds a queue.
bool is_of_last_resort(Lines lines, const PanicBlock& block) {
  auto outermost = block.words + 1;
  for (auto k = block.words; k + 1 < block.end; ++k) {
    if (contains(lines[k], kTracebackBegin)) outermost = k + 1;
  }
  if (outermost >= block.end) return false;
  const auto frame = lines[outermost];
  return (contains(frame, "/weakref.py\", line ") && frame.ends_with(" in _exitfunc")) ||
         (contains(frame, "/multiprocessing/util.py\", line ") &&
          frame.ends_with(" in _run_finalizers")) ||
         (contains(frame, "/multiprocessing/queues.py\", line ") && frame.ends_with(" in _feed"));
}

// By the words alone.
bool is_caught(Lines lines, const PanicBlock& block) {
  const auto line = lines[block.words];
  if (block.runtime == Runtime::python) {
    // A server of the standard library that lost its client: the client's doing.
    if (line.starts_with("Exception occurred during processing of request"))
      return begins_with_any(lines[block.end - 1],
                             {"ConnectionResetError", "BrokenPipeError", "ConnectionAbortedError",
                              "TimeoutError", "socket.timeout", "ssl.SSL"});
    if (!contains(line, kTracebackBegin)) return false;  // nobody caught it: a thread, a task
    if (is_of_last_resort(lines, block)) return false;
    return block.begin == block.words || !lines[block.begin].starts_with("Process ");
  }
  if (block.runtime == Runtime::go) {
    if (contains(line, "http: panic serving ")) return true;
    if (!line.starts_with("panic: ")) return false;
    for (auto k = block.begin; k + 1 < block.end; ++k) {
      if (is_goroutine(lines[k])) return lines[k + 1].starts_with("runtime/debug.");
    }
    return true;  // a runtime that ends by it prints at least one goroutine
  }
  if (block.runtime == Runtime::rust) {
    const auto ends = find_line(lines, block.words, block.end - block.words, [&](auto k) {
      return begins_with_any(lines[k], {"thread caused non-unwinding", "thread panicked while ",
                                        "fatal runtime error: "});
    });
    return is_rust_header(line) && ends == lines.size();
  }
  if (block.runtime == Runtime::dotnet) {
    return contains(line, "was thrown by the application") ||
           contains(line, "while executing the request");
  }
  return block.meaning == kRubyException || block.meaning == kElixirException;
}

}  // namespace

bool ends_by_signal(Lines lines, const PanicBlock& block) {
  const auto line = lines[block.words];
  switch (block.runtime) {
    case Runtime::python:
      return line.starts_with("Fatal Python error: ");
    case Runtime::java:
      return !contains(line, "Exception");
    case Runtime::node:
      return block.meaning == "an abort of Node";
    case Runtime::ruby:
      return contains(line, ": [BUG] ");
    case Runtime::rust:
    case Runtime::dotnet:
    case Runtime::native:
    case Runtime::sanitizer:
      return true;
    default:
      return false;  // Go exits with 2
  }
}

std::vector<PanicBlock> panic_blocks(Lines lines) {
  std::vector<PanicBlock> blocks;
  bool parent_told = false;  // that a process ended by it
  const auto finish = [&] {
    if (blocks.empty()) return;
    blocks.back().is_caught = !std::exchange(parent_told, false) && is_caught(lines, blocks.back());
    describe(lines, blocks.back());
  };
  for (std::size_t i = 0; i < lines.size();) {
    const auto meaning = panic_in(lines, i);
    if (meaning.empty()) {
      ++i;
      continue;
    }
    const auto runtime = runtime_of(meaning);
    if (!blocks.empty() && tells_more(lines, i, meaning, blocks.back())) {
      blocks.back().end = end_of(lines, i, runtime);
      parent_told = parent_told || runtime == Runtime::parent;
      i = blocks.back().end;
      continue;
    }
    finish();
    const auto earliest = blocks.empty() ? 0 : blocks.back().end;
    auto& block = blocks.emplace_back();
    block.meaning = meaning;
    block.runtime = runtime;
    block.begin = begin_of(lines, i, runtime, earliest);
    block.end = end_of(lines, i, runtime);
    block.words = i;
    block.end = cut_at_another(lines, block);
    i = blocks.back().end;
  }
  finish();
  return blocks;
}

}  // namespace lastcall

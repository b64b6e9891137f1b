// What a block of an output says: its message, the first frame of the program's own code, the
// process. Frames are read in the forms of each runtime; what is the runtime's, the standard
// library's or an installed package's is known by its path or its module.
#include <algorithm>
#include <array>
#include <cctype>

#include "checkers/line_text.hpp"
#include "checkers/panic_blocks.hpp"

namespace lastcall {
namespace {

using Lines = std::span<const std::string_view>;

constexpr std::size_t kMaxText = 200;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// What is between `open` and `close`; empty if it is not there.
std::string_view between(std::string_view text, std::string_view open, std::string_view close) {
  const auto begin = text.find(open);
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin + open.size());
  const auto end = text.find(close);
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end);
}

std::string_view after(std::string_view text, std::string_view words) {
  const auto at = text.find(words);
  return at == std::string_view::npos ? std::string_view() : text.substr(at + words.size());
}

std::string frame_of(std::string_view function, std::string_view place) {
  if (function.empty()) return std::string(place);
  return std::string(function) + " (" + std::string(place) + ")";
}

// Installed, not written for this program.
bool is_foreign_path(std::string_view path) {
  return path.starts_with("<") ||
         begins_with_any(path, {"node:", "internal/", "native ", "/usr/include/", "../sysdeps/",
                                "../csu/", "../../../../src/"}) ||
         contains_any(path, {"/node_modules/",
                             "/site-packages/",
                             "/dist-packages/",
                             "/lib/python",
                             "/rustc/",
                             "/.cargo/registry/",
                             "/.rustup/",
                             "/pkg/mod/",
                             "/vendor/",
                             "/go/src/",
                             "/usr/lib/go",
                             "/usr/share/go",
                             "/gems/",
                             "/lib/ruby/",
                             "/libsanitizer/",
                             "/sysdeps/",
                             "/compiler-rt/",
                             "/usr/share/php",
                             "/lib/x86_64-linux-gnu/",
                             "/lib/aarch64-linux-gnu/"});
}

// Whether a frame of an installed library counts as well.
enum class Libraries : bool { without, with };

// `  File "/srv/app/crash.py", line 13, in boom`; Loguru's may begin with `> File`.
std::string python_frame(std::string_view line, Libraries libraries = Libraries::without) {
  line = trimmed(line, " \t|+->");
  if (!line.starts_with("File \"")) return {};
  const auto path = between(line, "\"", "\"");
  const bool counts =
      libraries == Libraries::with && contains_any(path, {"/site-packages/", "/dist-packages/"});
  if (path.empty() || (is_foreign_path(path) && !counts)) return {};
  const auto rest = after(line, ", line ");
  const auto number = rest.substr(0, rest.find_first_not_of("0123456789"));
  auto function = after(rest, " in ");
  if (function.starts_with("<")) function = {};
  return frame_of(function, std::string(path) + ":" + std::string(number));
}

// "    at Server.<anonymous> (/srv/app/crash.js:27:23)"
std::string node_frame(std::string_view line) {
  line = trimmed(line);
  if (!line.starts_with("at ")) return {};
  line.remove_prefix(3);
  if (line.starts_with("async ")) line.remove_prefix(6);
  auto place = line;
  std::string_view function;
  if (const auto open = line.rfind(" ("); open != std::string_view::npos && line.ends_with(")")) {
    place = line.substr(open + 2, line.size() - open - 3);
    function = line.substr(0, open);
  }
  if (place.starts_with("file://")) place.remove_prefix(7);
  if (is_foreign_path(place) || !contains(place, ":") || !is_digit(place.back())) return {};
  return frame_of(function == "Object.<anonymous>" ? "" : function, place);
}

// "\tat java.base/java.lang.Thread.run(Thread.java:840)"
std::string java_frame(std::string_view line, Libraries libraries = Libraries::without) {
  line = trimmed(line);
  if (!line.starts_with("at ")) return {};
  line.remove_prefix(3);
  if (line.starts_with("[")) return {};  // Jackson's message: " at [Source: (String)…"
  const auto open = line.find('(');
  const auto close = line.find(')', open);
  if (close == std::string_view::npos) return {};
  auto function = line.substr(0, open);
  if (const auto module = function.rfind('/'); module != std::string_view::npos)
    function.remove_prefix(module + 1);
  if (begins_with_any(function, {"java.", "javax.", "jdk.", "sun.", "com.sun.", "jakarta.",
                                 "kotlin.", "kotlinx.", "scala.", "groovy."}))
    return {};
  if (libraries == Libraries::without &&
      begins_with_any(function,
                      {"org.springframework.", "org.apache.", "io.netty.", "org.eclipse.jetty.",
                       "io.undertow.", "io.vertx.", "reactor.", "akka.", "org.hibernate.",
                       "com.fasterxml.", "com.google.common."}))
    return {};
  return frame_of(function, line.substr(open + 1, close - open - 1));
}

// "   at App.Program.Answer(HttpContext context) in /srv/app/Program.cs:line 12"
std::string dotnet_frame(std::string_view line) {
  line = trimmed(line);
  if (!line.starts_with("at ")) return {};
  line.remove_prefix(3);
  if (begins_with_any(line, {"System.", "Microsoft.", "Interop.", "Mono.", "(wrapper "})) return {};
  const auto function = trimmed(line.substr(0, line.find('(')));
  const auto place = trimmed(after(line, " in "));
  if (place.empty() || place.starts_with("<")) return std::string(function);
  return frame_of(function, place);
}

// The function's line; its place is the line after it: "\t./crash.go:28 +0x313".
std::string go_frame(std::string_view function, std::string_view place) {
  place = trimmed(place);
  place = place.substr(0, place.find(' '));
  if (!contains(place, ".go:") || place.starts_with("_cgo_") || is_foreign_path(place) ||
      contains(place, "@v"))
    return {};
  function = trimmed(function);
  if (function.starts_with("created by ")) return {};
  const bool is_main = function.starts_with("main.");
  if (function.starts_with("panic(") || function.starts_with("runtime.")) return {};
  // Built with -trimpath: "net/http/server.go:1897" is the standard library's.
  const bool is_trimmed = !begins_with_any(place, {"/", "./", "_"});
  if (is_trimmed && !is_main && !contains(place.substr(0, place.find('/')), ".")) return {};
  const auto arguments = function.rfind('(');
  return frame_of(function.substr(0, arguments), place);
}

// "    #0 0x55d1 in serve /srv/app/a.cpp:17", "    #0 serve /srv/app/a.cpp:17:3 (server+0x1)"
std::string sanitizer_frame(std::string_view line) {
  line = trimmed(line);
  if (!line.starts_with("#") || line.size() < 4 || !is_digit(line[1])) return {};
  line.remove_prefix(line.find_first_of(" \t"));
  line = trimmed(line);
  if (line.starts_with("0x")) line = after(line, " in ");
  if (const auto module = line.rfind(" ("); module != std::string_view::npos && line.ends_with(")"))
    line = line.substr(0, module);
  const auto space = line.rfind(' ');
  if (space == std::string_view::npos) return {};  // no place: a library without debug information
  const auto place = line.substr(space + 1);
  const auto function = line.substr(0, space);
  if (is_foreign_path(place) || !contains(place, ":") ||
      begins_with_any(function, {"__", "operator new", "operator delete", "std::", "_start"}))
    return {};
  return frame_of(function, place);
}

// "    @     0x55813c  serve()", of glog and Abseil.
std::string failure_frame(std::string_view line) {
  line = trimmed(line);
  if (!line.starts_with("@ ")) return {};
  line = trimmed(line.substr(1));
  if (!line.starts_with("0x")) return {};
  const auto function = trimmed(after(line, " "));
  if (function.empty() || begins_with_any(function, {"(unknown)", "google::", "absl::", "std::",
                                                     "__", "_start", "abort", "raise", "gsignal"}))
    return {};
  return std::string(function);
}

// "crash.rb:3:in `boom': message (Class)", "\tfrom crash.rb:16:in `<main>'"
std::string ruby_frame(std::string_view line) {
  line = trimmed(line);
  if (line.starts_with("from ")) line.remove_prefix(5);
  auto in = line.find(":in `");
  if (in == std::string_view::npos) in = line.find(":in '");
  if (in == std::string_view::npos || is_foreign_path(line)) return {};
  const auto function = line.substr(in + 5, line.find('\'', in + 5) - in - 5);
  return frame_of(function.starts_with("<") ? "" : function, line.substr(0, in));
}

// "... in /srv/app/x.php:3", "#0 /srv/app/x.php(7): handle()"
std::string php_frame(std::string_view line) {
  if (line.starts_with("#")) {
    const auto place = trimmed(after(line, " "));
    const auto end = place.find("): ");
    if (end == std::string_view::npos || is_foreign_path(place) || place.starts_with("["))
      return {};
    auto text = std::string(place.substr(0, end));
    std::ranges::replace(text, '(', ':');
    return text;
  }
  const auto in = line.rfind(" in /");
  if (in == std::string_view::npos || is_foreign_path(line.substr(in + 4))) return {};
  auto place = std::string(trimmed(line.substr(in + 4), " \"\r"));
  if (const auto words = place.find(" on line "); words != std::string::npos)
    place.replace(words, 9, ":");
  return place;
}

// `{crash,handle_cast,2,[{file,"crash.erl"},{line,32}]}`, "(crash.erl, line 32)",
// "    crash.exs:5: Sessions.handle_cast/2"
std::string erlang_frame(std::string_view line) {
  constexpr std::array<std::string_view, 12> kOwnNot{
      "gen_server.erl", "gen_statem.erl", "gen_event.erl", "proc_lib.erl",
      "supervisor.erl", "init.erl",       "erl_eval.erl",  "lists.erl",
      "maps.erl",       "shell.erl",      "gen.erl",       "timer.erl"};
  const auto is_own = [&](std::string_view file) {
    return !file.empty() && std::ranges::find(kOwnNot, file) == kOwnNot.end();
  };
  if (const auto file = between(line, "{file,\"", "\"}"); is_own(file)) {
    const auto number = between(line, "{line,", "}");
    return std::string(file) + ":" + std::string(number);
  }
  if (const auto at = line.find(", line "); at != std::string_view::npos) {
    const auto open = line.rfind('(', at);
    const auto file = open == std::string_view::npos ? "" : line.substr(open + 1, at - open - 1);
    if (is_own(file) && file.ends_with(".erl"))
      return std::string(file) + ":" + std::string(between(line, ", line ", ")"));
  }
  line = trimmed(line);
  if (begins_with_any(line, {"(stdlib ", "(elixir ", "(kernel ", "(logger ", ":"})) return {};
  if (line.starts_with("(")) line = after(line, ") ");
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !contains(line.substr(0, colon), ".ex")) return {};
  const auto end = line.find(": ", colon);
  if (end == std::string_view::npos) return {};
  return frame_of(line.substr(end + 2), line.substr(0, end));
}

// "   4: crash::main" of a backtrace
std::string rust_frame(Lines lines, std::size_t k) {
  auto line = trimmed(lines[k]);
  const auto colon = line.find(": ");
  if (colon == std::string_view::npos || colon == 0 || !is_digit(line.front())) return {};
  line = trimmed(line.substr(colon + 2));
  if (const auto name = after(line, " - "); line.starts_with("0x") && !name.empty()) line = name;
  line = trimmed(line);
  if (line.starts_with("<") ||
      begins_with_any(line, {"std::", "core::", "alloc::", "std[", "core[", "alloc[", "rust_",
                             "__rust", "_rust", "__libc", "_start", "main", "clone", "start_thread",
                             "tokio::", "futures", "__"}))
    return {};
  if (k + 1 < lines.size() && trimmed(lines[k + 1]).starts_with("at ")) {
    const auto place = trimmed(lines[k + 1]).substr(3);
    return is_foreign_path(place) ? std::string() : frame_of(line, place);
  }
  return std::string(line);
}

bool is_about_destroyed_task(Lines lines, const PanicBlock& block) {
  return block.runtime == Runtime::python && contains(lines[block.words], kDestroyedTask);
}

std::string frame_at(Lines lines, std::size_t k, Runtime runtime) {
  const auto line = lines[k];
  switch (runtime) {
    case Runtime::go:
      return k + 1 < lines.size() && lines[k + 1].find_first_not_of(" \t") != 0
                 ? go_frame(line, lines[k + 1])
                 : "";
    case Runtime::rust:
      return rust_frame(lines, k);
    case Runtime::node:
      return node_frame(line);
    case Runtime::python:
      return python_frame(line);
    case Runtime::java:
      return java_frame(line);
    case Runtime::dotnet:
      return dotnet_frame(line);
    case Runtime::ruby:
      return ruby_frame(line);
    case Runtime::php:
      return php_frame(line);
    case Runtime::erlang:
      return erlang_frame(line);
    case Runtime::native:
      return failure_frame(line);
    case Runtime::sanitizer:
      return sanitizer_frame(line);
    case Runtime::parent:
      break;
  }
  return {};
}

// The first goroutine's frames [begin, end), and the last "panic(" among them: above it is who
// recovered, below it who panicked. `panic` is `end` if there is none.
struct GoStack {
  std::size_t begin;
  std::size_t panic;
  std::size_t end;
};

GoStack go_stack(Lines lines, const PanicBlock& block) {
  const auto is_header = [&](std::size_t k) {
    return lines[k].starts_with("goroutine ") && contains(lines[k], " [");
  };
  GoStack stack{block.begin, block.end, block.end};
  while (stack.begin < block.end && !is_header(stack.begin)) ++stack.begin;
  for (auto k = stack.begin; k < block.end; ++k) {
    if (k > stack.begin && is_header(k)) {
      if (stack.panic == stack.end) stack.panic = k;
      stack.end = k;
      break;
    }
    if (lines[k].starts_with("panic(")) stack.panic = k;
  }
  return stack;
}

std::string first_frame(Lines lines, std::size_t begin, std::size_t end, Runtime runtime) {
  for (auto k = begin; k < end; ++k) {
    if (auto frame = frame_at(lines, k, runtime); !frame.empty()) return frame;
  }
  return {};
}

// Where a Go panic began, and who recovered it.
void describe_go(Lines lines, PanicBlock& block) {
  const auto stack = go_stack(lines, block);
  if (stack.panic == stack.end) return;
  auto origin = first_frame(lines, stack.panic, stack.end, Runtime::go);
  if (origin.empty()) return;
  block.frame = origin.substr(0, kMaxText);
  const bool was_recovered = block.is_caught || contains(lines[block.words], " [recovered");
  if (was_recovered) {
    block.handler = first_frame(lines, stack.begin, stack.panic, Runtime::go).substr(0, kMaxText);
  }
}

std::string own_frame(Lines lines, const PanicBlock& block) {
  // The only frames of a destroyed task are those of where it was made.
  if (is_about_destroyed_task(lines, block)) return {};
  // A traceback has its most recent call last, a fatal error first.
  const bool is_reversed =
      block.runtime == Runtime::python && !lines[block.words].starts_with("Fatal Python error: ");
  std::string last;
  for (auto k = block.begin; k < block.end; ++k) {
    auto frame = frame_at(lines, k, block.runtime);
    if (frame.empty()) continue;
    if (!is_reversed) return frame;
    last = std::move(frame);
  }
  // Node says where it threw, also what has no frames.
  if (last.empty() && block.runtime == Runtime::node && is_node_place(lines, block.words) &&
      !is_foreign_path(lines[block.words]))
    return std::string(lines[block.words]);
  return last;
}

std::string_view line_at(Lines lines, const PanicBlock& block, std::size_t k) {
  return k < block.end ? trimmed(lines[k]) : std::string_view();
}

bool is_type_with_text(std::string_view line) {
  const auto name = line.substr(0, line.find(": "));
  return (name.ends_with("Error") || name.ends_with("Exception") || name.ends_with("Warning") ||
          name.ends_with("Interrupt") || name.ends_with("Exit")) &&
         std::ranges::all_of(name, [](char c) { return is_word(c) || c == '.'; });
}

std::string python_message(Lines lines, const PanicBlock& block) {
  const auto header = trimmed(lines[block.words]);
  if (is_about_destroyed_task(lines, block)) {
    for (auto k = block.words; k < block.end; ++k) {
      if (const auto task = after(lines[k], "task: <"); !task.empty())
        return "<" + std::string(trimmed(task));
    }
    return std::string(header);
  }
  if (header.starts_with("Fatal Python error: ")) return std::string(header);
  if (block.end == block.words + 2 && trimmed(lines[block.words + 1]).starts_with("future: "))
    return std::string(header) + ": " + std::string(trimmed(lines[block.words + 1]).substr(8));
  std::string_view group;
  std::string_view last;
  for (auto k = block.begin; k < block.end; ++k) {
    const auto line = trimmed(lines[k], " \t|+-");
    if (line == "Call stack:") break;  // what follows is the stack of the failed call to the log
    if (contains(line, "ExceptionGroup: ")) {
      group = line;
    } else if (lines[k].substr(0, 1) != " " || (!group.empty() && is_type_with_text(line))) {
      if (k > block.words && !contains(line, "Traceback (") && !contains(line, "exception was the"))
        last = line;
    }
  }
  if (group.empty()) return std::string(last);
  return std::string(group) + (last.empty() ? "" : ": " + std::string(last));
}

std::string node_message(Lines lines, const PanicBlock& block) {
  const auto header = trimmed(lines[block.words]);
  if (const auto text = after(header, "Warning: "); !text.empty()) {
    const bool has_place = text.ends_with(" at");
    return std::string(text) +
           (has_place ? " " + std::string(line_at(lines, block, block.words + 1)) : "");
  }
  auto k = block.words + (is_node_place(lines, block.words) ? 3 : 1);
  if (k == block.words + 1 && header != "Uncaught:") {
    return std::string(header);
  }
  while (k < block.end && trimmed(lines[k]).empty()) ++k;
  return std::string(line_at(lines, block, k));
}

std::string rust_message(Lines lines, const PanicBlock& block) {
  const auto header = trimmed(lines[block.words]);
  if (!header.ends_with(":")) return std::string(header);
  std::string text(header);
  for (auto k = block.words + 1; k < block.end; ++k) {
    const auto line = trimmed(lines[k]);
    if (begins_with_any(line, {"note: ", "stack backtrace:"}) || line.empty()) break;
    text += " " + std::string(line);
  }
  return text;
}

std::string native_message(Lines lines, const PanicBlock& block) {
  if (lines[block.words].starts_with("*** Check failure") && block.begin < block.words)
    return std::string(trimmed(lines[block.begin]));
  const auto header = trimmed(lines[block.words]);
  const auto type = between(header, "instance of '", "'");
  if (type.empty()) return std::string(header);
  const auto what = line_at(lines, block, block.words + 1);
  return std::string(type) +
         (what.starts_with("what():") ? ": " + std::string(trimmed(what.substr(7))) : "");
}

std::string sanitizer_message(Lines lines, const PanicBlock& block) {
  for (auto k = block.words; k < block.end; ++k) {
    for (const std::string_view words : {"==ERROR: ", "==WARNING: ", "WARNING: Thread"}) {
      if (const auto text = after(lines[k], words); !text.empty())
        return (words.ends_with("Thread") ? "Thread" : "") + std::string(trimmed(text));
    }
    if (contains(lines[k], ": runtime error: ")) return std::string(trimmed(lines[k]));
  }
  return std::string(trimmed(lines[block.words]));
}

// Exceptions that wrap others are told by their cause, which stands behind `words`.
std::string with_last_cause(Lines lines, const PanicBlock& block, std::string_view header,
                            std::string_view words) {
  std::string_view cause;
  for (auto k = block.words + 1; k < block.end; ++k) {
    if (const auto line = trimmed(lines[k]); line.starts_with(words))
      cause = trimmed(line.substr(words.size()));
  }
  return std::string(header) + (cause.empty() ? "" : ", caused by " + std::string(cause));
}

std::string erlang_message(Lines lines, const PanicBlock& block) {
  std::string text(trimmed(lines[block.words]));
  for (auto k = block.words; k < block.end; ++k) {
    const auto line = trimmed(lines[k]);
    if (line.starts_with("** (")) return std::string(line);
    if (line.starts_with("exception ")) return std::string(line);
    const bool is_reason =
        contains(line, "Reason for termination") || line.ends_with("exit value:");
    if (is_reason && k + 1 < block.end)
      return text + " " + std::string(trimmed(lines[k + 1], " *,"));
  }
  return text;
}

// The exception that nobody caught is the last: "Next LogicException: …".
std::string php_message(Lines lines, const PanicBlock& block) {
  const auto text = trimmed(after(lines[block.words], "Fatal error:"), " \"\r");
  std::string_view last;
  for (auto k = block.words; k < block.end; ++k) {
    if (lines[k].starts_with("Next ")) last = trimmed(lines[k].substr(5));
  }
  if (last.empty()) return std::string(text);
  return "Uncaught " + std::string(last) + ", caused by " +
         std::string(text.starts_with("Uncaught ") ? text.substr(9) : text);
}

std::string message_of(Lines lines, const PanicBlock& block) {
  const auto header = trimmed(lines[block.words]);
  switch (block.runtime) {
    case Runtime::go:
      if (const auto at = header.find("http: panic serving "); at != std::string_view::npos)
        return std::string(header.substr(at));
      return std::string(header);
    case Runtime::rust:
      return rust_message(lines, block);
    case Runtime::node:
      return node_message(lines, block);
    case Runtime::python:
      return python_message(lines, block);
    case Runtime::java:
      if (contains(header, "A fatal error has been detected"))
        return std::string(trimmed(line_at(lines, block, block.words + 2), " #"));
      return with_last_cause(lines, block, header, "Caused by: ");
    case Runtime::dotnet:
      if (header.ends_with(":") || header.ends_with("by the application.") ||
          header.ends_with("the request."))
        return std::string(line_at(lines, block, block.words + 1));
      return with_last_cause(
          lines, block, header.starts_with("Unhandled exception. ") ? header.substr(21) : header,
          "---> ");
    case Runtime::ruby:
      if (contains(header, "terminated with exception"))
        return std::string(line_at(lines, block, block.words + 1));
      return std::string(header);
    case Runtime::php:
      return php_message(lines, block);
    case Runtime::erlang:
      return erlang_message(lines, block);
    case Runtime::native:
      return native_message(lines, block);
    case Runtime::sanitizer:
      return sanitizer_message(lines, block);
    case Runtime::parent:
      break;
  }
  return std::string(header);
}

std::string digits_of(std::string_view text) {
  return std::string(text.substr(0, text.find_first_not_of("0123456789")));
}

std::string process_of(Lines lines, const PanicBlock& block) {
  for (auto k = block.begin; k < block.end && k < block.words + 4; ++k) {
    const auto line = lines[k];
    if (line.starts_with("(node:")) return digits_of(line.substr(6));
    if (line.starts_with("==") && line.size() > 2 && is_digit(line[2]) &&
        contains_any(line, {"==ERROR", "==WARNING"}))
      return digits_of(line.substr(2));
    if (line.starts_with("WARNING: ThreadSanitizer")) return digits_of(after(line, "(pid="));
    if (block.runtime == Runtime::java && line.starts_with("#") && contains(line, ", pid="))
      return digits_of(after(line, ", pid="));
    if (block.runtime == Runtime::python && line.starts_with("Process ") && line.ends_with(":"))
      return std::string(line.substr(8, line.size() - 9));
  }
  return {};
}

// A message, not a frame or an excerpt of the source.
bool is_message_line(std::string_view line) {
  if (line.empty()) return false;
  if (line.front() != ' ' && line.front() != '\t') return true;
  return begins_with_any(
      trimmed(line),
      {"| ", "---> ", "[cause]: ", "[errors]: ", "exception error", "System.", "panic: "});
}

bool names_type(std::string_view line, std::string_view type) {
  for (auto at = line.find(type); at != std::string_view::npos; at = line.find(type, at + 1)) {
    const auto end = at + type.size();
    const bool qualifies = contains(type, ".") || contains(type, "::");
    const char before = at == 0 ? ' ' : line[at - 1];
    const char next = end == line.size() ? ' ' : line[end];
    const bool begins = !is_word(before) && !(qualifies && (before == '.' || before == ':'));
    if (begins && std::string_view(" :'\",)(]>}").find(next) != std::string_view::npos) return true;
  }
  return false;
}

// Whether the words of error in [at, end) of a line say that there was none: "0 failed", "no
// error", "failed=0", `"error":null`.
bool says_none(std::string_view line, std::size_t at, std::size_t end) {
  auto before = trimmed(line.substr(0, at));
  const auto word = std::ranges::find_if_not(before.rbegin(), before.rend(), is_word).base();
  before.remove_prefix(static_cast<std::size_t>(word - before.begin()));
  if (before == "0" || before == "no" || before == "without") return true;
  return begins_with_any(line.substr(end), {"=0", "=nil", "=<nil>", "=null", "=none", "=false",
                                            "\":0", "\":null", "\":false", "\":\"\""});
}

// What a runtime writes before the type of an exception: `begin`, and all up to `end`.
struct Introduction {
  Runtime runtime;
  std::string_view begin;
  std::string_view end = {};
};

constexpr std::array kIntroductions{
    Introduction{Runtime::java, "Caused by: "},
    Introduction{Runtime::java, "Exception in thread \"", "\" "},
    Introduction{Runtime::java, "Exception: "},  // "… thrown from the UncaughtExceptionHandler"
    Introduction{Runtime::java, "Terminating due to "},
    Introduction{Runtime::java, "Aborting due to "},
    Introduction{Runtime::dotnet, "Unhandled exception. "},
    Introduction{Runtime::dotnet, "Unhandled Exception: "},
    Introduction{Runtime::dotnet, "ERROR] FATAL UNHANDLED EXCEPTION: "},
    Introduction{Runtime::dotnet, "Fatal error. "},
    Introduction{Runtime::dotnet, "Inner Exception #", ") "},
    Introduction{Runtime::node, "node:", ") "},
    Introduction{Runtime::node, "UnhandledPromiseRejectionWarning: "},
    Introduction{Runtime::node, "error: "},  // of Deno
    Introduction{Runtime::node, "Uncaught "},
    Introduction{Runtime::node, "in promise) "},
    Introduction{Runtime::node, "cause]: "},
    Introduction{Runtime::node, "errors]: "},
    Introduction{Runtime::php, "Uncaught "},
    Introduction{Runtime::php, "Next "},
};

// The first word of a message, which is the type of the exception: "sqlite3.OperationalError:".
// What comes after it may speak of another one. Node has a code in it: "Error [ERR_CLOSED]:".
std::string_view head_of(std::string_view text, Runtime runtime) {
  constexpr std::string_view kAround = " \t\r|*([{'\"";
  text = trimmed(text, kAround);
  for (;;) {
    const auto end_of = [&](const Introduction& one) {
      const bool begins = one.runtime == runtime && text.starts_with(one.begin);
      return begins ? text.find(one.end, one.begin.size()) : std::string_view::npos;
    };
    const auto known = std::ranges::find_if(
        kIntroductions, [&](const auto& one) { return end_of(one) != std::string_view::npos; });
    if (known == kIntroductions.end()) break;
    text = trimmed(text.substr(end_of(*known) + known->end.size()), kAround);
  }
  auto end = text.find_first_of(" (");
  if (end != std::string_view::npos && text.substr(end).starts_with(" ["))
    end = text.find(' ', end + 1);
  return text.substr(0, end);
}

// Whether the type of the exception of which this line tells is this one.
bool is_of_type(std::string_view line, Runtime runtime, std::string_view type) {
  const auto is_it = [&](std::string_view text) {
    return names_type(head_of(text, runtime), type);
  };
  switch (runtime) {
    case Runtime::python:
      return is_it(begins_with_any(line, {"future: ", "task: "}) ? after(line, " exception=")
                                                                 : line);
    case Runtime::ruby: {  // "crash.rb:3:in `boom': message (Class)", or the class alone
      const auto open = line.rfind('(');
      const bool is_last = line.ends_with(")") && open != std::string_view::npos;
      return is_it(is_last ? line.substr(open) : after(line, "': "));
    }
    case Runtime::php: {  // a log's words come first
      const auto text = after(line, "Fatal error:");
      return is_it(text.empty() ? line : text);
    }
    case Runtime::dotnet:
      for (auto inner = after(line, "---> "); !inner.empty(); inner = after(inner, "---> ")) {
        if (is_it(inner)) return true;
      }
      return is_it(line);
    case Runtime::node:
    case Runtime::java:
      return is_it(line);
    case Runtime::erlang:
      if (line.starts_with("** (")) return is_it(line);  // Elixir's; Erlang has terms
      break;
    default:
      break;
  }
  return names_type(line, type);
}

// The line behind the header of a traceback, or behind the last "During handling of …": what was
// being handled may be meant, and the error is what came of it.
std::size_t last_in_chain(Lines lines, const PanicBlock& block) {
  if (block.runtime != Runtime::python) return block.words;
  for (auto k = block.end; k > block.words + 1; --k) {
    const auto line = lines[k - 1];
    if (!line.starts_with(" ") && contains(line, "During handling of the above exception, "))
      return k;
  }
  return block.words + 1;
}

}  // namespace

std::string own_frame_at(Lines lines, std::size_t i, Runtime runtime) {
  return frame_at(lines, i, runtime);
}

std::string library_frame_at(Lines lines, std::size_t i, Runtime runtime) {
  if (runtime == Runtime::java) return java_frame(lines[i], Libraries::with);
  return runtime == Runtime::python ? python_frame(lines[i], Libraries::with) : std::string();
}

void describe(Lines lines, PanicBlock& block) {
  auto text = message_of(lines, block);
  if (text.empty()) text = trimmed(lines[block.words]);
  block.message = text.substr(0, kMaxText);
  block.frame = own_frame(lines, block).substr(0, kMaxText);
  if (block.runtime == Runtime::go) describe_go(lines, block);
  if (contains(block.message, block.frame)) block.frame.clear();  // it says so itself
  block.process = process_of(lines, block);
}

std::string place_text(const PanicBlock& block) {
  if (block.frame.empty()) return {};
  const auto& frame = block.frame;
  const auto colon = frame.rfind(':');
  const bool is_line = colon != std::string::npos && colon + 1 < frame.size() &&
                       frame.find_first_not_of("0123456789", colon + 1) == std::string::npos;
  return (is_line ? ", at " : ", in ") + frame +
         (block.handler.empty() ? "" : ", recovered in " + block.handler);
}

bool names_exception(Lines lines, const PanicBlock& block, std::string_view type) {
  for (auto k = last_in_chain(lines, block); k < block.end; ++k) {
    if (is_message_line(lines[k]) && is_of_type(lines[k], block.runtime, type)) return true;
  }
  return false;
}

bool is_frame_or_trailer(std::string_view line) {
  const auto text = trimmed(line, " \t\r|+-=~^*#");
  if (text.empty() || text == "}" || text == "{") return true;
  const bool is_indented = line.front() == ' ' || line.front() == '\t';
  if (is_indented && begins_with_any(text, {"at ", "File \"", "from ", "... "})) return true;
  if (line.front() == '#' && text.size() > 1 && is_digit(text.front())) return true;
  if (contains_any(line, {".go:"}) && is_indented) return true;
  if (text.starts_with("goroutine ") && text.ends_with("]:")) return true;
  if (begins_with_any(
          text, {"Node.js v", "note: run with `RUST_BACKTRACE", "created by ", "exit status ",
                 "(Use `node ", "stack backtrace:", "Stack trace:", "[signal ", "npm notice",
                 "Aborted", "PHP Stack trace:", "npm ERR!", "npm error",
                 "info Visit https://yarnpkg.com/", "error Command failed with ", "make: ***"}))
    return true;
  if (contains_any(line, {"ELIFECYCLE"})) return true;  // of pnpm, with narrow spaces before it
  if (text.ends_with("ABORTING")) return true;
  // "runtime/debug.Stack()", "main.main()": the function of a Go frame
  return false;
}

bool complains(std::string_view line) {
  constexpr std::array<std::string_view, 17> kWords{"error",
                                                    "fatal",
                                                    "critical",
                                                    "fail",
                                                    "failed",
                                                    "failure",
                                                    "cannot",
                                                    "could not",
                                                    "unable",
                                                    "refused",
                                                    "denied",
                                                    "deadline exceeded",
                                                    "no space left",
                                                    "already in use",
                                                    "read-only file system",
                                                    "no such file",
                                                    "too many open files"};
  const auto goes_on = [](char c) { return is_word(c) || c == '-' || c == '/'; };
  std::string lower(line);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::ranges::any_of(kWords, [&](std::string_view words) {
    for (auto at = lower.find(words); at != std::string::npos; at = lower.find(words, at + 1)) {
      const auto end = at + words.size();
      const bool is_whole =
          (at == 0 || !goes_on(lower[at - 1])) && (end == lower.size() || !goes_on(lower[end]));
      if (is_whole && !says_none(lower, at, end)) return true;
    }
    return false;
  });
}

}  // namespace lastcall

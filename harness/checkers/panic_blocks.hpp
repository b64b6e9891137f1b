// Errors in an output: what a runtime, a sanitizer or a library wrote about one of them, from its
// header to its last frame. Pure functions of the lines; any thread may call them.
//
// A block begins with a line that panic_in() knows, or with what introduces it: the log line before
// a traceback, the bar above a sanitizer's report. It takes in the message, the frames, the
// exceptions that caused it and what the runtime or a parent says about the same end ("Node.js
// v20", "Aborted (core dumped)"). A line of another thread or process amid the frames ends a block;
// the frames that come after it are no error of their own.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkers/panic_patterns.hpp"

namespace lastcall {

struct PanicBlock {
  std::string_view meaning;  // "a Go panic"
  Runtime runtime{};
  std::size_t begin = 0;  // lines [begin, end)
  std::size_t end = 0;
  std::size_t words = 0;  // the line that panic_in() knew
  // The words say that the program itself, or a framework that answers for it, caught the error and
  // wrote it down. Whether it went on they cannot say. What the runtime or its library reports
  // because nobody above a thread, a task, a callback or a hook caught it is not caught.
  bool is_caught = false;
  std::string message;  // type and text
  std::string frame;    // the first of the program's own code: "boom (/srv/app/crash.py:13)", or ""
  std::string handler;  // where a Go panic was recovered, or ""
  std::string process;  // as the words name it: "77", "SpawnProcess-1", or ""
};

std::vector<PanicBlock> panic_blocks(std::span<const std::string_view> lines);

// ", in boom (/srv/app/crash.py:13)", with where it was recovered; empty if nobody knows.
std::string place_text(const PanicBlock& block);

// Whether a process that ends by it ends by a signal, so that its parent tells of one.
bool ends_by_signal(std::span<const std::string_view> lines, const PanicBlock& block);

// Whether the exception of the block, or one that caused it or that is in its group, is of this
// type, with or without its modules. Not one that was being handled when it was thrown, nor one of
// which the text of a message speaks. What is no exception is looked for in all of its messages.
bool names_exception(std::span<const std::string_view> lines, const PanicBlock& block,
                     std::string_view type);

// Fills in `message`, `frame`, `handler` and `process`.
void describe(std::span<const std::string_view> lines, PanicBlock& block);

// The frame at line `i` of a stack that this runtime wrote: "boom (/srv/app/crash.py:13)". Empty if
// it is none, or none of the program's own code.
std::string own_frame_at(std::span<const std::string_view> lines, std::size_t i, Runtime runtime);

// The same of Java and Python, also if it is an installed library's. Empty if it is the language's.
std::string library_frame_at(std::span<const std::string_view> lines, std::size_t i,
                             Runtime runtime);

// Whether it is a frame of a stack, a runtime's closing line or otherwise not what went wrong.
bool is_frame_or_trailer(std::string_view line);

// Whether a line of a log tells of an error: by a word such as "failed", or in the system's words
// ("no space left on device").
bool complains(std::string_view line);

}  // namespace lastcall

// A schedule: what each of a few threads does to a subject, one step after the other. A plain value
// that can be generated, shrunk, printed, pasted and read back.
//
//   open:0 meet:1 send:0:500us | meet:1 stop
//
// is two threads, separated by `|`; the first opens connection 0, both wait for each other, and one
// sends while the other stops the subject. The words:
//
//   open:C        open connection C; nothing if it is open
//   send:C        send a message on C and wait for its answer; nothing if it is not open
//   send:C:2ms    … one that takes the subject 2 ms
//   close:C       close C; nothing if it is not open
//   stop          ask for the stop (`stop:int`: as Ctrl-C does); who is not the first asks again
//   hang          from now on a resource of the subject hangs when it is cleaned up
//   pause:1ms     wait
//   meet:N        wait for all threads that have a meet:N, 100 ms at most; each thread meets once
//
// Durations are whole numbers of ns, us or ms. If no thread says `stop`, the runner does, once all
// threads are through. Safe to use from any thread.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lastcall::embed {
inline namespace v1 {

enum class Operation : std::uint8_t { open, send, close, stop, hang, pause, meet };

enum class StopReason : std::uint8_t { terminate, interrupt };  // as SIGTERM, as SIGINT

struct Step {
  Operation operation{};
  std::uint32_t number = 0;         // of open, send, close: the connection; of meet: which
  std::chrono::nanoseconds time{};  // of pause; of send: how long the answer takes
  StopReason reason = StopReason::terminate;  // of stop
  friend auto operator<=>(const Step&, const Step&) = default;
};

struct Schedule {
  // A schedule beyond these, or without a thread, is refused by the runner and by parse(). A thread
  // may be empty.
  static constexpr std::size_t kMaxThreads = 16;
  static constexpr std::size_t kMaxSteps = 64;  // a thread
  static constexpr std::uint32_t kMaxNumber = 63;
  static constexpr std::chrono::nanoseconds kLongest = std::chrono::milliseconds(100);

  std::vector<std::vector<Step>> threads;
  friend bool operator==(const Schedule&, const Schedule&) = default;
};

std::string to_string(const Step& step);
// Reads back as the same value, if it is within the limits; has no quotes in it.
std::string to_string(const Schedule& schedule);

// The schedule, or what is wrong and where.
struct ParsedSchedule {
  std::optional<Schedule> schedule;
  std::string error;      // "thread 2, step 3: …"; empty if there is a schedule
  std::size_t place = 0;  // the byte of the text at which the wrong word begins
};
ParsedSchedule parse(std::string_view text);

// Why a schedule is beyond its limits; empty if it is not.
std::string problem(const Schedule& schedule);

}  // namespace v1
}  // namespace lastcall::embed

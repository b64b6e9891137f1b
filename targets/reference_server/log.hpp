// The server's log: one line a message, with time and level, to standard output or a file. Any
// thread may write.
//
// With `asynchronous` a thread of its own writes, behind a queue of `queue` lines. What a full
// queue means is stated: `wait` holds back who logs, `drop_oldest` drops the oldest line and counts
// it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace reference_server {

class Log {
 public:
  enum class Level { trace, debug, info, warning, error };
  enum class Overrun { wait, drop_oldest };
  struct Options {
    Level level = Level::info;
    bool asynchronous = false;
    std::size_t queue = 8192;
    Overrun overrun = Overrun::wait;
    std::string file;  // appended to; empty: standard output
  };
  static Level level_named(std::string_view name);  // of the configuration's names

  // Throws std::exception if the file cannot be opened.
  explicit Log(const Options& options);
  ~Log();

  void write(Level level, std::string_view text);
  void debug(std::string_view text) { write(Level::debug, text); }
  void info(std::string_view text) { write(Level::info, text); }
  void warning(std::string_view text) { write(Level::warning, text); }
  void error(std::string_view text) { write(Level::error, text); }

  void set_level(Level level);
  [[nodiscard]] Level level() const;
  [[nodiscard]] std::uint64_t dropped() const;

  // Everything written so far is out when this returns, and from here on each line before its
  // write() returns. The thread has ended.
  void settle();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace reference_server

// A command that helps to judge a target: it asks it something, inspects a copy of a file, or is a
// checker of the user's. Nobody traces it; it has a time limit, its output is bounded, and nothing
// of its process group outlives it. One thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "history/event.hpp"
#include "trial/child_ends.hpp"

namespace lastcall {

struct HelperCommand {
  std::vector<std::string> words;
  std::string directory;                 // to run in
  std::string path;                      // PATH, and where its first word is looked for
  std::vector<std::string> environment;  // "NAME=value", beside PATH; nothing is inherited
  std::string user;                      // empty: whoever runs lastcall
  std::string input = "/dev/null";       // a file, its standard input
  Nanoseconds limit{};
};

struct HelperResult {
  std::string problem;  // it could not be run, or ran too long; empty: it ended by itself
  EndKind how{};
  int value = 0;            // exit code or signal number
  std::string out;          // the first MiB of its standard output
  bool out_is_cut = false;  // there was more
  std::string last_words;   // the last line of its standard error that is not empty

  [[nodiscard]] bool succeeded() const {
    return problem.empty() && how == EndKind::exited && value == 0;
  }
  // "exit 3: cannot open x", or the problem; for people.
  [[nodiscard]] std::string text() const;
};

// The last line of a text that is not blank, without what surrounds it; at most 1000 characters.
std::string last_line(std::string_view text);

// Whoever calls ChildEnds::reap() on SIGCHLD must be at work. `over` ends it early.
boost::asio::awaitable<HelperResult> run_helper(ChildEnds& ends, HelperCommand command,
                                                std::function<bool()> over);

}  // namespace lastcall

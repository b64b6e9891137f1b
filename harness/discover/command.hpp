// What a user wrote behind `--`, as a shell would take it: NAME=VALUE words in front are
// environment, {port} and {port.NAME} are ports of lastcall's choice. Pure, but for the file that
// the program is.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace lastcall {

struct Command {
  std::vector<std::string> words;
  std::map<std::string, std::string> environment;  // besides the user's own
};

// The words of it that name a port, "port" and "port.tls".
std::vector<std::string> ports_in(const Command& command);

// Takes NAME=VALUE words off the front. A program named by a relative path becomes an absolute one,
// below `directory`, so that a plan of it replays from elsewhere. An error: there is no program, or
// a placeholder is wrong, or braces in it are none of ours.
Result<Command> command_of(std::vector<std::string> words, const std::string& directory);

}  // namespace lastcall

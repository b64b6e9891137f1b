#include "cli/what_runs.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "plan/planned_commands.hpp"

namespace lastcall::cli {
namespace {

// The whole script of a shell often fits; nothing is so long that what comes before it scrolls off.
constexpr std::size_t kLongestLine = 1000;

std::string line(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c < ' ' || c > '~'; }, '?');
  if (text.size() <= kLongestLine) return text + "\n";
  const auto left_out = text.size() - kLongestLine;
  return text.substr(0, kLongestLine) + "... and " + std::to_string(left_out) +
         " more characters: read the plan\n";
}

std::string command_text(const PlannedCommand& command) {
  std::string text = "  " + command.what + ":";
  for (const auto& word : command.words) text += " " + shell_word(word);
  std::string lines = line(text);
  if (!command.user.empty()) lines += line("    as user " + command.user);
  if (!command.directory.empty() && command.directory != "{dir}")
    lines += line("    in " + shell_word(command.directory));
  for (const auto& [name, value] : command.environment)
    lines += line("    with " + shell_word(name) + "=" + shell_word(value));
  return lines;
}

}  // namespace

std::string what_runs(const Plan& plan) {
  std::string text = "This plan runs:\n";
  for (const auto& command : planned_commands(plan)) text += command_text(command);
  for (const auto& file : plan.scenario.target.files) {
    text += line("  file for the target: " + shell_word(file.path) + ", " +
                 std::to_string(file.content.size()) + " bytes");
  }
  for (const auto& group : plan.scenario.clients) {
    text += line("  clients " + shell_word(group.name) + ": " + std::to_string(group.count) +
                 " of " + shell_word(group.url));
  }
  return text;
}

}  // namespace lastcall::cli

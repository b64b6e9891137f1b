#include "cli/command_line.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include "base/nearest_name.hpp"
#include "base/text.hpp"

namespace lastcall::cli {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string sorted(std::string_view text) {
  std::string letters(text);
  std::ranges::sort(letters);
  return letters;
}

// The words are few and short: one that is not finished counts, or whose letters changed places.
std::string nearest(std::string_view word, const std::vector<std::string>& words) {
  auto near = nearest_name(word, words);
  if (!near) {
    const auto found = std::ranges::find_if(words, [&](const std::string& one) {
      return one.starts_with(word) || sorted(one) == sorted(word);
    });
    if (found != words.end()) near = *found;
  }
  return near ? "; did you mean '" + *near + "'?" : "";
}

}  // namespace

CLI::Validator at_least_one() {
  const auto problem = [](const std::string& text) -> std::string {
    const auto number = parse_number<std::uint32_t>(text);
    return number && *number > 0 ? "" : "expected a whole number from 1, found '" + text + "'";
  };
  return CLI::Validator(std::function<std::string(std::string&)>(problem), "");
}

CLI::Validator one_of(std::vector<std::string> words) {
  const auto problem = [words = std::move(words)](const std::string& text) -> std::string {
    if (std::ranges::find(words, text) != words.end()) return "";
    return "expected " + joined(words) + ", found '" + text + "'" + nearest(text, words);
  };
  return CLI::Validator(std::function<std::string(std::string&)>(problem), "");
}

void add_set_option(CLI::App& command, std::vector<std::string>& settings) {
  command
      .add_option("--set", settings,
                  "Set a key of the scenario, again and again: target.stop.deadline=5s, "
                  "clients.0.count=50")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->option_text("KEY=VALUE");
}

std::string unknown_command(const CLI::App& app, std::string_view word) {
  if (word.starts_with('-')) return "";
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  if (std::ranges::find(names, word) != names.end()) return "";
  return "there is no command '" + std::string(word) + "'" + nearest(word, names) +
         " (commands: " + joined(names) + ")";
}

}  // namespace lastcall::cli

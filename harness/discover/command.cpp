#include "discover/command.hpp"

#include <filesystem>
#include <set>

#include "scenario/placeholders.hpp"

namespace lastcall {
namespace {

bool is_name(std::string_view text) {
  return !text.empty() && !(text.front() >= '0' && text.front() <= '9') &&
         text.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == text.npos;
}

bool is_port(const std::string& placeholder) {
  return placeholder == "port" || placeholder.starts_with("port.");
}

}  // namespace

std::vector<std::string> ports_in(const Command& command) {
  std::set<std::string> names;
  const auto add = [&](const std::string& text) {
    for (auto& name : placeholders_in(text)) {
      if (is_port(name)) names.insert(std::move(name));
    }
  };
  for (const auto& word : command.words) add(word);
  for (const auto& [name, value] : command.environment) add(value);
  return {names.begin(), names.end()};
}

Result<Command> command_of(std::vector<std::string> words, const std::string& directory) {
  Command command;
  std::size_t first = 0;
  for (; first < words.size(); ++first) {
    const auto equals = words[first].find('=');
    if (equals == std::string::npos || !is_name(words[first].substr(0, equals))) break;
    command.environment[words[first].substr(0, equals)] = words[first].substr(equals + 1);
  }
  command.words.assign(words.begin() + static_cast<std::ptrdiff_t>(first), words.end());
  if (command.words.empty())
    return Error{"run", "", 0, "no program is named: lastcall try -- ./server --port 8080"};
  for (const auto& word : words) {
    for (const auto& name : placeholders_in(word)) {
      if (!is_port(name))
        return Error{"read", word, 0,
                     "{" + name + "} is no port: only {port} and {port.NAME} are replaced here"};
    }
  }
  auto& program = command.words.front();
  if (program.find('/') != std::string::npos && !program.starts_with('/'))
    program = (std::filesystem::path(directory) / program).lexically_normal().string();
  return command;
}

}  // namespace lastcall

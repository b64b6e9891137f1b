// The surroundings in which helper commands of a trial run: few variables, the same for all.
#pragma once

#include <string>
#include <vector>

#include "target/launcher.hpp"
#include "trial/helper_command.hpp"
#include "trial/trial_context.hpp"

namespace lastcall {

inline HelperCommand helper_of(const std::vector<std::string>& words, const Placeholders& values,
                               std::string directory, const std::string& tools) {
  HelperCommand command;
  for (const auto& word : words) command.words.push_back(expand_placeholders(word, values));
  command.directory = std::move(directory);
  command.path = search_path(tools);
  command.environment = {"HOME=" + values.at("dir"), "TMPDIR=" + values.at("dir") + "/tmp",
                         "LANG=C.UTF-8"};
  return command;
}

inline HelperCommand helper_in(const TrialContext& trial, const std::vector<std::string>& words,
                               const Placeholders& values, std::string directory) {
  return helper_of(words, values, std::move(directory), trial.order.tools);
}

}  // namespace lastcall

// What commands have in common: options, and what the command line allows, said in few words.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace lastcall::cli {

// A whole number from 1 to 4,294,967,295.
CLI::Validator at_least_one();
// One of these words.
CLI::Validator one_of(std::vector<std::string> words);

// --set KEY=VALUE, which may come again and again.
void add_set_option(CLI::App& command, std::vector<std::string>& settings);

// What is wrong with the word that stands where a command of `app` is expected, with the nearest
// command; empty if it is one, or an option.
std::string unknown_command(const CLI::App& app, std::string_view word);

}  // namespace lastcall::cli

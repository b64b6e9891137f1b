// lastcall explain WORD: the page for a key, a property, a fault or a client behaviour, from the
// same tables as the parser's and `list`; explain RESULTS [TRIAL]: what `show` tells.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <set>

#include "base/nearest_name.hpp"
#include "campaign/exit_codes.hpp"
#include "cli/commands.hpp"
#include "cli/show.hpp"
#include "reports/wording.hpp"
#include "scenario/behaviour.hpp"
#include "scenario/check.hpp"
#include "scenario/keys.hpp"
#include "scenario/properties.hpp"

namespace lastcall::cli {
namespace {

constexpr std::size_t kWidth = 96;

// Lines of at most kWidth columns, each indented by two spaces.
std::string wrapped(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    auto end = text.size() <= kWidth ? text.size() : text.rfind(' ', kWidth);
    if (end == text.npos || end == 0) end = text.size();
    lines += "  " + std::string(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return lines;
}

struct Page {
  std::string name;   // the word that asks for it
  std::string title;  // "deadline, a key of [target.stop]"
  std::string text;
};

std::string page_of(const Key& key) {
  auto text = wrapped(key.about) + wrapped("Takes " + what_it_is(key) + ".");
  if (key.required) text += wrapped("It must be given.");
  if (!key.fallback.empty()) text += wrapped("Default: " + std::string(key.fallback));
  if (!key.with.empty()) text += wrapped("Goes with " + std::string(key.with) + " only.");
  if (key.table != nullptr) {
    text += "  Its keys:\n";
    for (const auto& one : key.table->keys) {
      const auto fallback =
          one.fallback.empty() ? "" : " Default: " + std::string(one.fallback) + ".";
      text += wrapped("- " + std::string(one.name) + ": " + std::string(one.about) + fallback);
    }
  }
  return text;
}

void add_keys(const Table& table, std::vector<Page>& pages, std::set<const Table*>& seen) {
  if (!seen.insert(&table).second) return;
  for (const auto& key : table.keys) {
    const auto name = std::string(key.name);
    const bool is_property = &table == &properties_table() && key.kind == Kind::table;
    pages.push_back(
        {name, name + (is_property ? ", a property" : ", a key of " + std::string(table.where)),
         page_of(key)});
    if (key.table != nullptr) add_keys(*key.table, pages, seen);
  }
}

std::vector<Page> all_pages() {
  std::vector<Page> pages;
  std::set<const Table*> seen;
  add_keys(scenario_table(), pages, seen);
  for (const auto& fault : listed_faults()) {
    if (!fault.name.ends_with("= "))
      pages.push_back(
          {fault.name, fault.name + ", a fault: [[faults]] what", wrapped(fault.about)});
  }
  for (const auto behaviour : values<Behaviour>()) {
    const auto word = std::string(name(behaviour));
    pages.push_back({word, word + ", a behaviour of clients: [[clients]] behaviour",
                     wrapped(traits(behaviour).about)});
  }
  return pages;
}

// "target.stop.deadline", "[target.stop] deadline" and "deadline" are all the page of deadline.
std::pair<std::string, std::string> word_and_place(std::string asked) {
  std::erase_if(asked, [](char c) { return c == '[' || c == ']'; });
  std::ranges::replace(asked, ' ', '.');
  const auto dot = asked.rfind('.');
  if (dot == std::string::npos) return {asked, ""};
  return {asked.substr(dot + 1), asked.substr(0, dot)};
}

int explain(const ShowArguments& arguments) {
  const auto& asked = arguments.results;
  std::error_code none;
  if (std::filesystem::is_directory(asked, none)) return show(arguments);
  const auto pages = all_pages();
  const auto [word, place] = word_and_place(asked);
  bool found = false;
  for (const auto& page : pages) {
    if (page.name != word) continue;
    if (!place.empty() && page.title.find(place + "]") == std::string::npos &&
        !(place == "properties" && page.title.ends_with("a property")))
      continue;
    std::cout << (found ? "\n" : "") << page.title << "\n" << page.text;
    found = true;
  }
  if (found) return exit_codes::kHeld;
  std::vector<std::string> names;
  for (const auto& page : pages) names.push_back(page.name);
  const auto near = nearest_name(word, names);
  std::cerr
      << "lastcall explain: no key, property, fault, behaviour or results directory is named '"
      << reports::printable(asked) << "'" << (near ? "; did you mean '" + *near + "'?" : "")
      << "\n";
  return exit_codes::kUsage;
}

}  // namespace

void add_explain(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<ShowArguments>();
  auto* command = app.add_subcommand("explain",
                                     "Say what a word of a scenario means: key, property, fault, "
                                     "behaviour; or why a trial failed");
  command
      ->add_option("word", arguments->results,
                   "deadline, target.stop.deadline, in-flight-finished, storm; or a results "
                   "directory, or that of a trial")
      ->required()
      ->option_text("WORD|RESULTS");
  command->add_option("trial", arguments->trial, "The number of a trial of these results")
      ->option_text("TRIAL");
  command->footer(
      "A word that several tables have gets a page for each; [target.stop] deadline, or\n"
      "target.stop.deadline, asks for one. `lastcall list` shows what there is. Results are told "
      "as\n"
      "`lastcall show` tells them.");
  command->callback([arguments, &context] { context.exit_code = explain(*arguments); });
}

}  // namespace lastcall::cli

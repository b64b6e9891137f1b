// lastcall compare BASE HEAD: what differs between two campaigns.
#include <iostream>
#include <memory>

#include "campaign/exit_codes.hpp"
#include "cli/chosen_campaign.hpp"
#include "cli/commands.hpp"
#include "gate/comparison.hpp"
#include "reports/gate.hpp"

namespace lastcall::cli {
namespace {

struct CompareArguments {
  std::string base;
  std::string head;
  std::optional<std::int64_t> base_campaign;
  std::optional<std::int64_t> head_campaign;
  bool json = false;
  bool markdown = false;
};

int compare_results(const CompareArguments& arguments) {
  int wrong = exit_codes::kHeld;
  const auto base = load_results(arguments.base, arguments.base_campaign, wrong);
  const auto head = load_results(arguments.head, arguments.head_campaign, wrong);
  if (!base || !head) return wrong;
  for (const auto* one : {&*base, &*head}) {
    if (one->stored.start.stops_by_its_results)
      std::cerr << "lastcall: warning: " << one->named
                << ": it may have stopped because of what it found, so these tests are not exact\n";
  }
  const auto comparison = compare(base->summary, head->summary, base->hashes(), head->hashes());
  const int code = has(comparison, Change::worse)  ? exit_codes::kFailed
                   : has(comparison, Change::gone) ? exit_codes::kNotJudged
                                                   : exit_codes::kHeld;
  const reports::Compared names{base->named, head->named};
  std::cout << (arguments.json       ? reports::comparison_json(comparison, names, code)
                : arguments.markdown ? reports::comparison_markdown(comparison, names)
                                     : reports::comparison_text(comparison, names));
  return code;
}

}  // namespace

void add_compare(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<CompareArguments>();
  auto* command = app.add_subcommand("compare", "Say what differs between two campaigns");
  command
      ->add_option("base", arguments->base, "The results before: a results directory, or a store")
      ->required()
      ->option_text("BASE");
  command->add_option("head", arguments->head, "The results now")->required()->option_text("HEAD");
  command
      ->add_option("--base-campaign", arguments->base_campaign,
                   "Which campaign of BASE, if it is a store (default: the last)")
      ->option_text("ID");
  command->add_option("--head-campaign", arguments->head_campaign, "The same for HEAD")
      ->option_text("ID");
  auto* json = command->add_flag("--json", arguments->json, "Print as JSON");
  command->add_flag("--markdown", arguments->markdown, "Print tables for a pull request")
      ->excludes(json);
  command->footer(
      "Scenarios are the same if their files have the same name. A property is worse or better if\n"
      "Fisher's exact test says so at 5 % after Holm's correction for all of them.\n"
      "Exit code 0: nothing got worse; 1: a property did; 3: none did, but something that BASE "
      "judged is gone.");
  command->callback([arguments, &context] { context.exit_code = compare_results(*arguments); });
}

}  // namespace lastcall::cli

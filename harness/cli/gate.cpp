// lastcall gate RESULTS: whether results are good enough for a policy.
#include <iostream>
#include <memory>

#include "campaign/exit_codes.hpp"
#include "cli/chosen_campaign.hpp"
#include "cli/commands.hpp"
#include "cli/policies.hpp"
#include "cli/release.hpp"
#include "reports/gate.hpp"

namespace lastcall::cli {
namespace {

struct GateArguments {
  std::string results;
  GateQuestion question;
  std::optional<std::int64_t> campaign;
  bool json = false;
  bool all = false;
};

int gate_results(const GateArguments& arguments) {
  int wrong = exit_codes::kHeld;
  const auto head = load_results(arguments.results, arguments.campaign, wrong);
  if (!head) return wrong;
  const auto result = gate_of(*head, arguments.question, wrong);
  if (!result) return wrong;
  const int code = exit_code_of(*result);
  std::cout << (arguments.json ? reports::gate_json(*result, code)
                               : reports::gate_text(*result, arguments.all));
  return code;
}

}  // namespace

void add_gate(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<GateArguments>();
  auto* command = app.add_subcommand("gate", "Say whether results are good enough for a policy");
  command->add_option("results", arguments->results, "A results directory, or a store")
      ->required()
      ->option_text("RESULTS");
  command->add_option("--policy", arguments->question.policy, "The policy (TOML)")
      ->required()
      ->option_text("FILE");
  command
      ->add_option("--campaign", arguments->campaign,
                   "Which campaign of a store (default: the last)")
      ->option_text("ID");
  add_gate_options(*command, arguments->question);
  command->add_flag("--all", arguments->all, "Print the checks that passed, too");
  command->add_flag("--json", arguments->json, "Print as JSON");
  command->footer(
      "A policy says for each property and scenario how often it may fail, and how sure that must\n"
      "be; which scenarios must be there; which failures are known:\n"
      "  [gate]\n"
      "  fails_at_most = \"1 %\"\n"
      "  confidence = \"95 %\"\n"
      "\n"
      "Exit code 0: passed; 1: failed; 3: not settled, and how many more clean trials would settle "
      "it.");
  command->callback([arguments, &context] { context.exit_code = gate_results(*arguments); });
}

}  // namespace lastcall::cli

// lastcall report RESULTS: the reports of a campaign, made from its results directory, or from a
// store, later on.
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "campaign/exit_codes.hpp"
#include "campaign/results.hpp"
#include "cli/commands.hpp"
#include "cli/page_file.hpp"
#include "cli/release.hpp"
#include "reports/page.hpp"
#include "reports/reports.hpp"
#include "reports/trace.hpp"
#include "reports/wording.hpp"

namespace lastcall::cli {
namespace {

struct ReportArguments {
  std::string results;
  std::string format = "markdown";
  std::string output;
  std::optional<std::uint32_t> trial;
  std::optional<std::int64_t> campaign;
  std::string store;
  GateQuestion question;
};

int fail(const std::string& what, int code) {
  std::cerr << "lastcall: " << reports::printable(what) << "\n";
  return code;
}

// The trial that the trace is of: the one that was named, else the first that the page would tell.
Result<std::string> trace_text(const CampaignSummary& campaign,
                               const std::optional<std::uint32_t>& wanted) {
  auto number = wanted;
  for (const auto told : reports::told_trials(campaign)) {
    if (!number && !find_trial(campaign, told)->directory.empty()) number = told;
  }
  if (!number)
    return Error{"choose a trial of", campaign.results, 0,
                 "none failed and was kept: name one with --trial"};
  const auto* trial = find_trial(campaign, *number);
  if (trial == nullptr)
    return Error{"find trial " + std::to_string(*number) + " in", campaign.results, 0,
                 "`lastcall show " + campaign.results + "` lists them"};
  const auto kept = read_trial(campaign, *trial);
  if (!kept) return kept.error();
  return reports::trace({kept->plan, kept->history, kept->result});
}

// What the reports are made of.
struct Source {
  CampaignSummary summary;
  bool is_complete = true;
  reports::Release release{};
};

// Where the results are a store, the trend is of that; else of the one that the user names.
std::optional<Source> source_of(const ReportArguments& arguments, int& exit_code) {
  std::error_code none;
  const bool is_directory = std::filesystem::is_directory(arguments.results, none);
  Source source;
  if (is_directory) {
    auto results = read_results(arguments.results);
    if (!results) {
      exit_code = fail(results.error().message(), exit_codes::kUsage);
      return std::nullopt;
    }
    source.summary = std::move(results->summary);
    source.is_complete = results->is_complete;
    if (arguments.question.policy.empty() && arguments.store.empty()) return source;
  }
  auto chosen = load_results(arguments.results, arguments.campaign, exit_code);
  if (!chosen) return std::nullopt;
  const auto& past = is_directory || !arguments.store.empty() ? arguments.store : arguments.results;
  auto release = release_of(*chosen, arguments.question, past, exit_code);
  if (!release) return std::nullopt;
  source.release = std::move(*release);
  if (is_directory) return source;
  source.summary = std::move(chosen->summary);
  source.is_complete = chosen->stored.end.has_value();
  return source;
}

int report(const ReportArguments& arguments) {
  int wrong = exit_codes::kHeld;
  const auto source = source_of(arguments, wrong);
  if (!source) return wrong;
  const auto& campaign = source->summary;
  if (!source->is_complete)
    std::cerr << "lastcall: the campaign still runs, or was killed: this is of its trials so far\n";
  std::string text;
  auto output = arguments.output;
  if (arguments.format == "html") {
    if (reports::viewer().empty())
      return fail(
          "this lastcall was built without npm and has no HTML report: install nodejs and npm, and "
          "build it again",
          exit_codes::kBroken);
    text = page_of(campaign, source->release);
    if (output.empty()) output = campaign.results + "/report.html";
  } else if (arguments.format == "trace") {
    auto made = trace_text(campaign, arguments.trial);
    if (!made) return fail(made.error().message(), exit_codes::kUsage);
    text = std::move(*made);
  } else if (arguments.format == "junit") {
    text = reports::junit(campaign);
  } else if (arguments.format == "json") {
    text = reports::json(campaign);
  } else if (arguments.format == "openmetrics") {
    text = reports::openmetrics(campaign);
  } else if (arguments.format == "github") {
    text = reports::github(campaign);
  } else {
    text = reports::markdown(campaign, source->release);
  }
  if (output.empty() || output == "-") {
    std::cout << text << std::flush;
    return std::cout ? exit_codes::kHeld : fail("cannot write the report", exit_codes::kBroken);
  }
  if (!write_whole(output, text)) return exit_codes::kBroken;
  std::cerr << "wrote " << reports::printable(output) << "\n";
  return exit_codes::kHeld;
}

}  // namespace

void add_report(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<ReportArguments>();
  auto* command = app.add_subcommand("report", "Make a report of a campaign later on");
  command
      ->add_option("results", arguments->results,
                   "A directory that `lastcall run` wrote, or a store")
      ->required()
      ->option_text("RESULTS");
  command
      ->add_option("--format,-f", arguments->format,
                   "markdown (the default): a page for a pull request; junit: JUnit XML; json: "
                   "report.json; html: one page for a browser; trace: one trial for "
                   "ui.perfetto.dev or chrome://tracing; openmetrics: gauges for Prometheus; "
                   "github: annotations of a workflow")
      ->check(
          CLI::IsMember({"markdown", "junit", "json", "html", "trace", "openmetrics", "github"}))
      ->option_text("FORMAT");
  command
      ->add_option("--output,-o", arguments->output,
                   "Where to write it, - for standard output (default: standard output; of html "
                   "RESULTS/report.html)")
      ->option_text("FILE");
  command
      ->add_option("--trial", arguments->trial,
                   "The trial of a trace (default: the first that failed and was kept)")
      ->option_text("N");
  command
      ->add_option("--campaign", arguments->campaign,
                   "Which campaign of a store (default: the last)")
      ->option_text("ID");
  command
      ->add_option("--policy", arguments->question.policy,
                   "What markdown and html are to say of this policy (`lastcall gate`)")
      ->option_text("FILE");
  add_gate_options(*command, arguments->question);
  command
      ->add_option("--store", arguments->store,
                   "The store with earlier campaigns, for the trend in html (default: RESULTS, if "
                   "it is a store)")
      ->option_text("FILE");
  command->footer(
      "The directory of a campaign that still runs, or was killed, will do: the report is then of\n"
      "its trials so far.\n"
      "Exit code 0: the report was made, whatever it says; 2: there are no such results;\n"
      "4: it could not be written.");
  command->callback([arguments, &context] { context.exit_code = report(*arguments); });
}

}  // namespace lastcall::cli

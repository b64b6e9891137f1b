// lastcall merge STORE… --results DIR: puts the shards of a campaign together.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>

#include "base/file.hpp"
#include "campaign/campaign.hpp"
#include "campaign/exit_codes.hpp"
#include "campaign/origin.hpp"
#include "cli/chosen_campaign.hpp"
#include "cli/commands.hpp"
#include "cli/recorder.hpp"
#include "cli/results_directory.hpp"
#include "cli/trial_server.hpp"
#include "reports/reports.hpp"
#include "reports/wording.hpp"
#include "store/merge.hpp"
#include "store/store.hpp"
#include "store/stored_summary.hpp"
#include "store/writer.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;

struct MergeArguments {
  std::vector<std::string> stores;
  std::string results;
  std::optional<std::uint64_t> seed;
  bool json = false;
};

// A part, and the results directory that its trials lie in.
struct Part {
  CampaignPart part;
  fs::path directory;
};

// The campaigns of one results directory or store that have the seed: that of its last campaign,
// unless the user says. Nothing if something is wrong, which is printed.
std::optional<std::vector<Part>> parts_of(const std::string& path,
                                          std::optional<std::uint64_t> seed, int& exit_code) {
  std::vector<Part> parts;
  std::error_code none;
  if (fs::is_directory(path, none) && !fs::exists(fs::path(path) / kStoreName, none)) {
    // A shard that was killed before it began. What it should have run is missing, which is said.
    std::cerr << "lastcall: warning: " << reports::printable(path)
              << " holds no results; it is left out\n";
    return parts;
  }
  auto all = load_campaigns(path, exit_code);
  if (!all) return std::nullopt;
  const auto wanted = seed.value_or(all->back().start.seed);
  for (auto& campaign : *all) {
    if (campaign.start.seed != wanted) continue;
    const auto directory =
        fs::is_directory(path) ? fs::path(path) : fs::path(campaign.start.results);
    auto named = path + (all->size() > 1 ? ", campaign " + std::to_string(campaign.id) : "");
    parts.push_back({{std::move(named), std::move(campaign)}, directory});
  }
  return parts;
}

// Copies what was kept of the trials. A plan that was this user's own stays that. Forgets the
// directory of a trial that cannot be copied.
void copy_trials(MergedCampaign& merged, const std::vector<Part>& parts, const fs::path& results) {
  std::size_t lost = 0;
  std::string first;
  for (std::size_t i = 0; i < merged.parts.size(); ++i) {
    auto& directory = merged.campaign.trials[i].trial.directory;
    if (directory.empty()) continue;
    const auto from = parts[merged.parts[i]].directory / directory;
    const auto to = results / directory;
    auto copied = copy_tree(from, to);
    if (!copied) {
      if (++lost == 1) first = copied.error().message();
      directory.clear();
      continue;
    }
    const auto text = read_regular(from / "plan.json");
    if (!text) continue;
    const auto plan = plan_from_json(*text, (from / "plan.json").string());
    if (plan && foreign_because(from.string(), *plan).empty())
      (void)write_origin(to.string(), *plan);
  }
  if (lost > 0)
    std::cerr << "lastcall: warning: the directories of " << lost
              << " trials are not there to copy, first: " << reports::printable(first) << "\n";
}

struct Kept {
  Store store;
  std::int64_t campaign = 0;
};

// All but how it ended.
Result<Kept> keep(const StoredCampaign& campaign, const std::string& results) {
  auto store = Store::open_to_write(results + "/" + kStoreName);
  if (!store) return Error{"keep the results:", store.error().message, 0, ""};
  const auto id = store->begin(campaign.start);
  if (!id) return id.error();
  std::ofstream log(results + "/trials.jsonl");
  for (const auto& stored : campaign.trials) {
    if (auto added = store->add(*id, stored); !added) return added.error();
    log << trial_line(stored.trial);
  }
  if (!log.flush()) return Error{"write", results + "/trials.jsonl", 0, ""};
  return Kept{std::move(*store), *id};
}

int merge(const MergeArguments& arguments) {
  std::vector<Part> parts;
  int wrong = exit_codes::kHeld;
  for (const auto& path : arguments.stores) {
    auto found = parts_of(path, arguments.seed, wrong);
    if (!found) return wrong;
    std::ranges::move(*found, std::back_inserter(parts));
  }
  std::vector<CampaignPart> campaigns;
  for (auto& part : parts) campaigns.push_back(std::move(part.part));
  auto all = merged(std::move(campaigns));
  for (const auto& problem : all.problems)
    std::cerr << "lastcall: " << reports::printable(problem) << "\n";
  if (!all.problems.empty()) return exit_codes::kUsage;
  if (const int taken = claim_results(arguments.results); taken != exit_codes::kHeld) return taken;
  all.campaign.start.results = arguments.results;
  all.campaign.start.writer = this_writer();
  copy_trials(all, parts, arguments.results);
  auto kept = keep(all.campaign, arguments.results);
  if (!kept) return refused(kept.error(), exit_codes::kBroken);
  auto end = *all.campaign.end;
  auto summary = summary_of(std::move(all.campaign));
  if (!summary) return refused(summary.error(), exit_codes::kBroken);
  summary->exit_code = exit_code(*summary);
  // What nobody ran held nowhere.
  if (summary->exit_code == exit_codes::kHeld && !all.missing.empty())
    summary->exit_code = exit_codes::kNotJudged;
  end.exit_code = summary->exit_code;
  if (const auto ended = kept->store.end(kept->campaign, end); !ended)
    return refused(ended.error(), exit_codes::kBroken);
  kept->store.leave_alone();
  const bool written = write_reports(*summary);
  std::cout << (arguments.json ? reports::json(*summary)
                               : reports::terminal(*summary, ::isatty(STDOUT_FILENO) == 1));
  for (const auto& missing : all.missing)
    std::cerr << "lastcall: missing in " << reports::printable(missing) << "\n";
  return written ? summary->exit_code : exit_codes::kBroken;
}

}  // namespace

void add_merge(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<MergeArguments>();
  auto* command = app.add_subcommand("merge", "Put the shards of a campaign together");
  command->add_option("stores", arguments->stores, "Results directories, or stores")
      ->required()
      ->option_text("STORE...");
  command
      ->add_option("--results", arguments->results,
                   "Results directory to make, which holds no results of another campaign")
      ->required()
      ->option_text("DIR");
  command
      ->add_option("--seed", arguments->seed,
                   "Which campaigns of a store that has several (default: that of its last)")
      ->option_text("S");
  command->add_flag("--json", arguments->json, "Print report.json instead of the table");
  command->footer(
      "Parts of one campaign have the same seed, scenarios, lastcall and build of the target. "
      "What\n"
      "does not belong is refused (exit code 2). Properties are judged over all trials, as if one\n"
      "machine had run them. Exit codes are those of run; 3 also if trials are missing.");
  command->callback([arguments, &context] { context.exit_code = merge(*arguments); });
}

}  // namespace lastcall::cli

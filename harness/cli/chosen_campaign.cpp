#include "cli/chosen_campaign.hpp"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "campaign/exit_codes.hpp"
#include "cli/recorder.hpp"
#include "reports/wording.hpp"
#include "store/store.hpp"
#include "store/stored_summary.hpp"
#include "store/writer.hpp"

namespace lastcall::cli {
namespace {

std::nullopt_t refuse(const std::string& message, int code, int& exit_code) {
  std::cerr << "lastcall: " << reports::printable(message) << "\n";
  exit_code = code;
  return std::nullopt;
}

std::string ids_text(const std::vector<std::int64_t>& ids) {
  return ids.size() == 1
             ? "only campaign " + std::to_string(ids.front())
             : "campaigns " + std::to_string(ids.front()) + " to " + std::to_string(ids.back());
}

struct Opened {
  Store store;
  std::vector<std::int64_t> campaigns;  // at least one
};

std::optional<Opened> open_results(const std::string& path, int& exit_code) {
  std::error_code none;
  const bool is_directory = std::filesystem::is_directory(path, none);
  const auto file = is_directory ? path + "/" + kStoreName : path;
  auto store = Store::open_to_read(file);
  if (!store)
    return refuse(store.error().message,
                  store.error().of_the_user ? exit_codes::kUsage : exit_codes::kBroken, exit_code);
  auto ids = store->campaigns();
  if (!ids) return refuse(ids.error().message(), exit_codes::kBroken, exit_code);
  if (ids->empty())
    return refuse("no campaign has begun in the store " + file, exit_codes::kUsage, exit_code);
  return Opened{std::move(*store), std::move(*ids)};
}

}  // namespace

std::string ChosenCampaign::not_ended() const {
  if (!stored.end) {
    return is_running(stored.start.writer) ? "the campaign still runs"
                                           : "the campaign was cut short: its lastcall is gone";
  }
  if (stored.end->interrupted) return "the campaign was interrupted";
  if (!stored.end->broken.empty()) return "the campaign broke off: " + stored.end->broken;
  return {};
}

ScenarioHashes ChosenCampaign::hashes() const {
  ScenarioHashes hashes;
  for (const auto& scenario : stored.start.scenarios) hashes[scenario.file] = scenario.hash;
  return hashes;
}

std::optional<std::vector<StoredCampaign>> load_campaigns(const std::string& path, int& exit_code) {
  auto opened = open_results(path, exit_code);
  if (!opened) return std::nullopt;
  std::vector<StoredCampaign> all;
  for (const auto id : opened->campaigns) {
    auto loaded = opened->store.load(id);
    if (!loaded) return refuse(loaded.error().message(), exit_codes::kBroken, exit_code);
    all.push_back(std::move(*loaded));
  }
  return all;
}

std::optional<ChosenCampaign> load_results(const std::string& path,
                                           std::optional<std::int64_t> campaign, int& exit_code) {
  auto opened = open_results(path, exit_code);
  if (!opened) return std::nullopt;
  const auto id = campaign.value_or(opened->campaigns.back());
  if (!std::ranges::binary_search(opened->campaigns, id))
    return refuse(
        path + " has no campaign " + std::to_string(id) + ", " + ids_text(opened->campaigns),
        exit_codes::kUsage, exit_code);
  auto loaded = opened->store.load(id);
  if (!loaded) return refuse(loaded.error().message(), exit_codes::kBroken, exit_code);
  StoredCampaign without_trials{
      .id = loaded->id, .start = loaded->start, .end = loaded->end, .trials = {}};
  auto summary = summary_of(std::move(*loaded));
  if (!summary) return refuse(summary.error().message(), exit_codes::kBroken, exit_code);
  auto named = path + ", campaign " + std::to_string(id) + " of " +
               without_trials.start.started_utc + ", seed " +
               std::to_string(without_trials.start.seed);
  return ChosenCampaign{std::move(without_trials), std::move(*summary), std::move(named)};
}

}  // namespace lastcall::cli

// Keeps a campaign in the store of its results directory and, if the user names one, in another
// that is kept over time. To be made after the fork server was started: SQLite's files must not be
// open in what it forks. One thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "campaign/campaign.hpp"
#include "store/store.hpp"

namespace lastcall::cli {

// The name of a results directory's store.
inline constexpr const char* kStoreName = "results.sqlite";

class Recorder {
 public:
  struct Options {
    std::string target_version;  // as the user says
    std::string search_path;     // the folders in which commands are looked for
    bool stops_by_its_results = false;
  };
  // Fails if the file that the user names is damaged, or is no store.
  static StoreResult<Recorder> with(const std::string& store, Options options);

  // Opens the store of the results directory, which the campaign has for itself.
  Result<void> begin(const CampaignSummary& campaign, const CampaignOptions& options);
  Result<void> add(const TrialSummary& trial, const TrialJob& job);
  Result<void> end(const CampaignSummary& campaign);
  // What earlier campaigns in the store that the user named found; nothing if there is none.
  Result<std::vector<PastCampaign>> past();

 private:
  struct Kept {
    Store store;
    std::int64_t campaign = 0;
    bool is_of_results = false;
  };
  explicit Recorder(Options options) : options_(std::move(options)) {}

  Options options_;
  CampaignStart start_{};
  std::vector<Kept> stores_;
};

}  // namespace lastcall::cli

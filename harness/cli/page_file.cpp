#include "cli/page_file.hpp"

#include <filesystem>
#include <iostream>

#include "base/file.hpp"
#include "base/text.hpp"
#include "campaign/results.hpp"
#include "reports/page.hpp"
#include "reports/wording.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;

// What stories may take in the page, in bytes: a browser reads as much in about a second.
constexpr std::size_t kMostOfStories = std::size_t{24} << 20U;
// A trial's segments, in bytes, beyond which its history is not read for the page. Some 700,000
// events; reading them takes a second, and ten times as much memory.
constexpr std::uintmax_t kLargestSegments = std::uintmax_t{24} << 20U;

std::uintmax_t size_of_segments(const std::string& directory) {
  std::uintmax_t size = 0;
  std::error_code ec;
  for (fs::directory_iterator entry(directory + "/segments", ec), end; !ec && entry != end;
       entry.increment(ec)) {
    const auto its = entry->file_size(ec);
    if (!ec) size += its;
  }
  return size;
}

}  // namespace

std::string replay_command(const CampaignSummary& campaign, const TrialSummary& trial) {
  if (trial.directory.empty()) return "";
  return "lastcall replay " + shell_word(campaign.results + "/" + trial.directory);
}

std::string page_of(const CampaignSummary& campaign, const reports::Release& release) {
  std::vector<reports::TrialPage> pages;
  std::size_t size = 0;
  for (const auto number : reports::told_trials(campaign)) {
    const auto* trial = find_trial(campaign, number);
    if (trial == nullptr || trial->directory.empty() || size >= kMostOfStories) continue;
    if (size_of_segments(campaign.results + "/" + trial->directory) > kLargestSegments) continue;
    const auto kept = read_trial(campaign, *trial);
    if (!kept || kept->history.events().empty()) continue;
    auto page = reports::page_of_trial({kept->plan, kept->history, kept->result},
                                       replay_command(campaign, *trial));
    size += page.size();
    pages.push_back({number, std::move(page)});
  }
  return reports::html(campaign, pages, release);
}

bool write_whole(const std::string& path, const std::string& content) {
  auto done = write_regular(path + ".part", content);
  std::error_code ec;
  if (done) fs::rename(path + ".part", path, ec);
  if (ec) done = Error{"write", path, ec.value(), ""};
  if (done) return true;
  fs::remove(path + ".part", ec);
  std::cerr << "lastcall: " << reports::printable(done.error().message()) << "\n";
  return false;
}

}  // namespace lastcall::cli

#include "cli/results_directory.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <iostream>

#include "base/scoped_fd.hpp"
#include "campaign/exit_codes.hpp"
#include "cli/page_file.hpp"
#include "reports/page.hpp"
#include "reports/reports.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;

bool holds_results(const std::string& directory) {
  std::error_code ec;
  if (fs::is_regular_file(directory + "/trials.jsonl", ec)) return true;
  if (fs::is_regular_file(directory + "/report.json", ec)) return true;
  const fs::directory_iterator trials(directory + "/trials", ec);
  return std::any_of(begin(trials), end(trials),
                     [&](const fs::directory_entry& entry) { return entry.is_directory(ec); });
}

}  // namespace

std::string default_results() {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const auto time = std::chrono::system_clock::to_time_t(seconds);
  char text[32];
  std::tm parts{};
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", ::gmtime_r(&time, &parts));
  const auto base = std::string("lastcall-results/") + text;
  auto path = base;
  std::error_code ec;
  fs::create_directory("lastcall-results", ec);
  // Whoever creates it has it: another campaign may begin in the same second.
  for (int i = 2; !fs::create_directory(path, ec) && !ec; ++i)
    path = base + "-" + std::to_string(i);
  return path;
}

int claim_results(const std::string& directory) {
  bool taken = holds_results(directory);
  std::error_code ec;
  if (!taken) fs::create_directories(directory + "/trials", ec);
  if (ec) {
    std::cerr << "lastcall: cannot create " << directory << ": " << ec.message() << "\n";
    return exit_codes::kBroken;
  }
  const auto log = directory + "/trials.jsonl";
  if (!taken) {
    const ScopedFd made(::open(log.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    taken = !made && errno == EEXIST && fs::is_regular_file(log, ec);
  }
  if (!taken) return exit_codes::kHeld;
  std::cerr << "lastcall: " << directory
            << " holds the results of another campaign: remove it, or name another directory with "
               "--results\n";
  return exit_codes::kUsage;
}

void name_latest(const std::string& results) {
  const fs::path path(results);
  const auto link = path.parent_path() / "latest";
  std::error_code ec;
  if (fs::exists(fs::symlink_status(link, ec)) && !fs::is_symlink(link, ec)) return;
  const auto fresh = path.parent_path() / (".latest-" + path.filename().string());
  fs::create_symlink(path.filename(), fresh, ec);
  if (!ec) fs::rename(fresh, link, ec);
  if (ec) fs::remove(fresh, ec);
}

bool write_reports(const CampaignSummary& summary, const reports::Release& release) {
  const auto in_results = [&](const std::string& name) { return summary.results + "/" + name; };
  bool written = write_whole(in_results("report.json"), reports::json(summary));
  written = write_whole(in_results("junit.xml"), reports::junit(summary)) && written;
  written = write_whole(in_results("report.md"), reports::markdown(summary, release)) && written;
  if (!reports::viewer().empty())
    written = write_whole(in_results("report.html"), page_of(summary, release)) && written;
  return written;
}

}  // namespace lastcall::cli

#include "cli/hunt_report.hpp"

#include <boost/json.hpp>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <ostream>

#include "base/durations.hpp"
#include "base/text.hpp"
#include "campaign/exit_codes.hpp"
#include "cli/hunt_setup.hpp"

namespace lastcall::cli {
namespace {

std::int64_t milliseconds_of(Nanoseconds time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

}  // namespace

std::string results_folder(const std::string& wanted) {
  namespace fs = std::filesystem;
  std::error_code ec;
  if (!wanted.empty()) {
    fs::create_directories(wanted, ec);
    return wanted;
  }
  const auto time = std::time(nullptr);
  std::tm parts{};
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", ::gmtime_r(&time, &parts));
  fs::create_directory("lastcall-results", ec);
  const auto base = std::string("lastcall-results/hunt-") + text;
  auto path = base;
  for (int i = 2; !fs::create_directory(path, ec) && !ec; ++i)
    path = base + "-" + std::to_string(i);
  return path;
}

void print_tried(std::ostream& out, const SearchTally& tally) {
  out << "tried " << tally.trials << " trials in " << human_duration(tally.took) << ": "
      << tally.points << " places known, " << tally.points_met << " met by some thread, at most "
      << tally.threads << (tally.threads == 1 ? " thread" : " threads") << " seen\n";
  if (tally.points_left_out > 0)
    out << "  " << tally.points_left_out << " further places were left out\n";
  for (const auto& [kind, count] : tally.searches) {
    out << "  " << search_name(kind) << ": " << count.trials
        << (count.trials == 1 ? " trial, " : " trials, ") << count.failures << " failed";
    if (count.holds_planned > 0)
      out << "; " << count.holds_reached << " of " << count.holds_planned << " holds reached";
    if (count.holds_unvisited > 0)
      out << ", " << count.holds_unvisited << " at places that no thread came to";
    if (count.signals_planned > 0)
      out << "; " << count.signals_landed << " of " << count.signals_planned
          << " signals sent where planned";
    out << "\n";
  }
  if (tally.unconfirmed > 0)
    out << "  " << tally.unconfirmed << (tally.unconfirmed == 1 ? " failure" : " failures")
        << " did not come back, the last: " << tally.last_unconfirmed << "\n";
  if (tally.baseline.failed > 0)
    out << "  " << tally.baseline.failed << " of " << tally.baseline.runs
        << " runs failed without any hold\n";
}

void print_found(std::ostream& out, const Found& found) {
  out << "found: " << found.failure << "\n";
  out << "  " << found.says << "\n";
  out << "  fails " << rate_text(found.rate) << "; without holds " << rate_text(found.undisturbed)
      << "\n";
  out << "  found by the " << search_name(found.kind) << " after " << found.trials << " trials, "
      << human_duration(found.after) << "\n";
  if (found.kind == SearchKind::shaker)
    out << "  no single hold made it fail again and again: the plan slows threads down "
           "everywhere\n";
  out << found.explanation;
  out << "replay: lastcall replay " << shell_word(found.folder) << "\n"
      << "shrink: lastcall shrink " << shell_word(found.folder) << "\n";
}

void print_nothing_found(std::ostream& out, const SearchTally& tally) {
  if (tally.ever_acted()) {
    out << "found nothing. That is no bound: trials of a hunt are no samples of the program's "
           "usual runs.\n";
    return;
  }
  out << "THE SEARCH NEVER ACTED, so this hunt says nothing about the program: no thread was "
         "held anywhere and no signal was placed.\n";
  if (tally.points == 0) {
    out << "No function of the program is known: build it with symbols (not stripped), or "
           "name the program itself instead of a script that starts it.\n";
  } else {
    out << "Of " << tally.points << " known places, threads met " << tally.points_met << ".\n";
  }
}

boost::json::object found_json(const Found& found) {
  return {{"failure", found.failure},
          {"says", found.says},
          {"search", search_name(found.kind)},
          {"failed", found.rate.failed},
          {"runs", found.rate.runs},
          {"not_reached", found.rate.not_reached},
          {"failed_without_holds", found.undisturbed.failed},
          {"runs_without_holds", found.undisturbed.runs},
          {"found_after_ms", milliseconds_of(found.after)},
          {"trials", found.trials},
          {"folder", found.folder}};
}

boost::json::object tally_json(const SearchTally& tally) {
  namespace json = boost::json;
  json::object searches;
  for (const auto& [kind, count] : tally.searches) {
    searches[search_name(kind)] = json::object{{"trials", count.trials},
                                               {"failures", count.failures},
                                               {"holds_planned", count.holds_planned},
                                               {"holds_reached", count.holds_reached},
                                               {"holds_unvisited", count.holds_unvisited},
                                               {"signals_planned", count.signals_planned},
                                               {"signals_landed", count.signals_landed}};
  }
  return {{"format", "lastcall-hunt"},
          {"version", 1},
          {"acted", tally.ever_acted()},
          {"trials", tally.trials},
          {"took_ms", milliseconds_of(tally.took)},
          {"points", tally.points},
          {"points_met", tally.points_met},
          {"threads", tally.threads},
          {"unconfirmed", tally.unconfirmed},
          {"searches", std::move(searches)}};
}

int hunt_exit_code(const SearchTally& tally, bool is_found) {
  if (const int interrupted = interrupted_code(); interrupted != 0) return interrupted;
  if (is_found) return exit_codes::kFailed;
  return tally.ever_acted() ? exit_codes::kHeld : exit_codes::kNotJudged;
}

}  // namespace lastcall::cli

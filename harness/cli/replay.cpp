// lastcall replay DIR|PLAN: runs one plan again and measures how often its failure comes back.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <set>

#include <boost/json.hpp>

#include "base/file.hpp"
#include "base/text.hpp"
#include "campaign/exit_codes.hpp"
#include "campaign/origin.hpp"
#include "campaign/statistics.hpp"
#include "campaign/trial_pool.hpp"
#include "checkers/checkers.hpp"
#include "cli/command_line.hpp"
#include "cli/commands.hpp"
#include "cli/hunt_setup.hpp"
#include "cli/progress_line.hpp"
#include "cli/warnings.hpp"
#include "cli/what_runs.hpp"
#include "plan/plan_file.hpp"
#include "reports/wording.hpp"
#include "target/environment.hpp"

namespace lastcall::cli {
namespace {

namespace fs = std::filesystem;
using reports::printable;

struct ReplayArguments {
  std::string what;
  std::uint32_t times = 10;
  std::uint32_t jobs = 1;
  std::string results;
  bool trust = false;
  bool json = false;
};

struct Tally {
  std::set<std::string> wanted;  // properties that failed in the recorded trial; empty: any
  std::uint64_t came_back = 0;
  std::uint64_t judged = 0;  // replays that reached a verdict
  std::uint64_t unknown = 0;
  std::string first_unknown;  // why the first of these could not be judged
  std::string broken;
  std::map<std::string, std::uint64_t> failures;
  std::string first_reason;
  bool first_is_cause = false;  // not the consequence of another failure of its trial
};

void count(Tally& tally, const TrialResult& result) {
  if (!result.broken.empty()) {
    tally.broken = result.broken;
    return;
  }
  bool hit = false;
  bool unclear = false;
  std::string why_unclear;
  for (const auto& verdict : result.verdicts) {
    const bool counts = tally.wanted.empty() || tally.wanted.contains(verdict.property);
    const bool is_open =
        counts && (verdict.outcome == Outcome::unknown ||
                   (!tally.wanted.empty() && verdict.outcome == Outcome::not_applicable));
    if (is_open && !unclear) why_unclear = verdict.property + ": " + verdict.reason;
    unclear = unclear || is_open;
    if (verdict.outcome != Outcome::fail) continue;
    ++tally.failures[verdict.property];
    const bool is_cause = verdict.consequence_of.empty();
    if (counts && (tally.first_reason.empty() || (is_cause && !tally.first_is_cause))) {
      tally.first_reason = verdict.property + ": " + verdict.reason;
      tally.first_is_cause = is_cause;
    }
    hit = hit || counts;
  }
  if (!hit && unclear) {  // failed unseen, or had nothing to judge: no sample of the rate
    if (++tally.unknown == 1) tally.first_unknown = why_unclear;
    return;
  }
  ++tally.judged;
  if (hit) ++tally.came_back;
}

// The properties that failed when the plan was recorded, if verdict.json lies next to it.
std::set<std::string> recorded_failures(const fs::path& plan) {
  std::set<std::string> failed;
  const auto text = read_regular((plan.parent_path() / "verdict.json").string());
  if (!text) return failed;
  if (const auto result = trial_result_from_json(*text)) {
    for (const auto& verdict : result->verdicts) {
      if (verdict.outcome == Outcome::fail) failed.insert(verdict.property);
    }
  }
  return failed;
}

void print(const Tally& tally, const ReplayArguments& arguments, const std::string& results) {
  const auto rate = two_sided(tally.came_back, tally.judged);
  if (arguments.json) {
    boost::json::object failures;
    for (const auto& [property, times] : tally.failures) failures[property] = times;
    std::cout << boost::json::serialize(boost::json::object{{"format", "lastcall-replay"},
                                                            {"version", 1},
                                                            {"came_back", tally.came_back},
                                                            {"judged", tally.judged},
                                                            {"unknown", tally.unknown},
                                                            {"why_unknown", tally.first_unknown},
                                                            {"rate_low", rate.low},
                                                            {"rate_high", rate.high},
                                                            {"failures", std::move(failures)},
                                                            {"results", results}})
              << "\n";
    return;
  }
  std::cout << "failed " << tally.came_back << " of " << tally.judged << " replays";
  if (tally.judged > 0) {
    std::printf("; rate %.1f–%.1f %% at 95 %%", rate.low * 100, rate.high * 100);
    std::fflush(stdout);
  }
  std::cout << "\n";
  if (tally.unknown > 0)
    std::cout << tally.unknown << " could not be judged; " << printable(tally.first_unknown)
              << "\n";
  for (const auto& [property, times] : tally.failures)
    std::cout << "  " << property << ": " << times << "\n";
  if (!tally.first_reason.empty()) std::cout << "  " << printable(tally.first_reason) << "\n";
  if (tally.came_back > 0) std::cout << "histories: " << results << "\n";
}

// The highest number that a replay in this folder has, 0: none. Their histories are kept.
std::uint32_t last_number(const fs::path& results) {
  std::uint32_t last = 0;
  std::error_code ec;
  for (fs::directory_iterator entry(results, ec), end; !ec && entry != end; entry.increment(ec)) {
    const auto name = entry->path().filename().string();
    last = std::max(last, parse_number<std::uint32_t>(name).value_or(0));
  }
  return last;
}

// A plan of `lastcall hunt`.
int replay_hunt(const ReplayArguments& arguments, const Context& context) {
  const auto plan = own_hunt_plan(arguments.what, arguments.trust);
  if (!plan) {
    std::cerr << "lastcall: " << printable(plan.error().message()) << "\n";
    return exit_codes::kUsage;
  }
  watch_for_interrupts();
  auto around = hunt_surroundings(context);
  ProgressLine line;
  line.show("runs without holds");
  const auto undisturbed = undisturbed_rate(*plan, around, arguments.times);
  const auto places = undisturbed ? places_in_this_build(*plan, around) : std::string();
  if (!undisturbed || !places) {
    line.clear();
    if (const int code = interrupted_code(); code != 0) return code;
    std::cerr << "lastcall: "
              << printable((undisturbed ? places.error() : undisturbed.error()).message()) << "\n";
    return undisturbed ? exit_codes::kUsage : exit_codes::kBroken;
  }
  std::map<std::string, std::uint64_t> failures;
  std::uint64_t finished = 0;
  const auto rate = failure_rate(*plan, around, arguments.times, [&](const HuntTrial& trial) {
    if (!trial.failure.empty()) ++failures[trial.failure];
    line.show(std::to_string(++finished) + " of " + std::to_string(arguments.times) + " replays");
    return true;
  });
  line.clear();
  if (const int code = interrupted_code(); code != 0) return code;
  if (!rate.broken.empty()) {
    std::cerr << "lastcall: " << printable(rate.broken) << "\n";
    return exit_codes::kBroken;
  }
  if (arguments.json) {
    const auto interval = two_sided(rate.failed, rate.runs);
    boost::json::object ends;
    for (const auto& [failure, times] : failures) ends[failure] = times;
    std::cout << boost::json::serialize(
                     boost::json::object{{"format", "lastcall-replay"},
                                         {"version", 1},
                                         {"came_back", rate.failed},
                                         {"judged", rate.runs},
                                         {"not_reached", rate.not_reached},
                                         {"rate_low", interval.low},
                                         {"rate_high", interval.high},
                                         {"failed_without_holds", undisturbed->failed},
                                         {"runs_without_holds", undisturbed->runs},
                                         {"failures", std::move(ends)}})
              << "\n";
  } else {
    std::cout << *places << printable(sentence_of(*plan)) << ": fails " << rate_text(rate)
              << "\nwithout holds: " << rate_text(*undisturbed) << "\n";
    for (const auto& [failure, times] : failures)
      std::cout << "  " << printable(failure) << ": " << times << "\n";
  }
  if (rate.failed > 0) return exit_codes::kFailed;
  return rate.runs == 0 ? exit_codes::kNotJudged : exit_codes::kHeld;
}

int replay(const ReplayArguments& arguments, const Context& context) {
  if (!hunt_plan_file(arguments.what).empty()) return replay_hunt(arguments, context);
  const fs::path named(arguments.what);
  std::error_code ec;
  const auto path = fs::absolute(fs::is_directory(named, ec) ? named / "plan.json" : named);
  auto plan = read_plan(path.string());
  if (!plan) {
    std::cerr << "lastcall: " << printable(plan.error().message()) << "\n";
    return exit_codes::kUsage;
  }
  std::cerr << what_runs(*plan);
  const auto foreign = foreign_because(path.parent_path().string(), *plan);
  if (!foreign.empty() && !arguments.trust) {
    std::cerr << "lastcall: the plan may be somebody else's: " << printable(foreign)
              << "; read what it runs, above, and add --trust to run it\n";
    return exit_codes::kUsage;
  }
  const auto results = arguments.results.empty()
                           ? (fs::absolute(path).parent_path() / "replays").string()
                           : arguments.results;
  if (const auto ready = prepare_environment(results); !ready) {
    std::cerr << "lastcall: " << ready.error().message() << "\n";
    return exit_codes::kBroken;
  }
  auto server = ForkServer::start();
  if (!server) {
    std::cerr << "lastcall: " << server.error().message() << "\n";
    return exit_codes::kBroken;
  }
  Tally tally;
  tally.wanted = recorded_failures(path);
  const auto earlier = last_number(results);
  std::uint32_t started = 0;
  std::uint32_t finished = 0;
  std::set<std::string> printed;
  ProgressLine line;
  TrialPoolOptions pool;
  pool.jobs = arguments.jobs;
  pool.tools = context.tools;
  pool.next = [&]() -> std::optional<TrialJob> {
    if (started == arguments.times) return std::nullopt;
    ++started;
    return TrialJob{started, 0,
                    fs::absolute(results + "/" + std::to_string(earlier + started)).string(),
                    *plan};
  };
  pool.done = [&](const TrialJob&, const TrialResult& result) {
    ++finished;
    count(tally, result);
    if (!result.warnings.empty()) line.clear();
    print_warnings(result, printed);
  };
  pool.tick = [&](std::size_t) {
    line.show(std::to_string(finished) + " of " + std::to_string(arguments.times) +
              " replays, failed " + std::to_string(tally.came_back));
  };
  const auto interrupted = run_trials(*server, pool);
  line.clear();
  if (!interrupted || !tally.broken.empty()) {
    std::cerr << "lastcall: "
              << printable(interrupted ? tally.broken : interrupted.error().message()) << "\n";
    return exit_codes::kBroken;
  }
  print(tally, arguments, results);
  if (*interrupted != 0) return 128 + *interrupted;
  if (tally.came_back > 0) return exit_codes::kFailed;
  return tally.judged == 0 ? exit_codes::kNotJudged : exit_codes::kHeld;
}

}  // namespace

void add_replay(CLI::App& app, Context& context) {
  auto arguments = std::make_shared<ReplayArguments>();
  auto* command = app.add_subcommand(
      "replay", "Run one plan again and measure how often its failure comes back");
  command->add_option("plan", arguments->what, "A trial's directory, a hunt's, or a plan.json")
      ->required()
      ->check(CLI::ExistingPath)
      ->option_text("DIR|PLAN");
  command->add_option("--times,-k", arguments->times, "Replays (default: 10)")
      ->check(at_least_one())
      ->option_text("K");
  command->add_option("--jobs,-j", arguments->jobs, "Replays at the same time (default: 1)")
      ->check(CLI::Range(1, 64))
      ->option_text("J");
  command
      ->add_option("--results", arguments->results,
                   "Where to keep failing replays, numbered after those that are there (default: "
                   "replays/ next to the plan)")
      ->option_text("DIR");
  command->add_flag("--trust", arguments->trust, "Run a plan that may be somebody else's");
  command->add_flag("--json", arguments->json, "Print the result as JSON");
  command->footer(
      "A plan of `lastcall hunt` is replayed with its holds, and as often without them; --jobs "
      "and\n"
      "--results do not count for it.\n"
      "It first says what the plan runs. A plan is your own where lastcall wrote it for you, on\n"
      "this machine, as long as nobody changes its scenario; any other needs --trust.\n"
      "Exit code 1: the failure came back; 0: it did not.");
  command->callback([arguments, &context] { context.exit_code = replay(*arguments, context); });
}

}  // namespace lastcall::cli

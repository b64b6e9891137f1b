// lastcall replay DIR|PLAN: runs one plan again and measures how often its failure comes back.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include <boost/json.hpp>

#include "base/text.hpp"
#include "campaign/exit_codes.hpp"
#include "campaign/failure_tally.hpp"
#include "campaign/statistics.hpp"
#include "campaign/trial_pool.hpp"
#include "cli/command_line.hpp"
#include "cli/commands.hpp"
#include "cli/hunt_setup.hpp"
#include "cli/own_plan.hpp"
#include "cli/progress_line.hpp"
#include "cli/trial_server.hpp"
#include "cli/warnings.hpp"
#include "hunt/held_plan.hpp"
#include "reports/wording.hpp"

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

// `undisturbed`: of the same plan without its holds, if it has some.
void print(const FailureTally& tally, const std::optional<FailureRate>& undisturbed,
           const ReplayArguments& arguments, const std::string& results) {
  const auto rate = two_sided(tally.came_back, tally.judged);
  if (arguments.json) {
    boost::json::object failures;
    for (const auto& [property, times] : tally.failures) failures[property] = times;
    boost::json::object object{{"format", "lastcall-replay"},
                               {"version", 1},
                               {"came_back", tally.came_back},
                               {"judged", tally.judged},
                               {"unknown", tally.unknown},
                               {"why_unknown", tally.first_unknown},
                               {"rate_low", rate.low},
                               {"rate_high", rate.high},
                               {"failures", std::move(failures)},
                               {"results", results}};
    if (undisturbed) {
      object["failed_without_holds"] = undisturbed->failed;
      object["runs_without_holds"] = undisturbed->runs;
    }
    std::cout << boost::json::serialize(object) << "\n";
    return;
  }
  std::cout << "failed " << tally.came_back << " of " << tally.judged << " replays";
  if (tally.judged > 0) {
    std::printf("; rate %.1f–%.1f %% at 95 %%", rate.low * 100, rate.high * 100);
    std::fflush(stdout);
  }
  std::cout << "\n";
  if (undisturbed) std::cout << "without holds: " << rate_text(*undisturbed) << "\n";
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
  if (!plan) return refused(plan.error(), exit_codes::kUsage);
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

// Trials of plans, as many of each as is asked for.
class Replays {
 public:
  Replays(ForkServer& server, const ReplayArguments& arguments, const Context& context)
      : server_(server), arguments_(arguments), context_(context) {}

  // In directories of this folder that are numbered after `last`. Returns the signal that came, 0:
  // none. `what`: "replays".
  Result<int> run(const Plan& plan, const std::string& folder, std::uint32_t last, Keep keep,
                  const std::string& what, FailureTally& tally) {
    std::uint32_t started = 0;
    std::uint32_t finished = 0;
    TrialPoolOptions pool;
    pool.jobs = arguments_.jobs;
    pool.tools = context_.tools;
    pool.keep = keep;
    pool.next = [&]() -> std::optional<TrialJob> {
      if (started == arguments_.times) return std::nullopt;
      ++started;
      return TrialJob{started, 0,
                      fs::absolute(folder + "/" + std::to_string(last + started)).string(), plan};
    };
    pool.done = [&](const TrialJob&, const TrialResult& result) {
      ++finished;
      count(tally, result);
      if (!result.warnings.empty()) line_.clear();
      print_warnings(result, printed_);
    };
    pool.tick = [&](std::size_t) {
      line_.show(std::to_string(finished) + " of " + std::to_string(arguments_.times) + " " + what +
                 ", failed " + std::to_string(tally.came_back));
    };
    auto interrupted = run_trials(server_, pool);
    line_.clear();
    return interrupted;
  }

 private:
  ForkServer& server_;
  const ReplayArguments& arguments_;
  const Context& context_;
  ProgressLine line_;
  std::set<std::string> printed_;
};

int broken_by(const FailureTally& tally, const Result<int>& interrupted) {
  std::cerr << "lastcall: " << printable(interrupted ? tally.broken : interrupted.error().message())
            << "\n";
  return exit_codes::kBroken;
}

int replay(const ReplayArguments& arguments, const Context& context) {
  if (!hunt_plan_file(arguments.what).empty()) return replay_hunt(arguments, context);
  const auto own = own_plan(arguments.what, arguments.trust);
  if (!own) return refused(own.error(), exit_codes::kUsage);
  const auto results = arguments.results.empty() ? (own->file.parent_path() / "replays").string()
                                                 : arguments.results;
  auto server = start_trial_server(results);
  if (!server) return refused(server.error(), exit_codes::kBroken);
  Replays replays(*server, arguments, context);
  FailureTally tally;
  tally.wanted = recorded_failures(own->file);
  auto interrupted =
      replays.run(own->plan, results, last_number(results), Keep::failed, "replays", tally);
  if (!interrupted || !tally.broken.empty()) return broken_by(tally, interrupted);
  std::optional<FailureRate> undisturbed;
  if (const auto plan = without_holds(own->plan);
      plan.faults != own->plan.faults && *interrupted == 0) {
    FailureTally without;
    without.wanted = tally.wanted;
    interrupted = replays.run(plan, results + "/without-holds", 0, Keep::none,
                              "trials without holds", without);
    std::error_code ec;
    fs::remove(results + "/without-holds", ec);  // if nothing is in it
    if (!interrupted || !without.broken.empty()) return broken_by(without, interrupted);
    undisturbed = {
        .failed = without.came_back, .runs = without.judged, .not_reached = without.unknown};
  }
  print(tally, undisturbed, arguments, results);
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
      "A plan of `lastcall hunt` is replayed with its holds, and as often without them; if it is "
      "one\n"
      "of a command, --jobs and --results do not count for it.\n"
      "It first says what the plan runs. A plan is your own where lastcall wrote it for you, on\n"
      "this machine, as long as nobody changes its scenario; any other needs --trust.\n"
      "Exit code 1: the failure came back; 0: it did not.");
  command->callback([arguments, &context] { context.exit_code = replay(*arguments, context); });
}

}  // namespace lastcall::cli

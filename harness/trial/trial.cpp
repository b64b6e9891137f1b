#include "trial/trial.hpp"

#include <sys/resource.h>

#include <filesystem>
#include <utility>

#include "base/file.hpp"
#include "base/mounts.hpp"
#include "base/remove_tree.hpp"
#include "plan/plan_file.hpp"
#include "target/short_folder.hpp"
#include "trial/conduct.hpp"
#include "trial/judgement.hpp"
#include "trial/lifeline.hpp"
#include "trial/workspace.hpp"

namespace lastcall {
namespace {

namespace fs = std::filesystem;

struct OpenTrial {
  Plan plan;
  SegmentWriter segment;
  TriggerBoard board;
};

Result<OpenTrial> open_trial(const TrialOrder& order) {
  auto plan = read_plan(order.directory + "/plan.json");
  if (!plan) return plan.error();
  std::error_code ec;
  fs::create_directories(order.directory + "/segments", ec);
  auto segment = SegmentWriter::create(order.directory + "/segments/trial.seg");
  if (!segment) return segment.error();
  auto board = TriggerBoard::create();
  if (!board) return board.error();
  return OpenTrial{std::move(*plan), std::move(*segment), std::move(*board)};
}

// Removes what is not kept, with whatever the target has mounted and made immutable there; what
// cannot be removed is said, and stays.
void clean_up(const TrialOrder& order, TrialResult& result) {
  const auto note = [&result](const Result<void>& done) {
    if (!done) result.warnings.push_back(done.error().message());
    return done.has_value();
  };
  if (!result.kept) note(remove_tree(order.directory));
  // The fork server does it too, but may have been killed.
  if (!order.short_folder.empty() && note(unmount_in(order.short_folder))) {
    if (auto given = give_back(order.short_folder, order.directory);
        !given && result.broken.empty())
      result.broken = given.error().message();
    note(remove_tree(order.short_folder));
  }
  if (result.kept) note(make_removable(order.directory));
}

}  // namespace

TrialResult conduct_trial(const TrialOrder& order, int lifeline, Companions companions,
                          const SignalTrace* kills) {
  const auto begin = now();
  say_doing(lifeline, "read its plan");
  TrialResult result;
  // A crashing target is judged by how it ended; its core dump would only fill the disk.
  const rlimit no_core{0, 0};
  (void)::setrlimit(RLIMIT_CORE, &no_core);
  Nanoseconds foreign{};
  if (auto trial = open_trial(order)) {
    const auto& plan = trial->plan;
    const auto workers = companions.workers.size();
    result.seed = plan.seed;
    result.traced = plan.traced;
    result.clients = static_cast<std::uint32_t>(planned_clients(plan).size());
    Workspace workspace(order, plan);
    Conduct conduct({order, plan, workspace, lifeline, kills}, std::move(trial->segment),
                    std::move(trial->board), std::move(companions));
    result.broken = conduct.run();
    foreign = conduct.foreign_time();
    result.visits = conduct.faults().traced_counts();
    say_doing(lifeline, "judged what it had seen");
    if (result.broken.empty())
      judge_into(result, {order, plan, workspace.placeholders(), workers, lifeline});
    say_doing(lifeline, "kept or removed its files");
    result.kept = is_kept(order.keep, result);
    if (result.kept) {
      if (auto kept = workspace.preserve_files(); !kept && result.broken.empty())
        result.broken = kept.error().message();
    }
  } else {
    result.broken = trial.error().message();
    result.kept = is_kept(order.keep, result);
  }
  result.duration = now() - begin;
  result.overhead = result.duration - foreign;
  clean_up(order, result);
  if (result.kept) {
    std::error_code ec;
    const auto file = order.directory + "/verdict.json";
    if (auto written = write_regular(file, to_json(result)); !written && result.broken.empty())
      result.broken = written.error().message();
    fs::remove(order.directory + "/notify.sock", ec);
  }
  return result;
}

}  // namespace lastcall

#include "plan/planned_commands.hpp"

#include "scenario/properties/checkpoint_intact.hpp"

namespace lastcall {
namespace {

PlannedCommand process(std::string what, const Target& target,
                       const std::vector<std::string>& words) {
  return {.what = std::move(what),
          .words = words,
          .directory = target.directory,
          .user = target.user,
          .environment = target.environment};
}

}  // namespace

std::vector<PlannedCommand> planned_commands(const Plan& plan) {
  const auto& target = plan.scenario.target;
  std::vector<PlannedCommand> commands{process("target", target, target.command)};
  if (target.recovery) {
    commands.push_back(process("restarted target", target, target.recovery->command));
    if (target.recovery->ask && !target.recovery->ask->command.empty()) {
      commands.push_back(
          {.what = "question after the restart", .words = target.recovery->ask->command});
    }
  }
  for (const auto& [name, sidecar] : plan.scenario.sidecars)
    commands.push_back(process("sidecar " + name, sidecar, sidecar.command));
  const auto& inspection = settings<property::CheckpointIntact>(plan).command;
  if (!inspection.empty())
    commands.push_back({.what = "check of a checkpoint", .words = inspection});
  for (const auto& [name, checker] : plan.scenario.custom)
    commands.push_back({.what = "checker " + name, .words = checker.command});
  return commands;
}

}  // namespace lastcall

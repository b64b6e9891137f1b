// What a target may use: the limits of the scenario from its start on, and those that a fault sets
// later. Owns the cgroups and the small disk of one trial. One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fault/fault.hpp"
#include "scenario/scenario.hpp"
#include "target/cgroup.hpp"
#include "target/limited_tmpfs.hpp"

namespace lastcall {

class TargetLimits {
 public:
  // What has to be there before the target: a cgroup or the disk also if only a fault will ever
  // limit it. Mounts over `folder` before files are laid out in it. An error says what this machine
  // lacks. Nothing is limited yet by a fault.
  static Result<TargetLimits> prepare(const Limits& limits, const std::vector<Fault>& faults,
                                      const std::string& folder);

  // cgroup.procs of the groups the target belongs in.
  [[nodiscard]] std::vector<int> groups() const;
  // A fault; 0 or errno. Descriptors: the soft limit of every process of the tree, so that a later
  // fault can lift it again.
  [[nodiscard]] int set(const SetLimit& limit) const;
  // Whether the kernel has killed one of its processes for want of memory.
  [[nodiscard]] bool out_of_memory() const { return memory_ && memory_->oom_kills() > 0; }
  // Leaves copies of the small disk's files in its place, if there is one.
  Result<void> preserve_files() { return disk_ ? disk_->preserve_files() : Result<void>(); }

 private:
  TargetLimits() = default;
  std::optional<Cgroup> memory_;
  std::optional<Cgroup> cpu_;
  std::optional<LimitedTmpfs> disk_;
};

}  // namespace lastcall

#include "target/limits.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

#include "target/process_tree.hpp"

namespace lastcall {
namespace {

int limit_descriptors(std::uint64_t most) {
  int problem = ESRCH;
  for (const auto& process : descendants()) {
    if (!process.alive()) continue;
    rlimit limit{};
    if (::prlimit(process.pid, RLIMIT_NOFILE, nullptr, &limit) == 0) {
      limit.rlim_cur = most;
      limit.rlim_max = std::max<rlim_t>(limit.rlim_max, most);
      if (::prlimit(process.pid, RLIMIT_NOFILE, &limit, nullptr) == 0) {
        problem = problem == ESRCH ? 0 : problem;
        continue;
      }
    }
    if (errno != ESRCH) problem = errno;  // one that has just ended needs none
  }
  return problem;
}

Error cannot_limit(Resource resource, int problem) {
  return Error{"limit the " + std::string(name(resource)), "", problem, ""};
}

}  // namespace

Result<TargetLimits> TargetLimits::prepare(const Limits& limits, const std::vector<Fault>& faults,
                                           const std::string& folder) {
  const auto needs = [&](Resource resource, const std::optional<std::uint64_t>& limit) {
    return limit || std::ranges::any_of(faults, [&](const Fault& fault) {
             const auto* set = std::get_if<SetLimit>(&fault.act);
             return set != nullptr && set->resource == resource;
           });
  };
  TargetLimits ready;
  const bool memory = needs(Resource::memory, limits.memory);
  const bool cpu = needs(Resource::cpu, limits.cpu);
  if (memory || cpu) remove_stale_cgroups();
  if (memory) {
    auto group = Cgroup::create(Controller::memory);
    if (!group) return group.error();
    ready.memory_.emplace(std::move(*group));
    const int problem = limits.memory ? ready.memory_->limit_memory(*limits.memory) : 0;
    if (problem != 0) return cannot_limit(Resource::memory, problem);
  }
  if (cpu) {
    auto group = Cgroup::create(Controller::cpu);
    if (!group) return group.error();
    ready.cpu_.emplace(std::move(*group));
    const int problem = limits.cpu ? ready.cpu_->limit_cpu(*limits.cpu) : 0;
    if (problem != 0) return cannot_limit(Resource::cpu, problem);
  }
  if (needs(Resource::disk, limits.disk)) {
    auto disk = LimitedTmpfs::mount(folder, limits.disk.value_or(0));
    if (!disk) return disk.error();
    ready.disk_.emplace(std::move(*disk));
  }
  return ready;
}

std::vector<int> TargetLimits::groups() const {
  std::vector<int> procs;
  if (memory_) procs.push_back(memory_->procs());
  if (cpu_) procs.push_back(cpu_->procs());
  return procs;
}

int TargetLimits::set(const SetLimit& limit) const {
  switch (limit.resource) {
    case Resource::descriptors:
      return limit_descriptors(limit.value);
    case Resource::memory:
      return memory_->limit_memory(limit.value);
    case Resource::disk:
      return disk_->resize(limit.value);
    case Resource::cpu:
      return cpu_->limit_cpu(limit.value);
  }
  return EINVAL;
}

}  // namespace lastcall

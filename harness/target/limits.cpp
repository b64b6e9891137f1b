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

}  // namespace

Result<TargetLimits> TargetLimits::prepare(const Limits& limits, const std::vector<Fault>& faults,
                                           const std::string& folder) {
  const auto needs = [&](Resource resource) {
    return limits.contains(resource) || std::ranges::any_of(faults, [&](const Fault& fault) {
             const auto* set = std::get_if<SetLimit>(&fault.act);
             return set != nullptr && set->resource == resource;
           });
  };
  TargetLimits ready;
  const bool memory = needs(Resource::memory);
  const bool cpu = needs(Resource::cpu);
  if (memory || cpu) remove_stale_cgroups();
  if (memory) {
    auto group = Cgroup::create(Controller::memory);
    if (!group) return group.error();
    ready.memory_.emplace(std::move(*group));
  }
  if (cpu) {
    auto group = Cgroup::create(Controller::cpu);
    if (!group) return group.error();
    ready.cpu_.emplace(std::move(*group));
  }
  if (needs(Resource::disk)) {
    const auto limit = limits.find(Resource::disk);
    auto disk = LimitedTmpfs::mount(folder, limit == limits.end() ? 0 : limit->second);
    if (!disk) return disk.error();
    ready.disk_.emplace(std::move(*disk));
  }
  // The mount has limited the disk, and the launcher limits the descriptors.
  for (const auto& [resource, value] : limits) {
    if (resource != Resource::memory && resource != Resource::cpu) continue;
    if (const int problem = ready.set({resource, value}); problem != 0)
      return Error{"limit the " + std::string(name(resource)), "", problem, ""};
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

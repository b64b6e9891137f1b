// A control group of one controller, for one trial: cgroups(7), version 1 or 2, whichever hierarchy
// of this machine has the controller. Named lastcall-PID after the trial process, removed with the
// object; what a killed lastcall left is removed by remove_stale_cgroups().
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/names.hpp"
#include "base/result.hpp"
#include "base/scoped_fd.hpp"

namespace lastcall {

BOOST_DEFINE_FIXED_ENUM_CLASS(Controller, std::uint8_t, memory, cpu)

// Where a group of a controller can be made.
struct CgroupPlace {
  std::string folder;
  bool unified = false;  // version 2
};

// From the texts of /proc/self/mountinfo and /proc/self/cgroup. `subtree_control` gives the text of
// a folder's cgroup.subtree_control. An error says what the machine lacks.
class CgroupFiles {
 public:
  virtual ~CgroupFiles() = default;
  [[nodiscard]] virtual std::string mountinfo() const = 0;
  [[nodiscard]] virtual std::string own_groups() const = 0;
  [[nodiscard]] virtual bool is_folder(const std::string& path) const = 0;
  // A version 2 folder's: what its children are controlled by; empty if it cannot be read.
  [[nodiscard]] virtual std::string subtree_control(const std::string& folder) const = 0;
};
Result<CgroupPlace> find_cgroup_place(Controller controller, const CgroupFiles& files);
Result<CgroupPlace> find_cgroup_place(Controller controller);

class Cgroup {
 public:
  static Result<Cgroup> create(Controller controller);
  Cgroup(Cgroup&& other) noexcept;
  Cgroup& operator=(Cgroup&&) = delete;
  // Removes it; it must be empty by then, else it stays for remove_stale_cgroups().
  ~Cgroup();

  // cgroup.procs, open for writing.
  [[nodiscard]] int procs() const { return procs_.get(); }
  // Bytes. Below what is in use: the kernel reclaims what it can, and then kills (version 2) or the
  // limit is what is in use (version 1, where the kernel refuses).
  [[nodiscard]] int limit_memory(std::uint64_t bytes) const;  // 0 or errno
  // Percent of one processor.
  [[nodiscard]] int limit_cpu(std::uint64_t percent) const;  // 0 or errno
  // How many of its processes the kernel has killed for want of memory.
  [[nodiscard]] std::uint64_t oom_kills() const;

 private:
  Cgroup(std::string folder, bool unified, ScopedFd procs)
      : folder_(std::move(folder)), unified_(unified), procs_(std::move(procs)) {}
  [[nodiscard]] int write(const char* file, const std::string& text) const;
  std::string folder_;
  bool unified_;
  ScopedFd procs_;
};

// Removes the empty groups of trial processes that are gone.
void remove_stale_cgroups();

}  // namespace lastcall

// Files of a target's directory that a clean stop removes: sockets, FIFOs, pid files, lock files,
// and whatever lies in the temporary folder. The rule is by type and name (daemon(7), FHS 3.0
// section 3.15), in small or capital letters, not by content. The LOCK beside a MANIFEST-000001 is
// none: the databases that have it keep it. Something that is mounted there is left, too; it is not
// searched.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace lastcall {

struct Leftover {
  std::string path;  // relative to the directory
  std::string type;  // "socket", "FIFO", "pid file", "lock file", "temporary file", "mount"
};

struct LeftoverSearch {
  std::vector<Leftover> found;
  unsigned looked_at = 0;
  std::string problem;  // why the search is not complete; empty if it is
};

// No more are found, nor looked at, than this.
inline constexpr std::size_t kMostLeftovers = 50'000;
inline constexpr unsigned kMostLookedAt = 2'000'000;

// `laid_out`: paths that lastcall itself put there. The temporary folder is `tmp` below the
// directory. If the directory has become a link, nothing is searched: the files may be anybody's.
LeftoverSearch find_leftovers(const std::string& directory, const std::set<std::string>& laid_out);

}  // namespace lastcall

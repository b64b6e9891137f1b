// What is mounted in a folder: there a file system of somebody else begins, which may be the whole
// machine's (a bind mount of "/"), so that whoever copies, searches or removes the folder must
// stop. In the mount namespace of this process. Any thread may call these.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace lastcall {

// Where something is mounted in `folder`, or on it: absolute paths without links, in the order in
// which it was mounted, one for each mount. None if the folder is not there, or there is no /proc.
std::vector<std::string> mounts_in(const std::string& folder);

// Unmounts it, the last first, also what is in use (MNT_DETACH, umount(2)): its files are gone from
// the folder, and go where nobody else has them mounted or open. Of the mounts on the folder itself
// the first `own` stay. An error names one that stays, and why.
Result<void> unmount_in(const std::string& folder, std::size_t own = 0);

}  // namespace lastcall

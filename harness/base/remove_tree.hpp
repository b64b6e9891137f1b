// Removes a folder that somebody else has filled. Who has the rights may have mounted file systems
// in it, made files immutable or append-only (FS_IMMUTABLE_FL, FS_APPEND_FL, ioctl_iflags(2)), or
// taken away the permissions of folders. Nothing in a mounted file system is ever removed. Links
// are not followed. Nobody may be writing there any more. Any thread may call these.
#pragma once

#include <string>

#include "base/result.hpp"

namespace lastcall {

// Unmounts what is mounted there, and lifts those flags, so that whoever removes the folder one day
// can. An error names the first path that stays as it is; the others are done.
Result<void> make_removable(const std::string& folder);

// The same, and removes it. Nothing to do if it is not there. An error names what is left: all of
// it, if something stays mounted there.
Result<void> remove_tree(const std::string& folder);

}  // namespace lastcall

// Where the folders of a trial lie while it runs below deep results. A UNIX socket's path has 107
// bytes (unix(7)), and a target may put one below {dir}, below TMPDIR or below what getcwd(2) says,
// which no link makes shorter. So the folders themselves lie in a short one, with links to them in
// the results, whose places they take when the trial has ended.
#pragma once

#include <string>

#include "base/result.hpp"

namespace lastcall {

// Whether sockets below this folder, and below `tmp` in it, may get names that are too long:
// libraries add some 40 bytes to TMPDIR. By the name given, or by the one without links.
bool needs_short_name(const std::string& folder);

// Makes an empty folder, mode 0700, below /tmp, /var/tmp or XDG_RUNTIME_DIR, if possible in the
// file system of `results`. Its path has no links. Empty if none can be made.
std::string make_short_folder(const std::string& results);

// Makes `folder`, and a symbolic link to it at `place` if that is somewhere else.
Result<void> make_folder(const std::string& folder, const std::string& place);

// After the trial: what `directory` still has a link to takes the place of that link, the rest
// stays, to be removed with the short folder. In another file system it is copied as copy_tree()
// does; an error says what could not be. What is mounted there is unmounted first; if something
// stays mounted, everything stays where it is. A second time there is nothing to do.
Result<void> give_back(const std::string& short_folder, const std::string& directory);
// The same for whoever knows the short folder, if there is one, from the link to {dir} alone;
// removes that folder, too.
Result<void> give_back_linked(const std::string& directory);

}  // namespace lastcall

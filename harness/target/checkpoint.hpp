// Whether the checkpoint of a target reads back whole. The files are copied first and the copies
// inspected: opening an SQLite database after a crash changes it. Bounded: 100 files of 256 MiB.
//
// "json": the whole file is one JSON value (RFC 8259). "sqlite": PRAGMA integrity_check after
// SQLite's own recovery from the journal or write-ahead log that lies next to it; an empty file is
// an empty database to SQLite, and counts as intact.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace lastcall {

// Files below `directory` whose path, relative to it, one of the globs (fnmatch(3)) matches, in
// order of path, and for each glob without such a file the glob.
struct CheckpointFiles {
  std::vector<std::string> found;
  std::vector<std::string> missing;
  std::string problem;  // why the search is not complete; empty if it is
};
// `format` as below: the companions of an SQLite database are not files of their own.
CheckpointFiles find_checkpoints(const std::string& directory,
                                 const std::vector<std::string>& globs, const std::string& format);

// Copies a file, for "sqlite" its -wal, -journal and -shm too, into the folder `scratch`, which is
// removed and made again first. Returns the path of the copy.
Result<std::string> copy_checkpoint(const std::string& file, const std::string& scratch,
                                    const std::string& format);

// What is wrong with the copy, empty if it is intact. An error: it could not be inspected.
Result<std::string> inspect_checkpoint(const std::string& copy, const std::string& format);

}  // namespace lastcall

// Which lastcall this is. Any thread.
#pragma once

#include <string>

namespace lastcall::cli {

// "0.1.0+20261201.ef00128": the version, and of a build between two versions its commit; ".changed"
// if the source differed from that.
std::string version();

// "lastcall 0.1.0 (build id 5f0c…)". The build id is the linker's, of the program that runs:
// symbols are found by it.
std::string version_and_build();

}  // namespace lastcall::cli

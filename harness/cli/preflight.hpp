// What can be said of a program before it runs: whether it is for this machine, and whether what it
// needs to start is there. One thread; reads files, and lets the program's own dynamic loader list
// what it would load, as ldd(1) does, which executes nothing of the program.
#pragma once

#include <string>
#include <vector>

namespace lastcall::cli {

struct Preflight {
  std::string path;                   // of the file; empty: there is none
  std::string kind;                   // "x86-64", "script for /bin/sh"
  std::string build_id;               // of an ELF file that has one
  std::vector<std::string> problems;  // whole sentences without their full stop
};

// `name` as the user wrote it; without a slash it is looked for in the folders of `path`.
Preflight preflight(const std::string& name, const std::string& path);

}  // namespace lastcall::cli

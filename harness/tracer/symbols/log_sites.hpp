// Which code of a program writes a line of its output: the literals of its binary that the line
// contains, and the instructions that take their addresses. Finds literals that the code refers to
// directly (C, C++, Go) or by a table of pointers (Rust's format strings, arrays of messages); not
// those that are built at run time, nor the text that is filled into them. x86-64 only. Nothing in
// a file can make it fail: what makes no sense is left out.
//
// The idea is of Anduril (Pan et al., SOSP 2024), which instruments the source for it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tracer/symbols/elf_file.hpp"

namespace lastcall {

struct LogSite {
  std::uint64_t address = 0;  // of the instruction, the file's own
  std::size_t line = 0;       // which of the lines
  std::string text;           // the part of the line that is a literal
};

// The sites of the later lines first, and for a line those with more of its text. One site an
// instruction, for the last line that it may write. Reads the whole file: some 10 ms for 10 MB.
std::vector<LogSite> log_sites(ElfFile& file, std::span<const std::string> lines);

}  // namespace lastcall

// File and line of addresses, from debug information (libdw), of the files themselves or of their
// separate debug files below /usr/lib/debug. Costs a hundred times what a stack does: for reports.
// Nothing is fetched from elsewhere. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "tracer/symbols/elf_file.hpp"

namespace lastcall {

struct SourceLine {
  std::string file;  // empty if it is not known
  int line = 0;
  // The function that the line is in, "Auditor::join()", if the compiler put it inline into the one
  // that the address is in.
  std::string inlined{};
};

class SourceLines {
 public:
  SourceLines();
  ~SourceLines();
  SourceLines(const SourceLines&) = delete;
  SourceLines& operator=(const SourceLines&) = delete;

  // `address` is the file's own. Where only a library's function was put inline, the line is that
  // of its call.
  [[nodiscard]] SourceLine at(const std::shared_ptr<ElfFile>& file, std::uint64_t address);

 private:
  struct Opened;
  std::map<std::shared_ptr<ElfFile>, std::unique_ptr<Opened>> opened_;
};

}  // namespace lastcall

// The programs and libraries that are mapped in a process. What unwinding needs is read from the
// process' own memory, so that a file that was deleted or replaced since does not matter; symbols
// come from the mapped file if it can still be reached, also inside of a container
// (/proc/PID/map_files, /proc/PID/root). One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tracer/ptrace/mappings.hpp"
#include "tracer/ptrace/memory.hpp"
#include "tracer/stacks/frame_descriptions.hpp"
#include "tracer/symbols/elf_file.hpp"

namespace lastcall {

// The binary search table of PT_GNU_EH_FRAME (Linux Standard Base, "Exception Frames",
// .eh_frame_hdr).
struct UnwindTable {
  std::uint64_t header = 0;  // what its entries are relative to
  std::uint64_t entries = 0;
  std::uint64_t count = 0;
};

struct Module {
  // A loaded segment.
  struct Part {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;     // of what comes from the file
    std::uint64_t offset = 0;  // in the file
  };
  std::string path;         // as the process sees it
  std::uint64_t begin = 0;  // of its mappings
  std::uint64_t end = 0;
  std::vector<Part> parts;
  std::uint64_t bias = 0;  // what was added to the addresses in its file
  std::optional<UnwindTable> unwind_table;
  std::vector<FrameDescription> descriptions;  // instead of the table, where there is none
  std::shared_ptr<ElfFile> file;               // null if it cannot be reached
};

class Modules {
 public:
  // Reads what is mapped now in the process of this thread, which is alive: the first thread of a
  // process may have ended before the others, and says nothing any more. Returns whether code has
  // moved since the last time: what was learned about addresses no longer holds then.
  bool refresh(pid_t tid);

  // The module that is mapped at the address now; null if no ELF file is. Lives until code moves.
  const Module* at(std::uint64_t address, Memory& memory);
  // The same of a variable, which may lie behind what comes from the file: in .bss.
  const Module* of_variable(std::uint64_t address, Memory& memory);
  // All that have code, each once.
  std::vector<const Module*> with_code(Memory& memory);
  [[nodiscard]] bool is_executable(std::uint64_t address) const;
  // The end of what is mapped around this address; the address itself if nothing is.
  [[nodiscard]] std::uint64_t end_of(std::uint64_t address) const;

 private:
  [[nodiscard]] const Mapping* mapping_at(std::uint64_t address) const;
  // The one with the file's header, of which a part that is mapped as this mapping is fits.
  const Module* module_of(const Mapping& mapping, Memory& memory,
                          const std::function<bool(const Module::Part&)>& fits);
  const Module* module_from(const Mapping& base, Memory& memory);
  std::unique_ptr<Module> read_module(const Mapping& base, Memory& memory) const;
  // Where an offset of the file is mapped whose first page is at `base`.
  [[nodiscard]] std::uint64_t address_in(const Mapping& base, std::uint64_t offset) const;
  [[nodiscard]] std::vector<Elf64_Phdr> segments_of(const Mapping& base, Memory& memory) const;
  [[nodiscard]] std::shared_ptr<ElfFile> file_of(const Mapping& base, const Module& module,
                                                 Memory& memory) const;

  pid_t tid_ = 0;
  std::string text_;
  std::vector<Mapping> mappings_;                             // in order
  std::map<std::uint64_t, std::unique_ptr<Module>> modules_;  // by beginning; null: no ELF file
};

}  // namespace lastcall

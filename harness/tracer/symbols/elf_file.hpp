// An ELF file (elf(5)) of this machine's architecture: who made it and which function is where.
// Files are kept for the life of the process, by identity, so that many trials of one target read
// them once. May be used from any thread. A file that cannot be read or makes no sense has no
// symbols; nothing in it can make reading fail otherwise.
// libelf reads its section headers, and libdw its build id. Names and symbols are read without
// them, piece by piece: libelf reads a table of names as a whole first, 2.5 ms for the 7.5 MB of
// Node's, and the first look at all stacks of a Node process takes 4.4 ms
// (reports/evidence/stacks.md, where eu-stack has the cost of libdwfl).
#pragma once

#include <elf.h>
#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/scoped_fd.hpp"

namespace lastcall {

enum class Language : std::uint8_t { other, go, rust, node };

struct Function {
  std::uint64_t start = 0;  // in the file's own addresses
  std::string name;         // as in the source; empty if no symbol covers the address
};

class ElfFile {
 public:
  // The file behind a descriptor, or the one that is already known under its identity (device,
  // inode, size and time of change). Null if it is not an ELF file of this architecture.
  static std::shared_ptr<ElfFile> of(ScopedFd file);
  // An image that is only in memory: the vdso(7).
  static std::shared_ptr<ElfFile> in_memory(std::string image);

  // What the link editor's note says, as lower-case hexadecimal digits; empty if there is none.
  [[nodiscard]] const std::string& build_id() const { return build_id_; }
  // Whether its notes tell it from every other file: the link editor's, or Go's own.
  [[nodiscard]] bool has_id() const;
  struct Note {
    std::uint64_t address = 0;  // the file's own
    std::string bytes;
  };
  // The sections of notes that are loaded with it.
  [[nodiscard]] std::vector<Note> loaded_notes() const;
  [[nodiscard]] Language language();

  struct Extent {
    std::uint64_t address = 0;  // the file's own
    std::uint64_t size = 0;
  };
  // Where a section is loaded.
  [[nodiscard]] std::optional<Extent> loaded_section(const std::string& name) const;
  [[nodiscard]] std::optional<Extent> loaded_section_at(std::uint64_t address) const;

  // One result an address. Symbols come from .symtab, of the file itself or of its separate debug
  // file below /usr/lib/debug, else from .dynsym; of a stripped Go program from .gopclntab.
  [[nodiscard]] std::vector<Function> functions_at(std::span<const std::uint64_t> addresses);

  // Where functions begin, from the same symbols: one result a name, 0 if there is none. Names as
  // the symbols say them; "*name": any that ends so.
  [[nodiscard]] std::vector<std::uint64_t> addresses_of(std::span<const std::string_view> names);

  // Where the functions begin that are meant by a name as in the source (is_named()); parts of them
  // that the compiler has put elsewhere are none.
  [[nodiscard]] std::vector<std::uint64_t> starts_of(const std::string& function);

  struct Extended {
    std::uint64_t start = 0;  // the file's own address
    std::uint64_t size = 0;   // in bytes; 0 if the symbol does not say
    std::string name;         // as in the source
  };
  // All functions that symbols name, by address, each once; none of a Go program without symbols.
  [[nodiscard]] std::vector<Extended> functions();

  // The variable at an address of the file, from the same symbols: "accounts", "locks+0x28". Empty
  // if none is known to cover it.
  [[nodiscard]] std::string variable_at(std::uint64_t address);

  // A new descriptor of it, for libraries that read it themselves; empty if it is in memory only.
  [[nodiscard]] ScopedFd reopen() const;

 private:
  struct Section {
    std::string name;
    Elf64_Shdr header;
  };
  ElfFile(ScopedFd file, std::string image) : file_(std::move(file)), image_(std::move(image)) {}
  [[nodiscard]] bool load();
  [[nodiscard]] bool read(std::uint64_t offset, void* into, std::size_t size) const;
  [[nodiscard]] std::string block(const Section& section) const;
  [[nodiscard]] const Section* section(const std::string& name) const;
  void load_symbols();
  // Calls visit(symbol, where the table's names begin in the file) for each symbol in the tables of
  // this type.
  template <class Visit>
  void visit_symbols(std::uint32_t type, Visit visit) const;
  [[nodiscard]] bool take_symbols(const ElfFile& from, std::uint32_t type);
  [[nodiscard]] std::string symbol_name(const Elf64_Sym& symbol) const;
  [[nodiscard]] std::string text_at(std::uint64_t offset) const;
  // The table of the names of symbols_.
  [[nodiscard]] std::string symbol_names() const;
  [[nodiscard]] std::uint64_t address_of(std::string_view name, std::string_view names) const;
  [[nodiscard]] const Section* go_table() const;
  [[nodiscard]] std::uint64_t go_text() const;
  void look_up(std::vector<std::uint64_t> addresses);
  [[nodiscard]] bool contains(const char* section_name, const std::string& text) const;

  ScopedFd file_;
  std::string image_;  // instead of the file
  std::vector<Section> sections_;
  std::string build_id_;

  std::mutex mutex_;  // of all below
  std::optional<Language> language_;
  bool symbols_loaded_ = false;
  std::vector<Elf64_Sym> symbols_;           // functions, in no order
  std::shared_ptr<const ElfFile> names_in_;  // the separate debug file; null: this one
  std::uint64_t names_offset_ = 0;
  std::uint32_t symbols_type_ = SHT_NULL;  // of the table they come from
  std::unordered_map<std::uint64_t, Function> known_;
  std::unordered_map<std::uint64_t, std::string> known_variables_;
};

}  // namespace lastcall

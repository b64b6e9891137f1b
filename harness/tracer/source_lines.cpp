#include "tracer/source_lines.hpp"

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <unistd.h>

#include <utility>

namespace lastcall {
namespace {

constexpr std::size_t kMaxOpened = 64;

// libdw's own search asks servers on the network if the environment names some.
int find_debug_file(Dwfl_Module* module, void** data, const char* name, Dwarf_Addr base,
                    const char* file, const char* link, GElf_Word check, char** found) {
  return ::dwfl_build_id_find_debuginfo(module, data, name, base, file, link, check, found);
}

constexpr Dwfl_Callbacks kCallbacks{.find_elf = nullptr,
                                    .find_debuginfo = find_debug_file,
                                    .section_address = ::dwfl_offline_section_address,
                                    .debuginfo_path = nullptr};

// Clang writes no .debug_aranges, by which libdw finds the compilation unit of an address.
Dwarf_Line* search_units(Dwfl_Module* module, Dwarf_Addr address) {
  Dwarf_Addr bias = 0;
  for (auto* unit = ::dwfl_module_nextcu(module, nullptr, &bias); unit != nullptr;
       unit = ::dwfl_module_nextcu(module, unit, &bias)) {
    if (::dwarf_haspc(unit, address - bias) > 0) return ::dwarf_getsrc_die(unit, address - bias);
  }
  return nullptr;
}

}  // namespace

struct SourceLines::Opened {
  explicit Opened(const ElfFile& file) {
    auto fd = file.reopen();
    if (!fd || session == nullptr) return;
    ::dwfl_report_begin(session);
    module = ::dwfl_report_offline(session, "module", "module", fd.get());
    if (module != nullptr) (void)fd.release();  // libdw closes it
    ::dwfl_report_end(session, nullptr, nullptr);
    GElf_Addr bias = 0;
    if (module != nullptr && ::dwfl_module_getelf(module, &bias) != nullptr) shift = bias;
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() {
    if (session != nullptr) ::dwfl_end(session);
  }

  Dwfl* session = ::dwfl_begin(&kCallbacks);
  Dwfl_Module* module = nullptr;
  std::uint64_t shift = 0;  // what libdw added to the file's addresses
};

SourceLines::SourceLines() = default;
SourceLines::~SourceLines() = default;

SourceLine SourceLines::at(const std::shared_ptr<ElfFile>& file, std::uint64_t address) {
  if (!file) return {};
  if (opened_.size() > kMaxOpened) opened_.clear();
  auto& opened = opened_[file];
  if (!opened) opened = std::make_unique<Opened>(*file);
  if (opened->module == nullptr) return {};
  address += opened->shift;
  int number = 0;
  const char* name = nullptr;
  if (auto* line = ::dwfl_module_getsrc(opened->module, address)) {
    name = ::dwfl_lineinfo(line, nullptr, &number, nullptr, nullptr, nullptr);
  } else if (auto* found = search_units(opened->module, address)) {
    name = ::dwarf_linesrc(found, nullptr, nullptr);
    if (::dwarf_lineno(found, &number) != 0) name = nullptr;
  }
  return name == nullptr ? SourceLine{} : SourceLine{name, number};
}

}  // namespace lastcall

#include "tracer/symbols/source_lines.hpp"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>
#include <vector>

#include "tracer/symbols/function_names.hpp"

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

// The compilation unit of an address, and what libdw added to the unit's own addresses. Clang
// writes no .debug_aranges, by which libdw finds it.
Dwarf_Die* unit_of(Dwfl_Module* module, Dwarf_Addr address, Dwarf_Addr& bias) {
  if (auto* unit = ::dwfl_module_addrdie(module, address, &bias)) return unit;
  for (auto* unit = ::dwfl_module_nextcu(module, nullptr, &bias); unit != nullptr;
       unit = ::dwfl_module_nextcu(module, unit, &bias)) {
    if (::dwarf_haspc(unit, address - bias) > 0) return unit;
  }
  return nullptr;
}

// What contains the address in the code as it was made, the inmost first.
std::vector<Dwarf_Die> scopes_at(Dwarf_Die* unit, Dwarf_Addr address) {
  Dwarf_Die* found = nullptr;
  if (::dwarf_getscopes(unit, address, &found) <= 0) return {};
  // The outer ones of these are where an inlined function was written.
  Dwarf_Die inmost = found[0];
  std::free(found);
  found = nullptr;
  const int count = ::dwarf_getscopes_die(&inmost, &found);
  std::vector<Dwarf_Die> scopes(found, found + std::max(count, 0));
  std::free(found);
  return scopes;
}

struct FunctionName {
  std::string text;
  bool is_whole = false;  // with its scopes, which -g1 leaves out
};

FunctionName name_in(Dwarf_Die* unit, Dwarf_Die& function) {
  Dwarf_Attribute attribute{};
  if (const char* name =
          ::dwarf_formstring(::dwarf_attr_integrate(&function, DW_AT_linkage_name, &attribute)))
    return {demangle(name), true};
  constexpr std::array kWithoutScopes{DW_LANG_C, DW_LANG_C89, DW_LANG_C99, DW_LANG_C11};
  const char* name = ::dwarf_diename(&function);
  return {name == nullptr ? "" : name,
          std::ranges::count(kWithoutScopes, ::dwarf_srclang(unit)) > 0};
}

// Where an inlined function is called; nothing if the file does not say.
SourceLine call_of(Dwarf_Die* unit, Dwarf_Die& inlined) {
  Dwarf_Attribute attribute{};
  Dwarf_Word file = 0;
  Dwarf_Word line = 0;
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  if (::dwarf_formudata(::dwarf_attr(&inlined, DW_AT_call_file, &attribute), &file) != 0 ||
      ::dwarf_formudata(::dwarf_attr(&inlined, DW_AT_call_line, &attribute), &line) != 0 ||
      ::dwarf_getsrcfiles(unit, &files, &count) != 0)
    return {};
  const char* name = ::dwarf_filesrc(files, file, nullptr, nullptr);
  return name == nullptr ? SourceLine{} : SourceLine{name, static_cast<int>(line)};
}

// The line in the inmost function that is not a library's, of those that are one in another there.
void step_out_of_libraries(Dwarf_Die* unit, Dwarf_Addr address, SourceLine& line) {
  for (auto& scope : scopes_at(unit, address)) {
    if (::dwarf_tag(&scope) == DW_TAG_subprogram) return;
    if (::dwarf_tag(&scope) != DW_TAG_inlined_subroutine) continue;
    auto name = name_in(unit, scope);
    if (!is_library_function(name.text)) {
      if (name.is_whole) line.inlined = std::move(name.text);
      return;
    }
    auto call = call_of(unit, scope);
    if (call.file.empty()) return;
    line = std::move(call);
  }
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
  Dwarf_Addr bias = 0;
  auto* unit = unit_of(opened->module, address, bias);
  auto* found = unit == nullptr ? nullptr : ::dwarf_getsrc_die(unit, address - bias);
  int number = 0;
  if (found == nullptr || ::dwarf_lineno(found, &number) != 0) return {};
  const char* name = ::dwarf_linesrc(found, nullptr, nullptr);
  if (name == nullptr) return {};
  SourceLine line{name, number};
  step_out_of_libraries(unit, address - bias, line);
  return line;
}

}  // namespace lastcall

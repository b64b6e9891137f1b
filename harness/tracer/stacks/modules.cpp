#include "tracer/stacks/modules.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "base/file.hpp"

namespace lastcall {
namespace {

constexpr std::string_view kDeleted = " (deleted)";
constexpr std::string_view kVdso = "[vdso]";
// DW_EH_PE_* (Linux Standard Base, "DWARF Extensions"): the only encodings that link editors write.
constexpr std::uint8_t kPointer32RelativeToHere = 0x1b;
constexpr std::uint8_t kCount32 = 0x03;
constexpr std::uint8_t kTable32RelativeToHeader = 0x3b;
constexpr int kMaxMappingsOfAFile = 64;  // five or six, and what mprotect(2) splits off
constexpr std::size_t kLargestVdso = 1U << 20;

bool same_file(const Mapping& one, const Mapping& other) {
  return one.inode == other.inode && one.device == other.device && one.path == other.path;
}
bool same_code(const Mapping& one, const Mapping& other) {
  return one.begin == other.begin && one.end == other.end && one.offset == other.offset &&
         same_file(one, other);
}

enum class Sameness : std::uint8_t { same, perhaps, other };

// Whether it is this file that is loaded there. Its notes say so, where its sections are: segments
// of notes need not hold them all, and Go's own link editor leaves its build id out of them.
Sameness is_loaded(const ElfFile& file, std::uint64_t bias, Memory& memory) {
  for (const auto& [address, bytes] : file.loaded_notes()) {
    std::string loaded(bytes.size(), '\0');
    if (!memory.read(bias + address, std::as_writable_bytes(std::span(loaded))) || loaded != bytes)
      return Sameness::other;
  }
  return file.has_id() ? Sameness::same : Sameness::perhaps;
}

std::optional<UnwindTable> unwind_table_at(std::uint64_t header, Memory& memory) {
  const auto start = memory.get<std::array<std::uint8_t, 4>>(header);
  const auto count = memory.get<std::uint32_t>(header + 8);
  if (!start || !count ||
      *start != std::array<std::uint8_t, 4>{1, kPointer32RelativeToHere, kCount32,
                                            kTable32RelativeToHeader})
    return std::nullopt;
  return UnwindTable{.header = header, .entries = header + 12, .count = *count};
}

}  // namespace

bool Modules::refresh(pid_t tid) {
  tid_ = tid;
  auto text = read_file("/proc/" + std::to_string(tid) + "/maps");
  if (!text) text = std::string();  // it is gone: nothing is mapped
  if (*text == text_) return false;
  text_ = std::move(*text);
  auto fresh = parse_mappings(text_);
  const auto code_of = [](const std::vector<Mapping>& all) {
    std::vector<Mapping> code;
    std::ranges::copy_if(all, std::back_inserter(code), &Mapping::executable);
    return code;
  };
  const bool moved = !std::ranges::equal(code_of(fresh), code_of(mappings_), same_code);
  mappings_ = std::move(fresh);
  if (moved) modules_.clear();
  return moved;
}

const Mapping* Modules::mapping_at(std::uint64_t address) const {
  const auto after = std::ranges::upper_bound(mappings_, address, {}, &Mapping::begin);
  if (after == mappings_.begin() || address >= std::prev(after)->end) return nullptr;
  return &*std::prev(after);
}

bool Modules::is_executable(std::uint64_t address) const {
  const auto* mapping = mapping_at(address);
  return mapping != nullptr && mapping->executable;
}

std::uint64_t Modules::end_of(std::uint64_t address) const {
  const auto* mapping = mapping_at(address);
  return mapping == nullptr ? address : mapping->end;
}

const Module* Modules::at(std::uint64_t address, Memory& memory) {
  const auto* mapping = mapping_at(address);
  if (mapping == nullptr) return nullptr;
  return module_of(*mapping, memory, [&](const Module::Part& part) {
    return address >= part.begin && address < part.end;
  });
}

const Module* Modules::module_of(const Mapping& mapping, Memory& memory,
                                 const std::function<bool(const Module::Part&)>& fits) {
  if (mapping.inode == 0 && mapping.path != kVdso) return nullptr;
  // The one with the file's header comes before it. Any that begins with the file's first page
  // looks like that: LLD lets code begin there too, and a file may be mapped twice.
  const auto* base = &mapping;
  for (int i = 0; i < kMaxMappingsOfAFile; ++i, --base) {
    if (base->offset == 0 && same_file(*base, mapping)) {
      const auto* module = module_from(*base, memory);
      const auto holds = [&](const Module::Part& part) {
        return part.begin - part.offset == mapping.begin - mapping.offset && fits(part);
      };
      if (module != nullptr && std::ranges::any_of(module->parts, holds)) return module;
    }
    if (base == mappings_.data()) break;
  }
  return nullptr;
}

const Module* Modules::of_variable(std::uint64_t address, Memory& memory) {
  const auto* of_file = mapping_at(address);
  if (of_file == nullptr) return nullptr;
  while (of_file->inode == 0) {
    if (of_file == mappings_.data() || std::prev(of_file)->end != of_file->begin) return nullptr;
    --of_file;
  }
  const auto* base = of_file;
  for (int i = 0; i < kMaxMappingsOfAFile; ++i, --base) {
    if (base->offset == 0 && same_file(*base, *of_file)) {
      const auto* module = module_from(*base, memory);
      if (module != nullptr && address >= module->begin && address < module->end) return module;
    }
    if (base == mappings_.data()) break;
  }
  return nullptr;
}

std::vector<const Module*> Modules::with_code(Memory& memory) {
  std::vector<const Module*> all;
  for (const auto& mapping : mappings_) {
    if (!mapping.executable) continue;
    const auto* module = module_of(mapping, memory, [&](const Module::Part& part) {
      return part.begin < mapping.end && part.end > mapping.begin;
    });
    if (module != nullptr && std::ranges::find(all, module) == all.end()) all.push_back(module);
  }
  return all;
}

const Module* Modules::module_from(const Mapping& base, Memory& memory) {
  auto [found, is_new] = modules_.try_emplace(base.begin);
  if (is_new) found->second = read_module(base, memory);
  return found->second.get();
}

std::uint64_t Modules::address_in(const Mapping& base, std::uint64_t offset) const {
  const auto* end = mappings_.data() + mappings_.size();
  const auto* one = &base;
  for (int i = 0; i < kMaxMappingsOfAFile && one != end; ++i, ++one) {
    if (same_file(*one, base) && offset >= one->offset &&
        offset - one->offset < one->end - one->begin)
      return one->begin + (offset - one->offset);
  }
  return base.begin + offset;
}

// They follow the file's header, unless a tool that adds to programs has moved them to its end.
std::vector<Elf64_Phdr> Modules::segments_of(const Mapping& base, Memory& memory) const {
  const auto header = memory.get<Elf64_Ehdr>(base.begin);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != EM_X86_64 ||
      header->e_phentsize != sizeof(Elf64_Phdr))
    return {};
  std::vector<Elf64_Phdr> segments(header->e_phnum);
  if (!memory.read(address_in(base, header->e_phoff), std::as_writable_bytes(std::span(segments))))
    return {};
  return segments;
}

std::unique_ptr<Module> Modules::read_module(const Mapping& base, Memory& memory) const {
  const auto segments = segments_of(base, memory);
  const auto header_segment = std::ranges::find_if(segments, [](const Elf64_Phdr& one) {
    return one.p_type == PT_LOAD && one.p_offset < Memory::kPage;
  });
  if (header_segment == segments.end()) return nullptr;
  auto module = std::make_unique<Module>();
  module->path = base.path;
  if (module->path.ends_with(kDeleted)) module->path.resize(module->path.size() - kDeleted.size());
  module->begin = base.begin;
  module->bias = base.begin - (header_segment->p_vaddr - header_segment->p_offset);
  for (const auto& one : segments) {
    const auto at = module->bias + one.p_vaddr;
    if (one.p_type == PT_LOAD) {
      module->end = std::max(module->end, at + one.p_memsz);
      module->parts.push_back({at, at + one.p_filesz, one.p_offset});
    } else if (one.p_type == PT_GNU_EH_FRAME) {
      module->unwind_table = unwind_table_at(at, memory);
    }
  }
  module->file = file_of(base, *module, memory);
  if (!module->unwind_table && module->file) {
    if (const auto section = module->file->loaded_section(".eh_frame"))
      module->descriptions =
          frame_descriptions_in(module->bias + section->address, section->size, memory);
  }
  return module;
}

std::shared_ptr<ElfFile> Modules::file_of(const Mapping& base, const Module& module,
                                          Memory& memory) const {
  if (base.path == kVdso) {
    std::string image(std::min(base.end - base.begin, std::uint64_t{kLargestVdso}), '\0');
    if (!memory.read(base.begin, std::as_writable_bytes(std::span(image)))) return nullptr;
    return ElfFile::in_memory(std::move(image));
  }
  const auto process = "/proc/" + std::to_string(tid_);
  std::array<char, 64> range{};
  std::snprintf(range.data(), range.size(), "/map_files/%lx-%lx", base.begin, base.end);
  // The first is the very file, but only the privileged may open it; the others may be another one.
  const auto open = [](const std::string& path) {
    return ElfFile::of(ScopedFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)));
  };
  if (auto file = open(process + range.data())) return file;
  const auto compare = [&](const std::shared_ptr<ElfFile>& file) {
    return file ? is_loaded(*file, module.bias, memory) : Sameness::other;
  };
  auto file = open(process + "/root" + module.path);
  const auto same = compare(file);
  if (same == Sameness::same || (same == Sameness::perhaps && !base.path.ends_with(kDeleted)))
    return file;
  file = open(process + "/exe");
  return compare(file) == Sameness::same ? file : nullptr;
}

}  // namespace lastcall

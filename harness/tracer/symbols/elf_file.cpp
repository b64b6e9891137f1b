#include "tracer/symbols/elf_file.hpp"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/hex.hpp>
#include <cstring>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <tuple>

#include "base/text.hpp"
#include "tracer/symbols/function_names.hpp"
#include "tracer/symbols/go_functions.hpp"

namespace lastcall {
namespace {

// More than the targets of a campaign and all their libraries; beyond it everything is forgotten
// and read again.
constexpr std::size_t kMaxFiles = 512;
constexpr std::size_t kMaxKnown = 1U << 17;
// A browser's symbols are half of that.
constexpr std::uint64_t kLargestBlock = 512ULL << 20;
constexpr std::size_t kLongestName = 4096;
constexpr std::string_view kOldGoCall = ".abi0";
constexpr std::string_view kGoId = ".note.go.buildid";
constexpr std::uint64_t kLargestNote = 1U << 16;
constexpr std::uint64_t kLargestNotes = 16U << 20;  // all of a file; probes are notes, too

using Identity = std::tuple<dev_t, ino_t, off_t, std::int64_t, std::int64_t>;

Identity identity_of(const struct stat& info) {
  return {info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

bool is_function(const Elf64_Sym& symbol) {
  const auto type = ELF64_ST_TYPE(symbol.st_info);
  return type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE;
}

// Of several names of one function: "read" rather than "__read" or "__GI___libc_read".
bool is_better_name(const std::string& one, const std::string& other) {
  const auto underscores = [](const std::string& name) { return name.find_first_not_of('_'); };
  return std::tuple(underscores(one), one.size(), one) <
         std::tuple(underscores(other), other.size(), other);
}

}  // namespace

std::shared_ptr<ElfFile> ElfFile::of(ScopedFd file) {
  static std::mutex mutex;
  static std::map<Identity, std::shared_ptr<ElfFile>> files;
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return nullptr;
  const std::scoped_lock lock(mutex);
  const auto identity = identity_of(info);
  if (const auto found = files.find(identity); found != files.end()) return found->second;
  std::shared_ptr<ElfFile> fresh(new ElfFile(std::move(file), ""));
  if (!fresh->load()) fresh = nullptr;
  if (files.size() >= kMaxFiles) files.clear();
  return files[identity] = fresh;
}

std::shared_ptr<ElfFile> ElfFile::in_memory(std::string image) {
  std::shared_ptr<ElfFile> file(new ElfFile(ScopedFd(), std::move(image)));
  return file->load() ? file : nullptr;
}

bool ElfFile::read(std::uint64_t offset, void* into, std::size_t size) const {
  if (!file_) {
    if (offset > image_.size() || size > image_.size() - offset) return false;
    std::memcpy(into, image_.data() + offset, size);
    return true;
  }
  auto* to = static_cast<char*>(into);
  while (size > 0) {
    const auto count = ::pread(file_.get(), to, size, static_cast<off_t>(offset));
    if (count <= 0) return false;
    to += count;
    offset += static_cast<std::uint64_t>(count);
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

bool ElfFile::load() {
  Elf64_Ehdr header;
  if (!read(0, &header, sizeof header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64)
    return false;
  // Where this count is 0, libelf takes one from the first section, up to 2^32, and makes room for
  // all.
  if (header.e_shnum == 0 || header.e_shentsize != sizeof(Elf64_Shdr)) return true;
  (void)::elf_version(EV_CURRENT);
  const std::unique_ptr<Elf, decltype(&::elf_end)> elf(
      file_ ? ::elf_begin(file_.get(), ELF_C_READ, nullptr)
            : ::elf_memory(image_.data(), image_.size()),
      &::elf_end);
  std::uint64_t notes = 0;  // bytes
  for (std::size_t i = 0; i < header.e_shnum; ++i) {
    GElf_Shdr one{};
    // The first call reads the whole table. What it cannot read it would read again for each.
    if (::gelf_getshdr(::elf_getscn(elf.get(), i), &one) == nullptr) break;
    if (one.sh_type == SHT_NOTE) notes += std::min(one.sh_size, kLargestNotes + 1);
    sections_.push_back({"", one});
  }
  if (header.e_shstrndx >= sections_.size()) return true;
  const auto& names = sections_[header.e_shstrndx].header;
  for (auto& one : sections_) {
    if (one.header.sh_name < names.sh_size)
      one.name = text_at(names.sh_offset + one.header.sh_name);
  }
  // libdw keeps all notes in memory until it finds the id. Without sections it would look into the
  // segments; but then loaded_notes() has nothing to compare, and the id would tell nothing.
  if (sections_.size() < 2 || notes > kLargestNotes) return true;
  const void* id = nullptr;
  const auto size = ::dwelf_elf_gnu_build_id(elf.get(), &id);
  const auto* begin = static_cast<const unsigned char*>(id);
  if (size > 0) boost::algorithm::hex_lower(begin, begin + size, std::back_inserter(build_id_));
  return true;
}

bool ElfFile::has_id() const {
  return !build_id_.empty() || section(std::string(kGoId)) != nullptr;
}

std::vector<ElfFile::Note> ElfFile::loaded_notes() const {
  std::vector<Note> notes;
  for (const auto& one : sections_) {
    const auto& header = one.header;
    if (header.sh_type != SHT_NOTE || (header.sh_flags & SHF_ALLOC) == 0) continue;
    if (header.sh_size <= kLargestNote) notes.push_back({header.sh_addr, block(one)});
  }
  return notes;
}

std::string ElfFile::block(const Section& section) const {
  if (section.header.sh_type == SHT_NOBITS || section.header.sh_size > kLargestBlock) return {};
  struct stat info {};
  const auto size = file_ && ::fstat(file_.get(), &info) == 0
                        ? static_cast<std::uint64_t>(info.st_size)
                        : image_.size();
  if (section.header.sh_size > size) return {};
  std::string bytes(section.header.sh_size, '\0');
  return read(section.header.sh_offset, bytes.data(), bytes.size()) ? bytes : std::string();
}

const ElfFile::Section* ElfFile::section(const std::string& name) const {
  const auto found = std::ranges::find(sections_, name, &Section::name);
  return found == sections_.end() ? nullptr : &*found;
}

std::optional<ElfFile::Extent> ElfFile::loaded_section(const std::string& name) const {
  const auto* found = section(name);
  if (found == nullptr || (found->header.sh_flags & SHF_ALLOC) == 0) return std::nullopt;
  return Extent{found->header.sh_addr, found->header.sh_size};
}

std::optional<ElfFile::Extent> ElfFile::loaded_section_at(std::uint64_t address) const {
  for (const auto& [name, header] : sections_) {
    if ((header.sh_flags & SHF_ALLOC) != 0 && address - header.sh_addr < header.sh_size)
      return Extent{header.sh_addr, header.sh_size};
  }
  return std::nullopt;
}

bool ElfFile::contains(const char* section_name, const std::string& text) const {
  const auto* in = section(section_name);
  return in != nullptr && block(*in).find(text) != std::string::npos;
}

Language ElfFile::language() {
  const std::scoped_lock lock(mutex_);
  if (!language_) {
    language_ = Language::other;
    if (section(".gopclntab") != nullptr || section(std::string(kGoId)) != nullptr) {
      language_ = Language::go;
    } else if (section(".interp") != nullptr && contains(".dynstr", "napi_module_register")) {
      language_ = Language::node;
    } else if (contains(".comment", "rustc version") || contains(".rodata", "/rustc/")) {
      language_ = Language::rust;  // the latter: where its standard library was compiled, in panics
    }
  }
  return *language_;
}

ScopedFd ElfFile::reopen() const {
  if (!file_) return {};
  const auto path = "/proc/self/fd/" + std::to_string(file_.get());
  return ScopedFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

template <class Visit>
void ElfFile::visit_symbols(std::uint32_t type, Visit visit) const {
  for (const auto& one : sections_) {
    if (one.header.sh_type != type || one.header.sh_entsize != sizeof(Elf64_Sym)) continue;
    if (one.header.sh_link >= sections_.size()) continue;
    const auto names = sections_[one.header.sh_link].header.sh_offset;
    // Piece by piece: a large table as a whole would cost fresh memory twice.
    std::array<Elf64_Sym, 1024> part{};
    for (std::uint64_t at = 0; at < one.header.sh_size / sizeof(Elf64_Sym); at += part.size()) {
      const auto count = std::min(part.size(), one.header.sh_size / sizeof(Elf64_Sym) - at);
      if (!read(one.header.sh_offset + at * sizeof(Elf64_Sym), part.data(),
                count * sizeof(Elf64_Sym)))
        break;
      for (const auto& symbol : std::span(part).first(count)) visit(symbol, names);
    }
  }
}

bool ElfFile::take_symbols(const ElfFile& from, std::uint32_t type) {
  from.visit_symbols(type, [&](const Elf64_Sym& symbol, std::uint64_t names) {
    if (!is_function(symbol) || symbol.st_shndx == SHN_UNDEF ||
        symbol.st_shndx >= from.sections_.size() ||
        (from.sections_[symbol.st_shndx].header.sh_flags & SHF_EXECINSTR) == 0)
      return;
    names_offset_ = names;
    symbols_.push_back(symbol);
  });
  symbols_type_ = type;
  return !symbols_.empty();
}

void ElfFile::load_symbols() {
  if (std::exchange(symbols_loaded_, true)) return;
  if (take_symbols(*this, SHT_SYMTAB)) return;
  if (build_id_.size() > 2) {
    const auto path =
        "/usr/lib/debug/.build-id/" + build_id_.substr(0, 2) + "/" + build_id_.substr(2) + ".debug";
    auto debug = of(ScopedFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)));
    if (debug && debug.get() != this && debug->build_id_ == build_id_ &&
        take_symbols(*debug, SHT_SYMTAB)) {
      names_in_ = std::move(debug);
      return;
    }
  }
  (void)take_symbols(*this, SHT_DYNSYM);
}

std::string ElfFile::text_at(std::uint64_t offset) const {
  std::string text;
  std::array<char, 256> part{};
  while (text.size() < kLongestName) {
    auto count = part.size();
    while (count > 0 && !read(offset + text.size(), part.data(), count)) count /= 2;  // the end
    if (count == 0) return text;
    const auto* end = static_cast<const char*>(std::memchr(part.data(), '\0', count));
    text.append(part.data(), end == nullptr ? count : static_cast<std::size_t>(end - part.data()));
    if (end != nullptr) return text;
  }
  return text;
}

std::string ElfFile::symbol_name(const Elf64_Sym& symbol) const {
  auto name = (names_in_ ? *names_in_ : *this).text_at(names_offset_ + symbol.st_name);
  if (const auto version = name.find('@'); version != 0 && version != std::string::npos)
    name.resize(version);
  // Go marks functions that follow its older calling convention; its own traces do not.
  if (name.ends_with(kOldGoCall) && section(".gopclntab") != nullptr)
    name.resize(name.size() - kOldGoCall.size());
  return name;
}

// Go's own table, if it says more than the symbols: a program that was stripped keeps those of what
// C may call.
const ElfFile::Section* ElfFile::go_table() const {
  return symbols_.empty() || symbols_type_ == SHT_DYNSYM ? section(".gopclntab") : nullptr;
}

// Where Go's code begins if its table does not say: C's comes first if there is any. 0: not known.
std::uint64_t ElfFile::go_text() const {
  const auto* text = symbols_.empty() ? section(".text") : nullptr;
  return text == nullptr ? 0 : text->header.sh_addr;
}

void ElfFile::look_up(std::vector<std::uint64_t> addresses) {
  // One pass over the symbols for all addresses: sorting a large table would cost more than a look
  // at every stack does.
  std::ranges::sort(addresses);
  struct Candidates {
    std::uint64_t start = 0;
    std::vector<const Elf64_Sym*> symbols;
    void add(const Elf64_Sym& symbol) {
      if (symbol.st_value < start) return;
      if (symbol.st_value > start) symbols.clear();
      start = symbol.st_value;
      symbols.push_back(&symbol);
    }
  };
  std::vector<Candidates> covering(addresses.size());
  std::vector<Candidates> preceding(addresses.size());  // that do not say how long they are
  for (const auto& symbol : symbols_) {
    if (symbol.st_size != 0 && symbol.st_value + symbol.st_size <= addresses.front()) continue;
    const auto first = std::ranges::lower_bound(addresses, symbol.st_value);
    if (first == addresses.end()) continue;
    auto at = static_cast<std::size_t>(first - addresses.begin());
    if (symbol.st_size == 0) preceding[at].add(symbol);
    for (; at < addresses.size() && addresses[at] - symbol.st_value < symbol.st_size; ++at)
      covering[at].add(symbol);
  }
  const auto& headers = (names_in_ ? *names_in_ : *this).sections_;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (i > 0 && preceding[i].symbols.empty()) preceding[i] = preceding[i - 1];
    const auto* best = &covering[i];
    if (best->symbols.empty()) {
      std::erase_if(preceding[i].symbols, [&](const Elf64_Sym* symbol) {
        const auto& in = headers[symbol->st_shndx].header;
        return addresses[i] - in.sh_addr >= in.sh_size;
      });
      best = &preceding[i];
    }
    auto& known = known_[addresses[i]];
    known.start = best->start;
    std::string chosen;
    for (const auto* symbol : best->symbols) {
      auto name = symbol_name(*symbol);
      if (!name.empty() && (chosen.empty() || is_better_name(name, chosen)))
        chosen = std::move(name);
    }
    known.name = demangle(chosen);
  }
}

std::vector<Function> ElfFile::functions_at(std::span<const std::uint64_t> addresses) {
  const std::scoped_lock lock(mutex_);
  load_symbols();
  if (known_.size() > kMaxKnown) known_.clear();
  std::vector<std::uint64_t> unknown;
  for (const auto address : addresses) {
    if (known_.try_emplace(address).second) unknown.push_back(address);
  }
  if (const auto* table = go_table(); table != nullptr && !unknown.empty()) {
    for (auto& [address, function] : go_functions_at(block(*table), go_text(), unknown)) {
      known_[address] = std::move(function);
      std::erase(unknown, address);
    }
  }
  if (!unknown.empty() && !symbols_.empty()) look_up(std::move(unknown));
  std::vector<Function> functions;
  functions.reserve(addresses.size());
  for (const auto address : addresses) functions.push_back(known_[address]);
  return functions;
}

// `names`: the table of all. Looking for a name there first spares a look at every symbol's.
std::uint64_t ElfFile::address_of(std::string_view name, std::string_view names) const {
  const bool is_suffix = name.starts_with('*');
  const auto wanted = std::string(name.substr(is_suffix ? 1 : 0)) + '\0';
  for (auto at = names.find(wanted); at != names.npos; at = names.find(wanted, at + 1)) {
    const auto begin = is_suffix ? names.rfind('\0', at) + 1 : at;
    const auto found = std::ranges::find(symbols_, begin, &Elf64_Sym::st_name);
    if (found != symbols_.end()) return found->st_value;
  }
  return 0;
}

std::string ElfFile::symbol_names() const {
  if (symbols_.empty()) return {};
  const auto& in = names_in_ ? *names_in_ : *this;
  const auto table = std::ranges::find_if(in.sections_, [&](const Section& one) {
    return one.header.sh_type == SHT_STRTAB && one.header.sh_offset == names_offset_;
  });
  return table == in.sections_.end() ? std::string() : in.block(*table);
}

std::vector<std::uint64_t> ElfFile::addresses_of(std::span<const std::string_view> names) {
  const std::scoped_lock lock(mutex_);
  load_symbols();
  std::vector<std::uint64_t> addresses(names.size());
  if (const auto text = symbol_names(); !text.empty()) {
    std::ranges::transform(names, addresses.begin(),
                           [&](std::string_view name) { return address_of(name, text); });
  }
  if (const auto* table = go_table()) {
    for (const auto& [i, address] : go_functions_named(block(*table), go_text(), names))
      addresses[i] = address;
  }
  return addresses;
}

std::vector<std::uint64_t> ElfFile::starts_of(const std::string& function) {
  const std::scoped_lock lock(mutex_);
  load_symbols();
  const auto names = symbol_names();
  const auto word = word_of_symbol(function);
  std::set<std::uint64_t> starts;
  for (const auto& symbol : symbols_) {
    // A name may be the end of another one.
    if (word.empty() || symbol.st_name >= names.size()) continue;
    const std::string_view name = names.c_str() + symbol.st_name;
    if (name.find(word) == name.npos || name.find(".cold") != name.npos) continue;
    if (is_named(demangle(std::string(name)), function)) starts.insert(symbol.st_value);
  }
  if (const auto* table = go_table()) {
    const std::string_view name = function;
    for (const auto& [i, address] : go_functions_named(block(*table), go_text(), {&name, 1}))
      starts.insert(address);
  }
  return {starts.begin(), starts.end()};
}

std::vector<ElfFile::Extended> ElfFile::functions() {
  const std::scoped_lock lock(mutex_);
  load_symbols();
  std::map<std::uint64_t, Extended> all;
  for (const auto& symbol : symbols_) {
    auto name = symbol_name(symbol);
    if (name.empty()) continue;
    const auto [known, is_new] =
        all.try_emplace(symbol.st_value, Extended{symbol.st_value, symbol.st_size, name});
    if (!is_new && is_better_name(name, known->second.name)) known->second.name = std::move(name);
    known->second.size = std::max(known->second.size, symbol.st_size);
  }
  std::vector<Extended> functions;
  functions.reserve(all.size());
  for (auto& [start, function] : all) {
    function.name = demangle(function.name);
    functions.push_back(std::move(function));
  }
  return functions;
}

std::string ElfFile::variable_at(std::uint64_t address) {
  const std::scoped_lock lock(mutex_);
  load_symbols();
  if (known_variables_.size() > kMaxKnown) known_variables_.clear();
  const auto [known, is_new] = known_variables_.try_emplace(address);
  if (!is_new || symbols_.empty()) return known->second;
  (names_in_ ? *names_in_ : *this).visit_symbols(symbols_type_, [&](const Elf64_Sym& symbol, auto) {
    if (ELF64_ST_TYPE(symbol.st_info) != STT_OBJECT || symbol.st_shndx == SHN_UNDEF ||
        address - symbol.st_value >= symbol.st_size)
      return;
    known->second = demangle(symbol_name(symbol));
    if (address != symbol.st_value) known->second += "+" + hexadecimal(address - symbol.st_value);
  });
  return known->second;
}

}  // namespace lastcall

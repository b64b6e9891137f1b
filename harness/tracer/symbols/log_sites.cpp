#include "tracer/symbols/log_sites.hpp"

#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace lastcall {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t kShortestPart = 6;  // characters; shorter ones are in every line
constexpr std::size_t kLongestText = 400;
constexpr std::size_t kPointersOfTable = 8;

struct Part {
  std::uint64_t address = 0;
  std::string_view bytes;

  [[nodiscard]] bool covers(std::uint64_t at, std::size_t size) const {
    return at >= address && at - address < bytes.size() && bytes.size() - (at - address) >= size;
  }
};

template <class Number>
Number number_at(std::string_view bytes, std::size_t at) {
  Number number{};
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

// What of the file holds code, constants, and pointers that the dynamic linker fills in.
class Image {
 public:
  explicit Image(const ElfFile& file) : fd_(file.reopen()) {
    if (!fd_ || ::elf_version(EV_CURRENT) == EV_NONE) return;
    elf_.reset(::elf_begin(fd_.get(), ELF_C_READ, nullptr));
    GElf_Ehdr header;
    if (!elf_ || ::gelf_getehdr(elf_.get(), &header) == nullptr) return;
    is_at_fixed_place_ = header.e_type == ET_EXEC;
    for (auto* section = ::elf_nextscn(elf_.get(), nullptr); section != nullptr;
         section = ::elf_nextscn(elf_.get(), section)) {
      GElf_Shdr of_section;
      if (::gelf_getshdr(section, &of_section) != nullptr) add(section, of_section);
    }
  }

  [[nodiscard]] const std::vector<Part>& code() const { return code_; }
  // Whether its addresses are known to the compiler.
  [[nodiscard]] bool is_at_fixed_place() const { return is_at_fixed_place_; }
  // From there to the first NUL or the end of its section; empty if no constants are there.
  [[nodiscard]] std::string_view text_at(std::uint64_t address) const {
    for (const auto& part : constants_) {
      if (!part.covers(address, 1)) continue;
      const auto rest = part.bytes.substr(address - part.address, kLongestText);
      return rest.substr(0, rest.find('\0'));
    }
    return {};
  }
  // The pointer that stands there; nothing if none does.
  [[nodiscard]] std::optional<std::uint64_t> pointer_at(std::uint64_t address) const {
    if (const auto found = relocated_.find(address); found != relocated_.end())
      return found->second;
    if (!relocated_.empty()) return std::nullopt;
    for (const auto& part : pointers_) {
      if (part.covers(address, sizeof address))
        return number_at<std::uint64_t>(part.bytes, address - part.address);
    }
    return std::nullopt;
  }

 private:
  struct EndElf {
    void operator()(Elf* elf) const { ::elf_end(elf); }
  };

  void add(Elf_Scn* section, const GElf_Shdr& header) {
    if ((header.sh_flags & SHF_ALLOC) == 0 || header.sh_type == SHT_NOBITS) return;
    const auto* data = ::elf_rawdata(section, nullptr);
    if (data == nullptr || data->d_buf == nullptr) return;
    const Part part{header.sh_addr, {static_cast<const char*>(data->d_buf), data->d_size}};
    if (header.sh_type == SHT_RELA) return add_relocations(part.bytes);
    if (header.sh_type != SHT_PROGBITS) return;
    if ((header.sh_flags & SHF_EXECINSTR) != 0) {
      code_.push_back(part);
    } else if ((header.sh_flags & SHF_WRITE) != 0) {
      pointers_.push_back(part);
    } else {
      constants_.push_back(part);
      pointers_.push_back(part);
    }
  }
  void add_relocations(std::string_view bytes) {
    for (std::size_t at = 0; at + sizeof(Elf64_Rela) <= bytes.size(); at += sizeof(Elf64_Rela)) {
      const auto entry = number_at<Elf64_Rela>(bytes, at);
      if (ELF64_R_TYPE(entry.r_info) == R_X86_64_RELATIVE)
        relocated_[entry.r_offset] = static_cast<std::uint64_t>(entry.r_addend);
    }
  }

  ScopedFd fd_;
  std::unique_ptr<Elf, EndElf> elf_;
  bool is_at_fixed_place_ = false;
  std::vector<Part> code_;
  std::vector<Part> constants_;
  std::vector<Part> pointers_;
  std::unordered_map<std::uint64_t, std::uint64_t> relocated_;  // by where the pointer stands
};

// The address that an instruction at this place would take, and how long it would be: `lea` of an
// address relative to it, `mov` of one of 32 bits. Bytes that are the middle of another instruction
// may look so; hardly one of them gives the address of a text.
struct Taken {
  std::uint64_t address = 0;
  std::size_t length = 0;
};
std::optional<Taken> taken_at(const Part& code, std::size_t at, bool is_at_fixed_place) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(code.bytes[at + i]); };
  if (at + 7 <= code.bytes.size() && (byte(0) & 0xf8U) == 0x48 && byte(1) == 0x8d &&
      (byte(2) & 0xc7U) == 0x05) {
    const auto displacement = number_at<std::int32_t>(code.bytes, at + 3);
    return Taken{code.address + at + 7 + static_cast<std::uint64_t>(std::int64_t{displacement}), 7};
  }
  if (is_at_fixed_place && at + 5 <= code.bytes.size() && byte(0) >= 0xb8 && byte(0) <= 0xbf)
    return Taken{number_at<std::uint32_t>(code.bytes, at + 1), 5};
  return std::nullopt;
}

// The parts of a literal that stand in the output as they are: between the places of printf(3),
// "%-5s", and of other formats, "{:>5}".
std::vector<std::string_view> parts_of(std::string_view literal) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  const auto end_part = [&](std::size_t end, std::size_t next) {
    if (end > begin) parts.push_back(literal.substr(begin, end - begin));
    begin = next;
  };
  for (std::size_t i = 0; i < literal.size(); ++i) {
    if (literal[i] == '\n') {
      end_part(i, i + 1);
    } else if (literal[i] == '%') {
      const auto last = literal.find_first_not_of("0123456789-+ #.*lhzjtL", i + 1);
      end_part(i, last == std::string_view::npos ? literal.size() : last + 1);
      i = begin - 1;
    } else if (literal[i] == '{') {
      const auto last = literal.find('}', i);
      if (last == std::string_view::npos) continue;
      end_part(i, last + 1);
      i = last;
    }
  }
  end_part(literal.size(), literal.size());
  return parts;
}

// The longest part of the literal, if all its parts are in the line; else empty. The strings of Go
// end where their length says, and the next one follows: there it is as much as is in the line.
std::string_view common_text(std::string_view literal, std::string_view line, Language language) {
  std::string_view best;
  if (language == Language::go) {
    for (auto at = line.find(literal.substr(0, kShortestPart)); at != std::string_view::npos;
         at = line.find(literal.substr(0, kShortestPart), at + 1)) {
      const auto rest = line.substr(at);
      const auto [end, none] = std::ranges::mismatch(rest, literal);
      const auto size = static_cast<std::size_t>(end - rest.begin());
      if (size > best.size()) best = rest.substr(0, size);
    }
    return literal.size() < kShortestPart ? std::string_view{} : best;
  }
  std::size_t reached = 0;
  for (const auto part : parts_of(literal)) {
    const auto at = line.find(part, reached);
    if (at == std::string_view::npos) return {};
    reached = at + part.size();
    if (part.size() > best.size()) best = part;
  }
  return best.size() < kShortestPart ? std::string_view{} : best;
}

class Finder {
 public:
  Finder(const ElfFile& file, Language language, std::span<const std::string> lines)
      : image_(file), language_(language), lines_(lines) {}

  std::vector<LogSite> find() {
    std::vector<LogSite> sites;
    for (const auto& code : image_.code()) {
      for (std::size_t at = 0; at < code.bytes.size(); ++at) {
        const auto taken = taken_at(code, at, image_.is_at_fixed_place());
        if (!taken) continue;
        const auto& match = match_of(taken->address);
        if (match.text.empty()) continue;
        sites.push_back({code.address + at, match.line, match.text});
        at += taken->length - 1;
      }
    }
    std::ranges::stable_sort(sites, [](const LogSite& a, const LogSite& b) {
      return a.line != b.line ? a.line > b.line : a.text.size() > b.text.size();
    });
    return sites;
  }

 private:
  struct Match {
    std::size_t line = 0;
    std::string text;  // empty: none
  };

  const Match& match_of(std::uint64_t address) {
    auto [known, is_new] = matches_.try_emplace(address);
    if (!is_new) return known->second;
    auto match = match_of_text(image_.text_at(address));
    for (std::size_t i = 0; match.text.empty() && i < kPointersOfTable; ++i) {
      if (const auto pointer = image_.pointer_at(address + i * sizeof(std::uint64_t)))
        match = match_of_text(image_.text_at(*pointer));
    }
    return known->second = std::move(match);
  }
  [[nodiscard]] Match match_of_text(std::string_view literal) const {
    for (auto i = lines_.size(); i-- > 0;) {
      if (const auto text = common_text(literal, lines_[i], language_); !text.empty())
        return {i, std::string(text)};
    }
    return {};
  }

  Image image_;
  Language language_;
  std::span<const std::string> lines_;
  std::unordered_map<std::uint64_t, Match> matches_;  // by the address that is taken
};

}  // namespace

std::vector<LogSite> log_sites(ElfFile& file, std::span<const std::string> lines) {
  return Finder(file, file.language(), lines).find();
}

}  // namespace lastcall

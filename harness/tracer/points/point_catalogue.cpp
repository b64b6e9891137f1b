#include "tracer/points/point_catalogue.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <utility>

#include "tracer/ptrace/instructions.hpp"
#include "tracer/ptrace/memory.hpp"
#include "tracer/stacks/modules.hpp"

namespace lastcall {
namespace {

// Longer ones are tables or generated; their inside would drown everybody else's.
constexpr std::uint64_t kLongestLooked = 16384;
constexpr std::uint64_t kUnknownSize = 64;
constexpr int kStackPointer = 4;
constexpr int kFramePointer = 5;
// Shorter texts are in every log.
constexpr std::size_t kShortestText = 5;
constexpr std::size_t kLongestText = 64;
constexpr std::size_t kMostTexts = 32;

bool is_program(const Module& module, const std::vector<const Module*>& all) {
  return &module == all.front();
}

std::string identity_of(const Module& module) {
  return module.file ? module.file->build_id() : std::string();
}

// A breakpoint there must be left by a copy or an emulation, so some instructions are no place.
bool can_be_left(const Instruction& instruction) {
  return instruction.kind != InstructionKind::system_call &&
         instruction.kind != InstructionKind::repeated;
}

// What may be on the stack is not worth a place. `has_frame`: %rbp is where its frame begins.
bool may_be_shared(std::span<const std::uint8_t> code, bool has_frame) {
  const auto operand = memory_operand(code);
  return operand && operand->base != kStackPointer &&
         !(has_frame && operand->base == kFramePointer);
}

bool sets_up_frame(std::span<const std::uint8_t> code) {
  constexpr std::array<std::uint8_t, 3> kMove{0x48, 0x89, 0xe5};  // mov %rsp,%rbp
  return !std::ranges::search(code.first(std::min<std::size_t>(code.size(), 12)), kMove).empty();
}

void add_inside(std::vector<CodePoint>& points, const ElfFile::Extended& function,
                const std::string& module, std::span<const std::uint8_t> code) {
  bool after_call = false;
  const bool has_frame = sets_up_frame(code);
  for (std::size_t at = 0; at < code.size();) {
    const auto instruction = instruction_in(code.subspan(at));
    if (!instruction || instruction->length == 0) return;
    const bool is_atomic = instruction->kind == InstructionKind::atomic;
    const bool is_access = instruction->kind == InstructionKind::plain && !after_call &&
                           may_be_shared(code.subspan(at), has_frame);
    if (at != 0 && (is_atomic || after_call || is_access) && can_be_left(*instruction)) {
      points.push_back({.module = module,
                        .offset = function.start + at,
                        .function = function.name,
                        .within = at,
                        .kind = is_atomic    ? PointKind::atomic
                                : after_call ? PointKind::after_call
                                             : PointKind::access});
    }
    after_call = instruction->kind == InstructionKind::call;
    at += instruction->length;
  }
}

std::vector<std::uint8_t> read_code(Memory& memory, std::uint64_t address, std::uint64_t size) {
  std::vector<std::uint8_t> code(size);
  if (!memory.read(address, std::as_writable_bytes(std::span(code)))) code.clear();
  return code;
}

// Whether a rebuilt function has such an instruction as the point is at, at the same distance.
bool is_same_place(const CodePoint& point, std::span<const std::uint8_t> code) {
  bool after_call = false;
  for (std::size_t at = 0; at <= point.within && at < code.size();) {
    const auto instruction = instruction_in(code.subspan(at));
    if (!instruction || instruction->length == 0) return false;
    if (at == point.within) {
      if (point.kind == PointKind::atomic) return instruction->kind == InstructionKind::atomic;
      if (point.kind == PointKind::access) return memory_operand(code.subspan(at)).has_value();
      return point.within == 0 || after_call;
    }
    after_call = instruction->kind == InstructionKind::call;
    at += instruction->length;
  }
  return false;
}

std::string text_at(Memory& memory, std::uint64_t address) {
  std::string text;
  while (text.size() < kLongestText) {
    const auto byte = memory.get<char>(address + text.size());
    if (!byte || *byte < ' ' || *byte > '~') break;
    text += *byte;
  }
  return text;
}

void add_texts(PointCatalogue& catalogue, const ElfFile::Extended& function, std::uint64_t address,
               std::span<const std::uint8_t> code, Memory& memory) {
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < code.size() && texts.size() < kMostTexts;) {
    const auto instruction = instruction_in(code.subspan(at));
    if (!instruction || instruction->length == 0) break;
    if (const auto target = pointed_to(code.subspan(at), address + at)) {
      if (auto text = text_at(memory, *target); text.size() >= kShortestText)
        texts.push_back(std::move(text));
    }
    at += instruction->length;
  }
  if (!texts.empty()) catalogue.texts[function.name] = std::move(texts);
}

void add_own(PointCatalogue& catalogue, const Module& module, Memory& memory) {
  std::vector<CodePoint> inside;
  for (const auto& function : module.file->functions()) {
    const bool own = is_own_function(function.name, catalogue.is_go);
    const bool meets = !own && is_meeting_function(function.name, catalogue.is_go);
    if (!own && !meets) continue;
    const auto size = std::min(function.size == 0 ? kUnknownSize : function.size, kLongestLooked);
    const auto code = read_code(memory, module.bias + function.start, size);
    const auto first = instruction_in(code);
    if (!first || !can_be_left(*first)) continue;
    catalogue.points.push_back({.module = module.path,
                                .offset = function.start,
                                .function = function.name,
                                .within = 0,
                                .kind = own ? PointKind::entry : PointKind::library});
    if (!own || function.size == 0) continue;
    add_inside(inside, function, module.path, code);
    add_texts(catalogue, function, module.bias + function.start, code, memory);
  }
  std::ranges::move(inside, std::back_inserter(catalogue.points));
}

void add_library(PointCatalogue& catalogue, const Module& module, Memory& memory) {
  for (const auto& function : module.file->functions()) {
    if (!is_meeting_function(function.name, false)) continue;
    const auto code = read_code(memory, module.bias + function.start, 16);
    const auto first = instruction_in(code);
    if (!first || !can_be_left(*first)) continue;
    catalogue.points.push_back({.module = module.path,
                                .offset = function.start,
                                .function = function.name,
                                .within = 0,
                                .kind = PointKind::library});
  }
}

bool is_c_library(const std::string& path) {
  const auto name = path.substr(path.rfind('/') + 1);
  return name.starts_with("libc.so") || name.starts_with("libc-") ||
         name.starts_with("libpthread") || name.starts_with("ld-musl");
}

bool is_system_library(const std::string& path) {
  return path.starts_with("/lib") || path.starts_with("/usr/lib") || path.starts_with("[");
}

}  // namespace

PointCatalogue catalogue_of(const Tracee& thread) {
  PointCatalogue catalogue;
  Modules modules;
  Memory memory(thread.calls, thread.tid);
  (void)modules.refresh(thread.tid);
  auto all = modules.with_code(memory);
  std::erase_if(all, [](const Module* module) { return !module->file; });
  if (all.empty()) return catalogue;
  // The program is mapped where its entry is; of the others only their paths tell what they are.
  user_regs_struct registers{};
  if (thread.calls.registers(thread.tid, registers) == 0) {
    const auto main = std::ranges::find_if(all, [&](const Module* module) {
      return registers.rip >= module->begin && registers.rip < module->end;
    });
    if (main != all.end()) std::iter_swap(all.begin(), main);
  }
  catalogue.program = all.front()->path;
  catalogue.is_go = all.front()->file->language() == Language::go;
  for (const auto* module : all) {
    if (is_program(*module, all) || !is_system_library(module->path)) {
      add_own(catalogue, *module, memory);
    } else if (is_c_library(module->path)) {
      add_library(catalogue, *module, memory);
    }
    catalogue.build_ids[module->path] = identity_of(*module);
  }
  return catalogue;
}

PlacedPoints place(const std::vector<CodePoint>& points,
                   const std::map<std::string, std::string>& build_ids, const Tracee& thread) {
  PlacedPoints placed;
  Modules modules;
  Memory memory(thread.calls, thread.tid);
  (void)modules.refresh(thread.tid);
  std::map<std::string, const Module*> by_path;
  for (const auto* module : modules.with_code(memory)) by_path.emplace(module->path, module);
  std::map<const Module*, std::map<std::string, std::uint64_t>> starts;  // of rebuilt modules
  for (const auto& point : points) {
    std::uint64_t address = 0;
    if (const auto found = by_path.find(point.module); found != by_path.end()) {
      const auto& module = *found->second;
      const auto known = build_ids.find(point.module);
      if (known == build_ids.end() || known->second == identity_of(module)) {
        address = module.bias + point.offset;
      } else if (module.file && !point.function.empty()) {
        const auto [names, is_new] = starts.try_emplace(&module);
        if (is_new) {
          for (const auto& one : module.file->functions()) names->second[one.name] = one.start;
        }
        if (const auto start = names->second.find(point.function);
            start != names->second.end() &&
            is_same_place(point,
                          read_code(memory, module.bias + start->second, point.within + 16))) {
          address = module.bias + start->second + point.within;
          ++placed.moved;
        }
      }
    }
    if (address == 0) placed.missing.push_back(point_text(point));
    placed.addresses.push_back(address);
  }
  return placed;
}

}  // namespace lastcall

#include "tracer/stacks/unwinder.hpp"

#include <libunwind-x86_64.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <span>

#include "base/text.hpp"

// libunwind exports it for others that know their tables, as perf(1) does, but declares it nowhere.
extern "C" int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t, unw_word_t, unw_dyn_info_t*,
                                                  unw_proc_info_t*, int, void*);

namespace lastcall {
namespace {

// An entry of the search table, relative to the table's header.
struct TableEntry {
  std::int32_t code = 0;
  std::int32_t description = 0;
};

// "mov $15, %rax; syscall" (rt_sigreturn): where a signal handler returns to, in every C library
// and in Go (x86-64 ABI; the kernel's arch/x86/kernel/signal_64.c builds what lies on the stack).
constexpr std::array<std::uint8_t, 9> kSignalReturn{0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
constexpr std::uint64_t kSavedRegisters = 40;  // bytes: ucontext_t, up to uc_mcontext

// What a frame of one function takes at most; more than a few of such cannot be believed.
constexpr std::uint64_t kLargestFrame = 16ULL << 20;
constexpr std::uint64_t kLargestUnframed =
    4096;  // bytes of code of a function that sets up no frame

// Where libunwind finds the entry of a search table that the module lacks: of the addresses that
// are the kernel's own.
constexpr std::uint64_t kMadeEntry = 0xffffffffff000000;

// Words of memory that one stack takes. A deep one takes a tenth; expressions in damaged unwind
// information could go round in circles.
constexpr std::uint32_t kMaxAccesses = 1U << 20;

// Most threads are not deep: one read instead of one a page.
constexpr std::size_t kLikelyStack = 8192;

// The entry whose code begins last before `address`: where it lies, and nothing if there is none.
std::optional<std::uint64_t> entry_for(const UnwindTable& table, std::uint64_t address,
                                       Memory& memory) {
  const auto place = [&](std::uint64_t i) { return table.entries + i * sizeof(TableEntry); };
  const auto begin = [&](std::uint64_t i) -> std::optional<std::uint64_t> {
    const auto entry = memory.get<TableEntry>(place(i));
    if (!entry) return std::nullopt;
    return table.header + static_cast<std::uint64_t>(std::int64_t{entry->code});
  };
  std::uint64_t low = 0;
  std::uint64_t high = table.count;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    const auto at = begin(middle);
    if (!at) return std::nullopt;
    if (*at <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return std::nullopt;
  return place(low - 1);
}

const FrameDescription* description_for(const std::vector<FrameDescription>& all,
                                        std::uint64_t address) {
  const auto after = std::ranges::upper_bound(all, address, {}, &FrameDescription::begin);
  if (after == all.begin() || address >= std::prev(after)->end) return nullptr;
  return &*std::prev(after);
}

// What libunwind's callbacks are given.
struct Thread {
  user_regs_struct registers{};
  Memory& memory;
  Modules& modules;
  std::optional<std::uint64_t> not_described{};  // code without unwind information
  std::optional<std::uint64_t> unreadable{};
  std::uint32_t accesses = 0;
  TableEntry made_entry{};  // appears at kMadeEntry
};

unsigned long long* register_of(user_regs_struct& registers, unw_regnum_t number) {
  switch (number) {
    case UNW_X86_64_RAX:
      return &registers.rax;
    case UNW_X86_64_RDX:
      return &registers.rdx;
    case UNW_X86_64_RCX:
      return &registers.rcx;
    case UNW_X86_64_RBX:
      return &registers.rbx;
    case UNW_X86_64_RSI:
      return &registers.rsi;
    case UNW_X86_64_RDI:
      return &registers.rdi;
    case UNW_X86_64_RBP:
      return &registers.rbp;
    case UNW_X86_64_RSP:
      return &registers.rsp;
    case UNW_X86_64_R8:
      return &registers.r8;
    case UNW_X86_64_R9:
      return &registers.r9;
    case UNW_X86_64_R10:
      return &registers.r10;
    case UNW_X86_64_R11:
      return &registers.r11;
    case UNW_X86_64_R12:
      return &registers.r12;
    case UNW_X86_64_R13:
      return &registers.r13;
    case UNW_X86_64_R14:
      return &registers.r14;
    case UNW_X86_64_R15:
      return &registers.r15;
    case UNW_X86_64_RIP:
      return &registers.rip;
    default:
      return nullptr;
  }
}

int find_description(unw_addr_space_t space, unw_word_t address, unw_proc_info_t* found, int wanted,
                     void* context) {
  auto& thread = *static_cast<Thread*>(context);
  const auto* module = thread.modules.at(address, thread.memory);
  unw_dyn_info_t table{};
  table.format = UNW_INFO_FORMAT_REMOTE_TABLE;
  table.u.rti.table_len = sizeof(TableEntry) / sizeof(unw_word_t);
  if (module != nullptr) {
    table.start_ip = module->begin;
    table.end_ip = module->end;
    if (const auto entry = module->unwind_table
                               ? entry_for(*module->unwind_table, address, thread.memory)
                               : std::nullopt) {
      table.u.rti.segbase = module->unwind_table->header;
      table.u.rti.table_data = *entry;
    } else if (const auto* description = description_for(module->descriptions, address)) {
      thread.made_entry = {static_cast<std::int32_t>(description->begin - description->at), 0};
      table.u.rti.segbase = description->at;
      table.u.rti.table_data = kMadeEntry;
    }
  }
  int result = -UNW_ENOINFO;
  if (table.u.rti.table_data != 0)
    result = UNW_OBJ(dwarf_search_unwind_table)(space, address, &table, found, wanted, context);
  if (result == -UNW_ENOINFO) thread.not_described = address;
  return result;
}

int access_memory(unw_addr_space_t, unw_word_t address, unw_word_t* value, int write,
                  void* context) {
  auto& thread = *static_cast<Thread*>(context);
  const auto word = address == kMadeEntry ? std::bit_cast<unw_word_t>(thread.made_entry)
                                          : thread.memory.get<unw_word_t>(address);
  if (write != 0 || !word || ++thread.accesses > kMaxAccesses) {
    thread.unreadable = address;
    return -UNW_EINVAL;
  }
  *value = *word;
  return 0;
}

int access_register(unw_addr_space_t, unw_regnum_t number, unw_word_t* value, int write,
                    void* context) {
  const auto* place = register_of(static_cast<Thread*>(context)->registers, number);
  if (write != 0 || place == nullptr) return -UNW_EBADREG;
  *value = *place;
  return 0;
}

unw_accessors_t accessors() {
  unw_accessors_t all{};
  all.find_proc_info = find_description;
  all.put_unwind_info = [](unw_addr_space_t, unw_proc_info_t*, void*) {};
  all.get_dyn_info_list_addr = [](unw_addr_space_t, unw_word_t*, void*) { return -UNW_ENOINFO; };
  all.access_mem = access_memory;
  all.access_reg = access_register;
  all.access_fpreg = [](unw_addr_space_t, unw_regnum_t, unw_fpreg_t*, int, void*) {
    return -UNW_EBADREG;
  };
  all.resume = [](unw_addr_space_t, unw_cursor_t*, void*) { return -UNW_EINVAL; };
  all.get_proc_name = [](unw_addr_space_t, unw_word_t, char*, std::size_t, unw_word_t*, void*) {
    return -UNW_ENOINFO;
  };
  return all;
}

}  // namespace

struct Unwinder::AddressSpace {
  unw_accessors_t calls = accessors();
  unw_addr_space_t space = unw_create_addr_space(&calls, 0);
};

void Unwinder::Free::operator()(AddressSpace* space) const {
  if (space->space != nullptr) unw_destroy_addr_space(space->space);
  delete space;
}

Unwinder::Unwinder() : space_(new AddressSpace) {
  if (space_->space == nullptr) {
    space_.reset();
  } else {
    unw_set_caching_policy(space_->space, UNW_CACHE_GLOBAL);
  }
}

void Unwinder::forget() {
  if (space_) unw_flush_cache(space_->space, 0, 0);
  returns_from_signal_.clear();
}

// One walk down a stack. Where libunwind cannot go on, this class finds the caller's registers and
// starts libunwind again from them.
class Unwinder::Walk {
 public:
  Walk(Unwinder& owner, const user_regs_struct& registers, Memory& memory, Modules& modules)
      : owner_(owner), thread_{registers, memory, modules}, top_(registers.rsp) {}

  RawStack take() {
    if (!begin(thread_.registers.rip, false)) return std::move(stack_);
    while (step()) {
      if (stack_.frames.size() >= kMaxFrames) {
        stack_.ends_because = "more than " + std::to_string(kMaxFrames) + " frames";
        break;
      }
    }
    return std::move(stack_);
  }

 private:
  // Goes on from thread_.registers, at `address`.
  bool begin(std::uint64_t address, bool is_call) {
    add(address, is_call);
    // libunwind takes the first address as that of an interrupted instruction, and would look for a
    // call that never returns in the function behind it.
    thread_.registers.rip = is_call ? address - 1 : address;
    if (owner_.space_ && unw_init_remote(&cursor_, owner_.space_->space, &thread_) == 0)
      return true;
    stack_.ends_because = "the unwinder does not start";
    return false;
  }

  void add(std::uint64_t address, bool is_call) {
    stack_.frames.push_back({address, is_call, returns_from_signal(address)});
  }

  // To the next frame. False: there is none, and ends_because says why unless that is as it should.
  bool step() {
    const auto& frame = stack_.frames.back();
    if (frame.is_signal_return) return step_over_signal();
    thread_.not_described.reset();
    thread_.unreadable.reset();
    const unw_cursor_t before = cursor_;
    const int result = unw_step(&cursor_);
    if (thread_.not_described) {
      cursor_ = before;
      return step_by_frame_pointer();
    }
    unw_word_t address = 0;
    unw_word_t top = 0;
    if (result == 0) return false;
    if (result < 0 || unw_get_reg(&cursor_, UNW_REG_IP, &address) != 0 ||
        unw_get_reg(&cursor_, UNW_REG_SP, &top) != 0)
      return end(thread_.unreadable ? "cannot read the stack at " + hexadecimal(*thread_.unreadable)
                                    : "the unwind information at " + hexadecimal(frame.address) +
                                          " does not fit the stack");
    if (address == 0) return false;
    if (top <= top_) return end("the stack does not go on at " + hexadecimal(top));
    top_ = top;
    add(address, true);
    return true;
  }

  bool end(std::string because) {
    stack_.ends_because = std::move(because);
    return false;
  }

  bool returns_from_signal(std::uint64_t address) {
    const auto [found, is_new] = owner_.returns_from_signal_.try_emplace(address);
    if (is_new)
      found->second = thread_.memory.get<std::array<std::uint8_t, kSignalReturn.size()>>(address) ==
                      kSignalReturn;
    return found->second;
  }

  // The registers of the frame, as far as a function has to preserve them.
  void load_registers() {
    for (const auto number : {UNW_X86_64_RBX, UNW_X86_64_RBP, UNW_X86_64_RSP, UNW_X86_64_R12,
                              UNW_X86_64_R13, UNW_X86_64_R14, UNW_X86_64_R15}) {
      unw_word_t value = 0;
      if (unw_get_reg(&cursor_, number, &value) != 0) value = 0;
      *register_of(next_, number) = value;
    }
  }

  bool go_on(std::uint64_t address, bool is_call) {
    thread_.registers = next_;
    top_ = next_.rsp;
    return begin(address, is_call);
  }

  bool step_over_signal() {
    load_registers();
    // Of sigcontext (the kernel's arch/x86/include/uapi/asm/sigcontext.h), in its order.
    const auto saved =
        thread_.memory.get<std::array<std::uint64_t, 17>>(next_.rsp + kSavedRegisters);
    if (!saved) return end("cannot read the signal's registers at " + hexadecimal(next_.rsp));
    constexpr std::array kOrder{UNW_X86_64_R8,  UNW_X86_64_R9,  UNW_X86_64_R10, UNW_X86_64_R11,
                                UNW_X86_64_R12, UNW_X86_64_R13, UNW_X86_64_R14, UNW_X86_64_R15,
                                UNW_X86_64_RDI, UNW_X86_64_RSI, UNW_X86_64_RBP, UNW_X86_64_RBX,
                                UNW_X86_64_RDX, UNW_X86_64_RAX, UNW_X86_64_RCX, UNW_X86_64_RSP,
                                UNW_X86_64_RIP};
    for (std::size_t i = 0; i < kOrder.size(); ++i) *register_of(next_, kOrder[i]) = (*saved)[i];
    // A handler may run on a stack of its own, sigaltstack(2): the next one may lie anywhere.
    return go_on(next_.rip, false);
  }

  // Code without unwind information.
  bool step_by_frame_pointer() {
    const auto frame = stack_.frames.back();
    load_registers();
    // Only the innermost function, or one that a signal interrupted, may have no frame of its own:
    // because it needs none, because it is about to make it, or because nothing is there to run.
    const bool may_be_bare = !frame.is_call;
    if (may_be_bare && (was_just_called(frame.address) ||
                        (!thread_.modules.is_executable(frame.address) && returns_to(next_.rsp))))
      return return_from(next_.rsp, next_.rbp);
    const auto base = next_.rbp;
    if (base == 0 && frame.is_call) return false;  // x86-64 ABI 3.4.1: the outermost frame
    if (base >= next_.rsp && base - next_.rsp <= kLargestFrame && base % sizeof base == 0 &&
        base < thread_.modules.end_of(next_.rsp) && returns_to(base + 8)) {
      if (const auto saved = thread_.memory.get<std::uint64_t>(base))
        return return_from(base + 8, *saved);
    }
    if (may_be_bare && follows_call(next_.rsp)) return return_from(next_.rsp, next_.rbp);
    return end("no unwind information at " + hexadecimal(frame.address));
  }

  [[nodiscard]] bool returns_to(std::uint64_t place) {
    const auto address = thread_.memory.get<std::uint64_t>(place);
    return address && thread_.modules.is_executable(*address);
  }

  // Whether the word on the stack is an address behind a call instruction: "e8" with a distance, or
  // "ff" with a register or memory, 2 to 7 bytes long.
  [[nodiscard]] bool follows_call(std::uint64_t place) {
    const auto address = thread_.memory.get<std::uint64_t>(place);
    if (!address || !thread_.modules.is_executable(*address)) return false;
    const auto code = thread_.memory.get<std::array<std::uint8_t, 7>>(*address - 7);
    if (!code) return false;
    if ((*code)[2] == 0xe8) return true;
    for (std::size_t i = 0; i + 1 < code->size(); ++i) {
      if ((*code)[i] == 0xff && ((*code)[i + 1] >> 3 & 7) == 2) return true;
    }
    return false;
  }

  // Whether the top of the stack returns to a direct call of the function that `address` is in.
  [[nodiscard]] bool was_just_called(std::uint64_t address) {
    const auto back = thread_.memory.get<std::uint64_t>(next_.rsp);
    if (!back || !thread_.modules.is_executable(*back)) return false;
    const auto call = thread_.memory.get<std::uint8_t>(*back - 5);
    const auto distance = thread_.memory.get<std::int32_t>(*back - 4);
    if (call != 0xe8 || !distance) return false;
    const auto target = *back + static_cast<std::uint64_t>(std::int64_t{*distance});
    return target <= address && address - target < kLargestUnframed;
  }

  // To what the word at `place` says, above which the caller's stack begins.
  bool return_from(std::uint64_t place, std::uint64_t base) {
    const auto address = thread_.memory.get<std::uint64_t>(place);
    next_.rsp = place + sizeof(std::uint64_t);
    next_.rbp = base;
    return go_on(*address, true);
  }

  Unwinder& owner_;
  Thread thread_;
  user_regs_struct next_{};
  unw_cursor_t cursor_{};
  std::uint64_t top_;  // of the stack, at the frame; what a step leaves lies below it
  RawStack stack_;
};

RawStack Unwinder::unwind(const user_regs_struct& registers, Memory& memory, Modules& modules) {
  memory.prefetch(registers.rsp, kLikelyStack);
  return Walk(*this, registers, memory, modules).take();
}

}  // namespace lastcall

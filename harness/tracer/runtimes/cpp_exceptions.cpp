#include "tracer/runtimes/cpp_exceptions.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "tracer/symbols/function_names.hpp"

namespace lastcall {
namespace {

constexpr std::size_t kLongestText = 1000;
constexpr int kMaxBases =
    64;  // of one class, all in all; keeps damaged memory from being walked long

// Before the header of _Unwind_Exception; of a rethrown std::exception_ptr the first is the object.
struct Exception {
  std::uint64_t type = 0;
  std::uint64_t destructor = 0;
  std::uint64_t unexpected_handler = 0;
  std::uint64_t terminate_handler = 0;
  std::uint64_t next = 0;
  std::int32_t handler_count = 0;
  std::int32_t switch_value = 0;  // which entry of the type table the handler has
  std::uint64_t action_record = 0;
  std::uint64_t exception_table = 0;  // of the function with the handler
  std::uint64_t landing_pad = 0;
  std::uint64_t adjusted_object = 0;
};
constexpr std::uint64_t kHeaderSize = 32;
constexpr std::uint64_t kVendorAndLanguage = 0x432b2b;  // "C++"; before it "GNUC" or "CLNG"

constexpr std::array<std::string_view, 9> kErrors{"St11logic_error",
                                                  "St8bad_cast",
                                                  "St10bad_typeid",
                                                  "St19bad_optional_access",
                                                  "St18bad_variant_access",
                                                  "St17bad_function_call",
                                                  "St12bad_weak_ptr",
                                                  "St20bad_array_new_length",
                                                  "NSt3__117bad_function_callE"};

std::string name_of(std::uint64_t type, Memory& memory) {
  const auto name = memory.get<std::uint64_t>(type + 8);
  auto text = name ? text_at(*name, memory) : std::string();
  if (text.starts_with('*')) text.erase(0, 1);  // compared by address only
  return text;
}

// What kind of class a type describes says the class of the description: the type before its
// vtable.
std::string description_of(std::uint64_t type, Memory& memory) {
  const auto vtable = memory.get<std::uint64_t>(type);
  const auto own_type = vtable ? memory.get<std::uint64_t>(*vtable - 8) : std::nullopt;
  return own_type ? name_of(*own_type, memory) : "";
}

struct Walk {
  Memory& memory;
  bool is_error = false;
  std::optional<std::uint64_t> message_at{};  // of the object that a text is in
  int left = kMaxBases;

  void visit(std::uint64_t type, std::optional<std::uint64_t> object) {
    if (left-- <= 0) return;
    const auto name = name_of(type, memory);
    is_error |= std::ranges::find(kErrors, name) != kErrors.end();
    if (object && (name == "St11logic_error" || name == "St13runtime_error"))
      message_at = *object + 8;
    const auto description = description_of(type, memory);
    if (description.ends_with("__si_class_type_infoE")) {
      if (const auto base = memory.get<std::uint64_t>(type + 16)) visit(*base, object);
    } else if (description.ends_with("__vmi_class_type_infoE")) {
      const auto count = memory.get<std::uint32_t>(type + 20).value_or(0);
      for (std::uint32_t i = 0; i < count && left > 0; ++i) {
        const auto base =
            memory.get<std::array<std::int64_t, 2>>(type + 24 + 16 * std::uint64_t{i});
        if (!base) return;
        const bool is_virtual = ((*base)[1] & 1) != 0;
        visit(static_cast<std::uint64_t>((*base)[0]),
              is_virtual || !object
                  ? std::nullopt
                  : std::optional(*object + static_cast<std::uint64_t>((*base)[1] >> 8)));
      }
    }
  }
};

std::optional<std::uint64_t> unsigned_leb128(std::uint64_t& at, Memory& memory) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const auto byte = memory.get<std::uint8_t>(at++);
    if (!byte) return std::nullopt;
    value |= std::uint64_t{*byte & 0x7fU} << shift;
    if ((*byte & 0x80U) == 0) return value;
  }
  return std::nullopt;
}

// Whether the entry of a type table (.gcc_except_table) is that of `catch (...)`: zero.
bool is_catch_all(const Exception& exception, Memory& memory) {
  constexpr std::uint8_t kOmitted = 0xff;  // DW_EH_PE_*
  auto at = exception.exception_table;
  if (exception.switch_value <= 0) return false;
  // With a base of its own for landing pads it is no table that a C++ compiler writes.
  if (memory.get<std::uint8_t>(at++) != kOmitted) return false;
  const auto encoding = memory.get<std::uint8_t>(at++);
  if (!encoding || *encoding == kOmitted) return false;
  const auto length = unsigned_leb128(at, memory);
  if (!length) return false;
  const auto format = *encoding & 0x0fU;
  const std::uint64_t size = format == 0x03 || format == 0x0b ? 4 : 8;  // udata4, sdata4
  const auto entry = at + *length - static_cast<std::uint64_t>(exception.switch_value) * size;
  if (size == 4) return memory.get<std::uint32_t>(entry) == 0U;
  return memory.get<std::uint64_t>(entry) == 0U;
}

}  // namespace

std::string text_at(std::uint64_t address, Memory& memory) {
  std::string text;
  while (text.size() < kLongestText) {
    const auto byte = memory.get<char>(address++);
    if (!byte || *byte == '\0') break;
    text += *byte;
  }
  return text;
}

std::optional<CppException> cpp_exception_at(std::uint64_t header, Memory& memory) {
  const auto kind = memory.get<std::uint64_t>(header);
  const auto exception = memory.get<Exception>(header - sizeof(Exception));
  if (!kind || !exception || (*kind >> 8 & 0xffffff) != kVendorAndLanguage) return std::nullopt;
  const bool is_dependent = (*kind & 0xff) == 1;
  const auto object = is_dependent ? exception->type : header + kHeaderSize;
  const auto type = is_dependent
                        ? memory.get<std::uint64_t>(object - kHeaderSize - sizeof(Exception))
                        : std::optional(exception->type);
  if (!type) return std::nullopt;
  Walk walk{.memory = memory};
  walk.visit(*type, object);
  CppException result;
  // Types have the names of functions without a "_Z" that the demangler wants.
  if (const auto name = name_of(*type, memory); !name.empty()) {
    constexpr std::string_view kTypeName = "typeinfo name for ";
    result.type = demangle("_ZTS" + name);
    if (result.type.starts_with(kTypeName)) result.type.erase(0, kTypeName.size());
  }
  result.is_logic_error = walk.is_error;
  if (const auto text =
          walk.message_at ? memory.get<std::uint64_t>(*walk.message_at) : std::nullopt)
    result.what = text_at(*text, memory);
  using Handler = CppException::Handler;
  result.handler = exception->switch_value == 0       ? Handler::none
                   : is_catch_all(*exception, memory) ? Handler::catch_all
                                                      : Handler::typed;
  return result;
}

}  // namespace lastcall

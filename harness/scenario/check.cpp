#include "scenario/check.hpp"

#include <sstream>

#include "base/durations.hpp"
#include "base/nearest_name.hpp"
#include "base/signal_names.hpp"
#include "fault/syscalls.hpp"
#include "scenario/placeholders.hpp"
#include "scenario/properties.hpp"
#include "scenario/value_syntax.hpp"

namespace lastcall {
namespace {

using Type = Value::Type;

std::string_view type_name(Type type) {
  switch (type) {
    case Type::absent:
      return "nothing";
    case Type::boolean:
      return "a boolean";
    case Type::integer:
      return "an integer";
    case Type::number:
      return "a floating-point number";
    case Type::text:
      return "a string";
    case Type::date:
      return "a date or time";
    case Type::array:
      return "an array";
    case Type::table:
      return "a table";
  }
  return "";
}

std::string quoted_list(const auto& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "'" : ", '") + std::string(word) + "'";
  return text;
}

std::string what_one_is(const Key& key) {
  switch (key.kind) {
    case Kind::plain:
    case Kind::text:
    case Kind::content:
    case Kind::header:
      return "a string";
    case Kind::bytes:
      return R"(a string, with \xHH \r \n \t \0 \\ for bytes)";
    case Kind::boolean:
      return "true or false";
    case Kind::truth:
      return "true";
    case Kind::integer:
      return "an integer";
    case Kind::size:
      return R"(a number of bytes or a size such as "64MiB")";
    case Kind::duration:
      return R"(a duration such as "250ms")";
    case Kind::duration_range:
      return R"(a duration such as "250ms" or a range such as "0ms..2s")";
    case Kind::count_range:
      return R"(an integer or a range such as "1..40")";
    case Kind::choice:
      return "one of " + quoted_list(key.choices);
    case Kind::url:
      return R"(a URL such as ")" + std::string(key.choices.front()) + R"(://127.0.0.1:{port}/")";
    case Kind::port:
      return R"(a port such as "{port}")";
    case Kind::network:
      return R"(loopback addresses such as "127.0.0.0/8")";
    case Kind::pattern:
      return "a regular expression";
    case Kind::group:
      return "a regular expression with one group";
    case Kind::pointer:
      return R"(a JSON pointer such as "/order/id")";
    case Kind::signal:
      return R"(a signal name such as "SIGTERM")";
    case Kind::syscall:
      return R"(the name of a system call such as "fsync")";
    case Kind::error:
      return R"(the name of an error such as "ENOSPC")";
    case Kind::moment:
      return R"(a duration or a range of those, "measured", or with 'syscall' "entry" or "exit")";
    case Kind::end:
      return R"(an exit code from 0 to 255 or a signal name such as "SIGTERM")";
    case Kind::property:
      return "the name of a property";
    case Kind::percent:
      return R"(a percentage such as "0.1 %")";
    case Kind::date:
      return R"(a date in quotes such as "2026-12-31")";
    case Kind::table:
      if (!key.short_for.empty()) return "a string or a table, " + std::string(key.table->where);
      return key.choices.empty() ? "a table" : "a table or one of " + quoted_list(key.choices);
  }
  return "";
}

}  // namespace

std::string what_it_is(const Key& key) {
  switch (key.shape) {
    case Shape::one:
      return what_one_is(key);
    case Shape::one_or_list:
      return what_one_is(key) + ", or an array of those";
    case Shape::map:
      return "a table of named values, each " + what_one_is(key);
    case Shape::list:
      break;
  }
  if (key.kind == Kind::table && key.short_for.empty())
    return "an array of tables, " + std::string(key.table->where);
  return "an array, each item " + what_one_is(key);
}

namespace {

bool fits(const Key& key, Type type) {
  switch (key.kind) {
    case Kind::boolean:
    case Kind::truth:
      return type == Type::boolean;
    case Kind::integer:
      return type == Type::integer;
    case Kind::count_range:
    case Kind::size:
    case Kind::end:
      return type == Type::integer || type == Type::text;
    case Kind::table:
      return type == Type::table;
    default:
      return type == Type::text;
  }
}

std::string bounds_problem(const Key& key, std::int64_t value) {
  if (value >= key.low && value <= key.high) return {};
  return "must be from " + std::to_string(key.low) + " to " + std::to_string(key.high) +
         ", found " + std::to_string(value);
}

std::string duration_problem(const Key& key, const std::string& text) {
  const auto range = key.kind != Kind::duration ? parse_duration_range(text) : [&] {
    const auto one = parse_duration(text);
    return one ? std::optional(Range<Nanoseconds>{*one, *one}) : std::nullopt;
  }();
  if (!range) {
    const bool negative =
        text.starts_with('-') && parse_duration_range(std::string_view(text).substr(1));
    if (negative) return "a duration cannot be negative, found " + in_quotes(text);
    return "expected " + what_one_is(key) + ", found " + in_quotes(text);
  }
  if (range->low > range->high) return "the range is reversed: " + in_quotes(text);
  if (range->low.count() >= key.low && range->high.count() <= key.high) return {};
  return "must be from " + format_duration(Nanoseconds(key.low)) + " to " +
         format_duration(Nanoseconds(key.high)) + ", found " + in_quotes(text);
}

std::string count_problem(const Key& key, const Value& value) {
  if (value.type == Type::integer) return bounds_problem(key, value.integer);
  const auto range = parse_count_range(value.text);
  if (!range) return "expected " + what_one_is(key) + ", found " + in_quotes(value.text);
  if (range->low > range->high) return "the range is reversed: " + in_quotes(value.text);
  if (range->low >= static_cast<std::uint64_t>(key.low) &&
      range->high <= static_cast<std::uint64_t>(key.high)) {
    return {};
  }
  return "must be from " + std::to_string(key.low) + " to " + std::to_string(key.high) +
         ", found " + in_quotes(value.text);
}

std::string size_problem(const Key& key, const Value& value) {
  if (value.type == Type::integer) return bounds_problem(key, value.integer);
  const auto size = parse_size(value.text);
  if (!size) return "expected " + what_one_is(key) + ", found " + in_quotes(value.text);
  return bounds_problem(key, static_cast<std::int64_t>(*size));
}

std::string percent_problem(const Key& key, const std::string& text) {
  const auto part = parse_percent(text);
  if (!part) return "expected " + what_one_is(key) + ", found " + in_quotes(text);
  const auto millionths = *part * 1e6;
  if (millionths >= static_cast<double>(key.low) && millionths <= static_cast<double>(key.high))
    return {};
  const auto percent = [](std::int64_t bound) {
    std::ostringstream spelled;
    spelled << static_cast<double>(bound) / 1e4 << " %";
    return spelled.str();
  };
  return "must be from " + percent(key.low) + " to " + percent(key.high) + ", found " +
         in_quotes(text);
}

// With the nearest of `names`, if there is one.
std::string unknown(std::string_view what, std::string_view word,
                    const std::vector<std::string>& names, std::string_view where = "") {
  const auto near = nearest_name(word, names);
  return "unknown " + std::string(what) + " " + in_single_quotes(word) + std::string(where) +
         (near ? "; did you mean '" + *near + "'?" : "");
}

std::vector<std::string> property_names() {
  std::vector<std::string> names;
  for (const auto& property : kProperties) names.emplace_back(property.name);
  return names;
}

std::string signal_problem(const std::string& name) {
  if (signal_number(name)) return {};
  return unknown("signal", name, signal_names());
}

std::string text_problem(const Key& key, const std::string& text) {
  const bool has_length = key.kind == Kind::plain || key.kind == Kind::text ||
                          key.kind == Kind::bytes || key.kind == Kind::pattern ||
                          key.kind == Kind::group;
  if (has_length && static_cast<std::int64_t>(text.size()) < key.low) return "must not be empty";
  if (key.kind == Kind::plain && key.high > 0 && static_cast<std::int64_t>(text.size()) > key.high)
    return "must not be longer than " + std::to_string(key.high) + " characters";
  if (key.kind == Kind::content) return {};
  if (text.find('\0') != std::string::npos) return "contains a NUL byte";
  const bool filled_in = key.kind == Kind::text || key.kind == Kind::bytes ||
                         key.kind == Kind::header || key.kind == Kind::url ||
                         key.kind == Kind::port;
  if (!filled_in) return "";
  auto problem = placeholder_problem(text);
  if (problem.empty() && key.kind != Kind::bytes && !length_marks_in(text).empty())
    problem = "{" + length_marks_in(text).front() + "} is for what clients send";
  return problem;
}

std::string choice_problem(const Key& key, const std::string& word) {
  const std::vector<std::string> names(key.choices.begin(), key.choices.end());
  if (std::ranges::find(names, word) != names.end()) return {};
  const auto near = nearest_name(word, names);
  return "expected one of " + quoted_list(key.choices) + ", found " + in_single_quotes(word) +
         (near ? "; did you mean '" + *near + "'?" : "");
}

// What is wrong with one value that is neither a list nor a table; empty if nothing.
std::string problem(const Key& key, const Value& value) {
  if (!fits(key, value.type))
    return "expected " + what_it_is(key) + ", found " + std::string(type_name(value.type));
  if (value.type == Type::text) {
    if (auto text = text_problem(key, value.text); !text.empty()) return text;
  }
  switch (key.kind) {
    case Kind::truth:
      return value.boolean ? "" : "expected true, found false";
    case Kind::integer:
      return bounds_problem(key, value.integer);
    case Kind::duration:
    case Kind::duration_range:
      return duration_problem(key, value.text);
    case Kind::moment:
      return from_name<CallSide>(value.text) || value.text == kMeasured
                 ? ""
                 : duration_problem(key, value.text);
    case Kind::count_range:
      return count_problem(key, value);
    case Kind::size:
      return size_problem(key, value);
    case Kind::percent:
      return percent_problem(key, value.text);
    case Kind::date:
      return is_date(value.text)
                 ? ""
                 : "expected " + what_one_is(key) + ", found " + in_quotes(value.text);
    case Kind::choice:
      return choice_problem(key, value.text);
    case Kind::bytes:
      return bytes_problem(value.text);
    case Kind::network:
      return parse_network(value.text)
                 ? ""
                 : "expected " + what_one_is(key) + ", found " + in_quotes(value.text);
    case Kind::url:
      return url_problem(value.text, key.choices);
    case Kind::port:
      return port_problem(value.text);
    case Kind::pattern:
      return regex_problem(value.text);
    case Kind::group:
      return one_group_problem(value.text);
    case Kind::pointer:
      return pointer_problem(value.text);
    case Kind::header:
      return header_value_problem(value.text);
    case Kind::signal:
      return signal_problem(value.text);
    case Kind::syscall:
      return syscalls_of(value.text).empty() ? unknown("system call", value.text, syscall_words())
                                             : "";
    case Kind::error:
      return error_number(value.text) ? "" : unknown("error", value.text, error_names());
    case Kind::end:
      return value.type == Type::integer ? bounds_problem(key, value.integer)
                                         : signal_problem(value.text);
    case Kind::property: {
      // Whether there is such a checker is known when the whole file is.
      if (value.text.starts_with("custom.")) return word_problem(value.text.substr(7));
      const auto names = property_names();
      return std::ranges::find(names, value.text) != names.end()
                 ? ""
                 : unknown("property", value.text, names);
    }
    default:
      return {};
  }
}

void add(Value& value, std::string message, Errors& errors) {
  value.bad = true;
  errors.add(value.place, std::move(message));
}

// "strict" for { strict = true }.
void expand_word(Value& value) {
  Value yes;
  yes.type = Type::boolean;
  yes.place = value.place;
  yes.boolean = true;
  auto table = empty_table(value.place);
  table.entries.push_back({value.text, value.place, std::move(yes)});
  value = std::move(table);
}

// "*.pid" for { file = "*.pid" }.
void expand_text(std::string_view key, Value& value) {
  auto table = empty_table(value.place);
  table.entries.push_back({std::string(key), value.place, value});
  value = std::move(table);
}

void check_one(const Key& key, Value& value, Errors& errors) {
  if (key.kind == Kind::table && value.type == Type::text && !key.short_for.empty())
    expand_text(key.short_for, value);
  if (key.kind == Kind::table && value.type == Type::text && !key.choices.empty()) {
    if (auto message = choice_problem(key, value.text); !message.empty())
      return add(value, std::move(message), errors);
    expand_word(value);
  }
  if (key.kind == Kind::table && value.type == Type::table) return check(*key.table, value, errors);
  if (auto message = problem(key, value); !message.empty()) add(value, std::move(message), errors);
}

void check_list(const Key& key, Value& value, Errors& errors) {
  // An empty list is a default only where it is the default.
  if (value.items.empty() && key.fallback != "[]")
    return add(value, "the array must not be empty", errors);
  // One item is expected, not a list of lists.
  Key item_key = key;
  item_key.shape = Shape::one;
  for (auto& item : value.items) {
    check_one(item_key, item, errors);
    value.bad |= item.bad;
  }
}

void check_map(const Key& key, Value& value, Errors& errors) {
  for (auto& [name, place, item] : value.entries) {
    auto message = key.names == Names::variable ? variable_problem(name)
                   : key.names == Names::path   ? path_problem(name)
                   : key.names == Names::word   ? word_problem(name)
                   : key.names == Names::header ? header_name_problem(name)
                   : key.names == Names::choice ? choice_problem(key, name)
                                                : "";
    if (!message.empty()) errors.add(place, message);
    Key item_key = key;
    item_key.shape = Shape::one;
    check_one(item_key, item, errors);
    value.bad |= item.bad || !message.empty();
  }
}

void check_key(const Key& key, Value& value, Errors& errors) {
  const bool list = key.shape == Shape::list || key.shape == Shape::one_or_list;
  if (list && value.type == Type::array) return check_list(key, value, errors);
  if (key.shape == Shape::map && value.type == Type::table) return check_map(key, value, errors);
  if (key.shape == Shape::list || key.shape == Shape::map) {
    return add(value,
               "expected " + what_it_is(key) + ", found " + std::string(type_name(value.type)),
               errors);
  }
  check_one(key, value, errors);
}

std::string allowed(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? " (allowed: " : ", ") + name;
  return text + ")";
}

std::string unknown_key(const Table& table, std::string_view name) {
  std::vector<std::string> names;
  for (const auto& key : table.keys) {
    names.emplace_back(key.name);
    if (std::ranges::find(key.instead_of, name) != key.instead_of.end()) {
      return "unknown key " + in_single_quotes(name) + " in " + std::string(table.where) +
             "; here it is '" + std::string(key.name) + "'";
    }
  }
  if (&table == scenario_table().key("properties").table)
    return unknown("property", name, names) + allowed(names);
  const bool top = &table == &scenario_table();
  return unknown("key", name, names, (top ? " " : " in ") + std::string(table.where)) +
         allowed(names);
}

void check_together(const Table& table, Value& value, Errors& errors) {
  for (const auto& key : table.keys) {
    const auto* entry = value.find(key.name);
    if (key.required && entry == nullptr) {
      const bool top = &table == &scenario_table();
      add(value,
          "missing key '" + std::string(key.name) + "' " + (top ? "" : "in ") +
              std::string(table.where),
          errors);
    }
    if (entry == nullptr || key.with.empty() || value.find(key.with) != nullptr) continue;
    value.bad = true;
    errors.add(entry->place,
               "'" + std::string(key.name) + "' goes with '" + std::string(key.with) + "' only");
  }
  if (!table.at_least_one_of.empty() && std::ranges::none_of(table.at_least_one_of, [&](auto name) {
        return value.find(name) != nullptr;
      })) {
    add(value,
        std::string(table.where) + " takes at least one of " + quoted_list(table.at_least_one_of),
        errors);
  }
  if (table.exactly_one_of.empty()) return;
  std::vector<Place> found;
  const auto is_given = [&](auto name) { return value.find(name) != nullptr; };
  for (const auto name : table.exactly_one_of) {
    if (name == table.may_join && std::ranges::any_of(table.joins, is_given)) continue;
    if (const auto* entry = value.find(name)) found.push_back(entry->place);
  }
  if (found.size() == 1) return;
  std::ranges::sort(found, {}, [](Place place) { return std::pair(place.line, place.column); });
  value.bad = true;
  errors.add(
      found.empty() ? value.place : found[1],
      std::string(table.where) + " takes exactly one of " + quoted_list(table.exactly_one_of));
}

}  // namespace

void check(const Table& table, Value& value, Errors& errors) {
  for (auto& [name, place, child] : value.entries) {
    const auto key = std::ranges::find(table.keys, name, &Key::name);
    if (key == table.keys.end()) {
      value.bad = true;
      errors.add(place, unknown_key(table, name));
    } else {
      check_key(*key, child, errors);
      value.bad |= child.bad;
    }
  }
  check_together(table, value, errors);
}

}  // namespace lastcall

#include "scenario/toml_writer.hpp"

#include <cstdio>

namespace lastcall {
namespace {

namespace toml_writer {

bool is_bare(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

// A basic string; one of several lines if it has line feeds and may have lines.
std::string quoted(std::string_view text, bool may_have_lines) {
  const bool has_lines = may_have_lines && text.find('\n') != std::string_view::npos;
  std::string out = has_lines ? "\"\"\"\n" : "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += has_lines ? "\n" : "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04X", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + (has_lines ? "\"\"\"" : "\"");
}

std::string key(std::string_view name) {
  return is_bare(name) ? std::string(name) : quoted(name, false);
}

bool is_number_or_date(const Value& value) {
  return value.type == Value::Type::number || value.type == Value::Type::date ||
         value.type == Value::Type::absent;
}

// On one line, but for long texts outside of other values.
std::string in_line(const Value& value, bool is_inside = true) {
  switch (value.type) {
    case Value::Type::boolean:
      return value.boolean ? "true" : "false";
    case Value::Type::integer:
      return std::to_string(value.integer);
    case Value::Type::text:
      return quoted(value.text, !is_inside);
    case Value::Type::array: {
      std::string text;
      for (const auto& item : value.items) {
        if (!is_number_or_date(item)) text += (text.empty() ? "" : ", ") + in_line(item);
      }
      return "[" + text + "]";
    }
    case Value::Type::table: {
      std::string text;
      for (const auto& [name, place, child] : value.entries) {
        if (!is_number_or_date(child))
          text += (text.empty() ? " " : ", ") + key(name) + " = " + in_line(child);
      }
      return "{" + text + " }";
    }
    default:
      return "\"\"";
  }
}

bool is_list_of_tables(const Value& value) {
  return value.type == Value::Type::array && !value.items.empty() &&
         std::ranges::all_of(value.items,
                             [](const Value& item) { return item.type == Value::Type::table; });
}

void write(const Value& table, const std::string& path, std::string& out) {
  for (const auto& [name, place, value] : table.entries) {
    const bool has_header = value.type == Value::Type::table || is_list_of_tables(value);
    if (!has_header && !is_number_or_date(value))
      out += key(name) + " = " + in_line(value, false) + "\n";
  }
  for (const auto& [name, place, value] : table.entries) {
    const auto own = path + (path.empty() ? "" : ".") + key(name);
    if (value.type == Value::Type::table) {
      out += "\n[" + own + "]\n";
      write(value, own, out);
    } else if (is_list_of_tables(value)) {
      for (const auto& item : value.items) {
        out += "\n[[" + own + "]]\n";
        write(item, own, out);
      }
    }
  }
}

}  // namespace toml_writer
}  // namespace

std::string to_toml(const Value& table) {
  std::string out;
  toml_writer::write(table, "", out);
  return out;
}

}  // namespace lastcall

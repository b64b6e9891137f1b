// The only file that sees toml++, whose header takes seconds to compile.
#include <toml++/toml.h>

#include "scenario/document.hpp"

namespace lastcall {
namespace {

// Far above any scenario; they keep memory and the recursion over the tree small. toml++ itself
// limits the nesting of values to 256 but not the length of dotted keys, each part of which is one
// more table.
constexpr std::size_t kLargestFile = 4U << 20U;
constexpr unsigned kMaxDots = 8;

Place place_of(const toml::source_region& source) {
  return {std::max<unsigned>(source.begin.line, 1), std::max<unsigned>(source.begin.column, 1)};
}

// The end of the string that begins at `at`, or the end of the text.
std::size_t skip_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const std::string triple(3, quote);
  const bool long_form = text.substr(at).starts_with(triple);
  const std::string_view end = long_form ? std::string_view(triple) : std::string_view(&quote, 1);
  for (at += end.size(); at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (text.substr(at).starts_with(end)) {
      return at + end.size();
    } else if (!long_form && text[at] == '\n') {
      return at;  // not closed: the parser says so
    }
  }
  return text.size();
}

// True when a key has more parts than toml++ can be trusted with. Knows just enough of TOML to tell
// dots of keys from those of strings and comments.
bool has_endless_key(std::string_view text, Place& place) {
  unsigned dots = 0;
  unsigned line = 1;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      const std::size_t end = skip_string(text, at);
      line += static_cast<unsigned>(std::ranges::count(text.substr(at, end - at), '\n'));
      at = end;
      continue;
    }
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    if (c == '\n') ++line;
    if (c == '.') {
      if (++dots > kMaxDots) {
        place = {line, 1};
        return true;
      }
    } else if (c == '\n' || c == '=' || c == ',') {
      dots = 0;
    }
    ++at;
  }
  return false;
}

Value convert(const toml::node& node);

Value convert_table(const toml::table& table) {
  Value value = empty_table(place_of(table.source()));
  for (const auto& [key, child] : table) {
    value.entries.push_back({std::string(key.str()), place_of(key.source()), convert(child)});
  }
  return value;
}

Value convert(const toml::node& node) {
  if (const auto* table = node.as_table()) return convert_table(*table);
  Value value;
  value.place = place_of(node.source());
  if (const auto* array = node.as_array()) {
    value.type = Value::Type::array;
    for (const auto& item : *array) value.items.push_back(convert(item));
  } else if (const auto* text = node.as_string()) {
    value.type = Value::Type::text;
    value.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    value.type = Value::Type::integer;
    value.integer = integer->get();
  } else if (const auto* boolean = node.as_boolean()) {
    value.type = Value::Type::boolean;
    value.boolean = boolean->get();
  } else {
    value.type = node.is_floating_point() ? Value::Type::number : Value::Type::date;
  }
  return value;
}

}  // namespace

Value read_toml(std::string_view text, Errors& errors) {
  Place place;
  if (text.size() > kLargestFile) {
    errors.add(place, "the file is larger than 4 MiB");
  } else if (has_endless_key(text, place)) {
    errors.add(place, "a key of more than " + std::to_string(kMaxDots + 1) + " dotted parts");
  } else {
    try {
      return convert_table(toml::parse(text));
    } catch (const toml::parse_error& error) {
      errors.add(place_of(error.source()), std::string(error.description()));
    }
  }
  return empty_table();
}

}  // namespace lastcall

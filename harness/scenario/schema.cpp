// Writes the JSON Schema from the description of the keys. What two keys say together is in the
// descriptions, except for the simple forms that the description of a table has itself.
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "fault/syscalls.hpp"
#include "scenario/keys.hpp"
#include "scenario/parse.hpp"
#include "scenario/pretty_json.hpp"
#include "scenario/properties.hpp"
#include "scenario/value_syntax.hpp"

namespace lastcall {
namespace {

namespace json = boost::json;

constexpr std::string_view kDuration = "[0-9]+(\\.[0-9]{1,9})?(ns|us|ms|s|m|h)";
constexpr std::string_view kHost =
    "(127\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}|localhost|\\[::1\\])";
constexpr std::string_view kPort = "(\\{port(\\.[a-z][a-z0-9_-]*)?\\}|0*[1-9][0-9]{0,4})";
// RFC 9110, sections 5.1 and 5.5, and RFC 6901.
constexpr std::string_view kHeaderName = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
constexpr std::string_view kHeaderValue =
    "([^\\x00-\\x20\\x7F]([^\\x00-\\x08\\x0A-\\x1F\\x7F]*[^\\x00-\\x20\\x7F])?)?";
constexpr std::string_view kPointer = "(/([^~]|~[01])*)?";

std::string whole(std::string_view pattern) { return "^" + std::string(pattern) + "$"; }

json::object text_pattern(const std::string& pattern) {
  return {{"type", "string"}, {"pattern", pattern}};
}

json::object bounded_integer(const Key& key) {
  return {{"type", "integer"}, {"minimum", key.low}, {"maximum", key.high}};
}

json::object definition(std::string_view name) {
  return {{"$ref", "#/$defs/" + std::string(name)}};
}

json::object words(const auto& list) {
  json::array names;
  for (const auto& word : list) names.emplace_back(std::string_view(word));
  return {{"type", "string"}, {"enum", std::move(names)}};
}

json::object url(const Key& key) {
  std::string schemes;
  for (const auto scheme : key.choices)
    schemes += (schemes.empty() ? "" : "|") + std::string(scheme);
  return text_pattern("^(" + schemes + ")://" + std::string(kHost) + "(:" + std::string(kPort) +
                      ")?([/?#][^\\x00-\\x20\\x7F]*)?$");
}

json::object table_schema(const Table& table);

json::object one(const Key& key) {
  switch (key.kind) {
    case Kind::plain:
    case Kind::text:
    case Kind::bytes:
    case Kind::content: {
      json::object text{{"type", "string"}};
      if (key.low > 0) text["minLength"] = key.low;
      if (key.high > 0) text["maxLength"] = key.high;
      return text;
    }
    case Kind::header:
      return text_pattern(whole(kHeaderValue));
    case Kind::pointer:
      return text_pattern(whole(kPointer));
    case Kind::boolean:
      return {{"type", "boolean"}};
    case Kind::truth:
      return {{"const", true}};
    case Kind::integer:
      return bounded_integer(key);
    case Kind::size:
      return {{"anyOf", {bounded_integer(key), text_pattern("^[0-9]{1,10}(KiB|MiB|GiB)?$")}}};
    case Kind::duration:
      return definition("duration");
    case Kind::duration_range:
      return definition("duration_range");
    case Kind::count_range:
      return {{"anyOf", {bounded_integer(key), text_pattern("^[0-9]+\\.\\.[0-9]+$")}}};
    case Kind::choice:
      return words(key.choices);
    case Kind::url:
      return url(key);
    case Kind::port:
      return text_pattern(whole(kPort));
    case Kind::network:
      return text_pattern("^127(\\.[0-9]{1,3}){3}(/[0-9]{1,2})?$");
    case Kind::pattern:
    case Kind::group: {
      json::object pattern{{"type", "string"}, {"maxLength", 1000}};
      if (key.low > 0) pattern["minLength"] = key.low;
      return pattern;
    }
    case Kind::signal:
      return definition("signal");
    case Kind::syscall:
      return words(syscall_words());
    case Kind::error:
      return words(error_names());
    case Kind::moment:
      return {{"anyOf",
               {definition("duration_range"),
                words(std::array{name(CallSide::entry), name(CallSide::exit), kMeasured})}}};
    case Kind::end:
      return {{"anyOf", {bounded_integer(key), definition("signal")}}};
    case Kind::percent:
      return text_pattern("^[0-9]{1,3}(\\.[0-9]{1,9})? ?%$");
    case Kind::date:
      return text_pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}$");
    case Kind::property: {
      json::array names;
      for (const auto& property : kProperties) names.emplace_back(property.name);
      return {{"anyOf",
               {json::object{{"type", "string"}, {"enum", std::move(names)}},
                text_pattern("^custom\\.[a-z][a-z0-9_-]*$")}}};
    }
    case Kind::table: {
      auto table = table_schema(*key.table);
      if (!key.short_for.empty())
        return {{"anyOf", {one(key.table->key(key.short_for)), std::move(table)}}};
      if (key.choices.empty()) return table;
      return {{"anyOf", {std::move(table), words(key.choices)}}};
    }
  }
  return {};
}

json::object map_schema(const Key& key) {
  json::object schema{{"type", "object"}, {"additionalProperties", one(key)}};
  if (key.names == Names::variable) schema["propertyNames"] = {{"pattern", "^[^=]+$"}};
  if (key.names == Names::path) {
    schema["propertyNames"] = {{"pattern", "^(?!/)(?!(.*/)?\\.{1,2}(/|$)).*[^/]$"}};
  }
  if (key.names == Names::word) schema["propertyNames"] = {{"pattern", "^[a-z][a-z0-9_-]*$"}};
  if (key.names == Names::header) schema["propertyNames"] = {{"pattern", whole(kHeaderName)}};
  if (key.names == Names::choice) schema["propertyNames"] = words(key.choices);
  return schema;
}

json::object key_schema(const Key& key) {
  json::object list{{"type", "array"}};
  json::object schema;
  switch (key.shape) {
    case Shape::one:
      schema = one(key);
      break;
    case Shape::map:
      schema = map_schema(key);
      break;
    case Shape::list:
    case Shape::one_or_list:
      list["items"] = one(key);
      if (key.fallback != "[]") list["minItems"] = 1;
      if (key.shape == Shape::list) {
        schema = std::move(list);
      } else {
        schema = {{"anyOf", {one(key), std::move(list)}}};
      }
  }
  schema["description"] = key.about;
  if (!key.fallback.empty()) schema["default"] = json::parse(key.fallback);
  return schema;
}

json::object table_schema(const Table& table) {
  json::object properties;
  json::array required;
  json::object dependent;
  json::array alternatives;
  for (const auto& key : table.keys) {
    properties[key.name] = key_schema(key);
    if (key.required) required.emplace_back(key.name);
    if (!key.with.empty()) dependent[key.name] = json::array{json::value(key.with)};
  }
  for (const auto name : table.exactly_one_of) {
    json::object alternative{{"required", json::array{json::value(name)}}};
    if (name == table.may_join) {
      json::array others;
      for (const auto other : table.joins)
        others.emplace_back(json::object{{"required", json::array{json::value(other)}}});
      alternative["not"] = json::object{{"anyOf", std::move(others)}};
    }
    alternatives.push_back(std::move(alternative));
  }
  json::array any;
  for (const auto name : table.at_least_one_of)
    any.emplace_back(json::object{{"required", json::array{json::value(name)}}});
  json::object schema{{"type", "object"}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  if (!any.empty()) schema["anyOf"] = std::move(any);
  if (!alternatives.empty()) schema["oneOf"] = std::move(alternatives);
  if (!dependent.empty()) schema["dependentRequired"] = std::move(dependent);
  schema["properties"] = std::move(properties);
  return schema;
}

}  // namespace

std::string scenario_schema() {
  json::object schema{
      {"$schema", "https://json-schema.org/draft/2020-12/schema"},
      {"title", "A lastcall scenario"},
      {"description",
       "What is run, what keeps it busy, how and when it is told to stop, and what is judged."}};
  for (auto& member : table_schema(scenario_table())) schema[member.key()] = member.value();
  auto duration = text_pattern(whole(kDuration));
  duration["description"] = "A number and a unit, ns, us, ms, s, m or h: \"250ms\". At most 24h.";
  auto range =
      text_pattern("^" + std::string(kDuration) + "(\\.\\." + std::string(kDuration) + ")?$");
  range["description"] =
      "A duration, or two that are the ends of a range to draw from: \"0ms..2s\".";
  auto signal = words(signal_names());
  signal["description"] = "The name of a signal, see signal(7).";
  schema["$defs"] = {{"duration", std::move(duration)},
                     {"duration_range", std::move(range)},
                     {"signal", std::move(signal)}};
  return pretty_json(schema);
}

}  // namespace lastcall

#include "search/hunt_json.hpp"

#include <algorithm>
#include <array>

#include "base/durations.hpp"

namespace lastcall::hunt_json {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 5> kPointKinds{"entry", "atomic", "access", "after-call",
                                                      "library"};
constexpr std::array<std::string_view, 3> kPhases{"start", "run", "stop"};
constexpr std::size_t kMostPoints = 100'000;

template <class Enum>
Enum one_of(const json::object& object, std::string_view key, const auto& words) {
  const auto word = get<std::string>(object, key);
  const auto found = std::ranges::find(words, word);
  if (found == words.end())
    throw std::runtime_error("\"" + std::string(key) + "\" cannot be \"" + word + "\"");
  return static_cast<Enum>(found - words.begin());
}

}  // namespace

const json::value& at(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  if (found == nullptr) throw std::runtime_error("it has no \"" + std::string(key) + "\"");
  return *found;
}

Nanoseconds duration(const json::object& object, std::string_view key) {
  const auto text = get<std::string>(object, key);
  const auto found = parse_duration(text);
  if (!found) throw std::runtime_error("\"" + std::string(key) + "\" is no duration: " + text);
  return *found;
}

const json::object& object_in(const json::value& value, const char* what) {
  if (!value.is_object()) throw std::runtime_error(std::string(what) + " is no object");
  return value.get_object();
}

const json::array& list_in(const json::object& object, std::string_view key) {
  const auto& value = at(object, key);
  if (!value.is_array() || value.get_array().size() > kMostPoints)
    throw std::runtime_error("\"" + std::string(key) + "\" is no list, or too long");
  return value.get_array();
}

json::value json_of(const CodePoint& point) {
  return json::object{{"module", point.module},
                      {"offset", point.offset},
                      {"function", point.function},
                      {"within", point.within},
                      {"kind", kPointKinds[static_cast<std::size_t>(point.kind)]}};
}

CodePoint point_in(const json::value& value) {
  const auto& object = object_in(value, "a point");
  return {.module = get<std::string>(object, "module"),
          .offset = get<std::uint64_t>(object, "offset"),
          .function = get<std::string>(object, "function"),
          .within = get<std::uint64_t>(object, "within"),
          .kind = one_of<PointKind>(object, "kind", kPointKinds)};
}

std::string_view name_of(HuntPhase phase) { return kPhases[static_cast<std::size_t>(phase)]; }

HuntPhase phase_in(const json::object& object) {
  return one_of<HuntPhase>(object, "phase", kPhases);
}

}  // namespace lastcall::hunt_json

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <type_traits>

#include "history/event_fields.hpp"
#include "history/history.hpp"
#include "history/utf8.hpp"

namespace lastcall {
namespace {

namespace json = boost::json;

template <class T>
json::value to_value(const T& field) {
  if constexpr (std::is_same_v<T, std::string>) {
    return json::string(valid_utf8(field));
  } else if constexpr (std::is_enum_v<T>) {
    return json::string(name(field));
  } else if constexpr (std::is_integral_v<T>) {
    return field;
  } else if constexpr (std::is_same_v<T, ConnectionId>) {
    const auto attempt = static_cast<std::uint32_t>(field.value);
    return json::string(std::to_string(client_of(field).value) + "/" + std::to_string(attempt));
  } else {
    return field.value;  // a StrongId
  }
}

// A string: readers that take numbers as doubles would lose the nanoseconds.
std::string seconds(Nanoseconds time) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const bool negative = time.count() < 0;
  const std::int64_t count = negative ? -time.count() : time.count();
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%s%lld.%09lld", negative ? "-" : "",
                static_cast<long long>(count / kSecond), static_cast<long long>(count % kSecond));
  return text.data();
}

}  // namespace

std::string to_json(const Event& event, TimePoint origin) {
  json::object line{{"t", seconds(event.at - origin)}, {"kind", kind(event)}};
  const auto add = [&](std::string_view key, const auto& field) { line[key] = to_value(field); };
  std::visit([&](const auto& body) { visit_fields(body, add); }, event.body);
  return json::serialize(line);
}

void write_jsonl(const History& history, std::ostream& out) {
  for (const auto& event : history.events()) out << to_json(event, history.time(0)) << '\n';
}

}  // namespace lastcall

// Events as short texts, for tests: "request_ended 0 ok 200 5". The connection, the client's own
// address and which message a request is are left out, and when a request was written whole.
#pragma once

#include <string>
#include <vector>

#include "history/event_fields.hpp"
#include "history/segment.hpp"

namespace lastcall::testing {

template <class T>
std::string word(const T& field) {
  if constexpr (std::is_same_v<T, std::string>) {
    return field;
  } else if constexpr (std::is_enum_v<T>) {
    return std::string(name(field));
  } else if constexpr (std::is_arithmetic_v<T>) {
    return std::to_string(field);
  } else {
    return std::to_string(field.value);
  }
}

inline std::string words(const Event& event) {
  std::string text(kind(event));
  std::visit(
      [&](const auto& body) {
        visit_fields(body, [&](std::string_view field_name, const auto& field) {
          const auto next = word(field);
          const bool is_told =
              field_name != "connection" && field_name != "local" && field_name != "message";
          if (is_told && !next.empty()) text += " " + next;
        });
      },
      event.body);
  return text;
}

// The events of a finished segment.
inline std::vector<Event> events_of(const std::string& path) {
  const auto segment = read_segment(path);
  if (!segment) return {{{}, EventsLost{"segment", segment.error().message()}}};
  if (!segment->complete || segment->lost > 0)
    return {{{}, EventsLost{"segment", segment->problem}}};
  return segment->events;
}
inline std::vector<std::string> words_of(const std::vector<Event>& events) {
  std::vector<std::string> result;
  for (const auto& event : events) {
    if (!std::holds_alternative<RequestWritten>(event.body)) result.push_back(words(event));
  }
  return result;
}
inline std::vector<std::string> words_of(const std::string& path) {
  return words_of(events_of(path));
}

}  // namespace lastcall::testing

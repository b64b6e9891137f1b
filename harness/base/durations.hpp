// How durations are spelled: in files, and for people.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace lastcall {

// "250ms", "1.5s", "10us", "2m", "7ns", "1h": a non-negative decimal number and a unit. Nothing
// else.
std::optional<Nanoseconds> parse_duration(std::string_view text);

// The shortest exact spelling: "250ms", "1500ms", "3s", "0s".
std::string format_duration(Nanoseconds duration);

// For people: about three digits, "1.24 s", "812 ms", "47 µs".
std::string human_duration(Nanoseconds duration);

// For people, of a time that somebody chose: exact, "5 s", "1500 ms", "120 s".
std::string exact_duration(Nanoseconds duration);

}  // namespace lastcall

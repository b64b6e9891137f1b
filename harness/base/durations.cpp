#include "base/durations.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <system_error>
#include <utility>

namespace lastcall {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};
// Largest first: format_duration takes the first that divides.
constexpr std::array<Unit, 6> kUnits{{{"h", 3'600'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"s", 1'000'000'000},
                                      {"ms", 1'000'000},
                                      {"us", 1'000},
                                      {"ns", 1}}};

}  // namespace

std::optional<Nanoseconds> parse_duration(std::string_view text) {
  std::int64_t whole = 0;
  auto [after_whole, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (error != std::errc{} || whole < 0 || text.front() == '-') return std::nullopt;
  std::string_view rest(after_whole, text.data() + text.size());
  std::string_view fraction;
  if (rest.starts_with('.')) {
    const auto end = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
    fraction = rest.substr(1, end - 1);
    if (fraction.empty() || fraction.size() > 9) return std::nullopt;
    rest.remove_prefix(end);
  }
  for (const auto& unit : kUnits) {
    if (rest != unit.name) continue;
    if (whole > INT64_MAX / 2 / unit.nanoseconds) return std::nullopt;
    std::int64_t nanoseconds = whole * unit.nanoseconds;
    std::int64_t scale = unit.nanoseconds;
    for (const char digit : fraction) {
      if (scale % 10 != 0) return std::nullopt;  // finer than a nanosecond
      scale /= 10;
      nanoseconds += (digit - '0') * scale;
    }
    return Nanoseconds(nanoseconds);
  }
  return std::nullopt;
}

std::string format_duration(Nanoseconds duration) {
  if (duration.count() == 0) return "0s";
  for (const auto& unit : kUnits) {
    if (duration.count() % unit.nanoseconds == 0) {
      return std::to_string(duration.count() / unit.nanoseconds) + std::string(unit.name);
    }
  }
  return std::to_string(duration.count()) + "ns";
}

std::string human_duration(Nanoseconds duration) {
  constexpr std::array<std::pair<double, const char*>, 4> kScales{
      {{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}}};
  const auto count = static_cast<double>(duration.count());
  for (const auto& [scale, unit] : kScales) {
    const double value = count / scale;
    if (value < 1 && scale > 1) continue;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.*f %s",
                  value < 10    ? 2
                  : value < 100 ? 1
                                : 0,
                  value, unit);
    return text.data();
  }
  return "0 s";
}

std::string exact_duration(Nanoseconds duration) {
  constexpr std::array<Unit, 4> kScales{
      {{"s", 1'000'000'000}, {"ms", 1'000'000}, {"µs", 1'000}, {"ns", 1}}};
  const auto* scale = std::ranges::find_if(
      kScales, [&](const Unit& one) { return duration.count() % one.nanoseconds == 0; });
  return std::to_string(duration.count() / scale->nanoseconds) + " " + std::string(scale->name);
}

}  // namespace lastcall

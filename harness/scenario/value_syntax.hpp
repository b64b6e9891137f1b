// The small languages inside a scenario's values: ranges, URLs, file paths, regular expressions.
// Each `…_problem` says what is wrong, or nothing: an empty string.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scenario/scenario.hpp"

namespace lastcall {

// The moment of a fault that is drawn over what the clients measure (fault.hpp, load_window()).
inline constexpr std::string_view kMeasured = "measured";

// "10ms..50ms", or one duration as a range of itself. May be reversed.
std::optional<Range<Nanoseconds>> parse_duration_range(std::string_view text);
// "1..40". May be reversed.
std::optional<Range<std::uint64_t>> parse_count_range(std::string_view text);
// "4096", "64MiB": a whole number of bytes, KiB, MiB or GiB.
std::optional<std::uint64_t> parse_size(std::string_view text);
// "0.1 %", "95%": from 0 to 100, as a part of 1.
std::optional<double> parse_percent(std::string_view text);
// "2026-12-31": whether it is a day of the calendar, in this spelling (ISO 8601).
bool is_date(std::string_view text);
// "127.0.0.0/8", "127.0.0.5": inside 127.0.0.0/8, with no bits set below the prefix.
std::optional<SourceNetwork> parse_network(std::string_view text);
// \xHH \r \n \t \0 \\ as the bytes they stand for. Only what bytes_problem() finds sound.
std::string unescaped(std::string_view text);

// SCHEME://HOST[:PORT][TARGET]. Taken apart by hand: the port may still be "{port}", and the target
// may hold "{id}", which RFC 3986 does not allow; and Boost.URL 1.81 reads the port 99999 as 34463,
// because its port_rule misses that overflow.
struct UrlParts {
  std::string_view scheme;  // empty if there is no "://"
  std::string_view host;    // with the brackets of IPv6
  std::optional<std::string_view> port;
  std::string_view target;  // path, query and fragment
};
UrlParts url_parts(std::string_view url);
// The numeric address of a host of this machine, 127.x.y.z, localhost or [::1]; empty if it is
// none.
std::string loopback_address(std::string_view host);
// SCHEME://HOST[:PORT][/PATH] with a host of this machine: traffic stays on loopback.
std::string url_problem(std::string_view url, std::span<const std::string_view> schemes);
// "{port}", "{port.NAME}" or "8080".
std::string port_problem(std::string_view port);
// As Pattern takes it (base/pattern.hpp).
std::string regex_problem(const std::string& pattern);
// The same, with exactly one group that captures.
std::string one_group_problem(const std::string& pattern);
// RFC 6901.
std::string pointer_problem(std::string_view pointer);
// A name that a request may carry (RFC 9110, section 5.1) and that lastcall does not set itself.
std::string header_name_problem(std::string_view name);
// Nothing that would end the header or the request (RFC 9110, section 5.5).
std::string header_value_problem(std::string_view value);
// No other escapes than unescaped() knows.
std::string bytes_problem(std::string_view text);
// Lower-case letters, digits, '-' and '_', a letter first.
std::string word_problem(std::string_view name);
// A path of a file below {dir}, in its only spelling.
std::string path_problem(std::string_view path);
// Likewise, in any spelling; "." is {dir} itself.
std::string below_problem(std::string_view path);
// A name that execve(2) can hand over.
std::string variable_problem(std::string_view name);

// The names that base/signal_names.hpp knows.
std::vector<std::string> signal_names();

// For messages: in quotes, cut at a sensible length, on one line.
std::string in_quotes(std::string_view text);
std::string in_single_quotes(std::string_view text);

}  // namespace lastcall

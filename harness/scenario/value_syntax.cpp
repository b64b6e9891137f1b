#include "scenario/value_syntax.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <boost/algorithm/string/case_conv.hpp>
#include <charconv>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "base/durations.hpp"
#include "base/pattern.hpp"
#include "base/signal_names.hpp"
#include "base/text.hpp"
#include "scenario/placeholders.hpp"

namespace lastcall {
namespace {

// The number of 127.x.y.z, in host byte order.
std::optional<std::uint32_t> loopback_number(std::string_view text) {
  in_addr address{};
  if (::inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) return std::nullopt;
  const auto number = ntohl(address.s_addr);
  return number >> 24U == 127 ? std::optional(number) : std::nullopt;
}

std::string printable(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  std::string result;
  for (const char c : text.substr(0, kLongest)) {
    result += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  }
  if (text.size() <= kLongest) return result;
  // Not in the middle of a UTF-8 sequence.
  while (!result.empty() && (text[result.size()] & 0xC0) == 0x80) result.pop_back();
  return result + "…";
}

}  // namespace

std::optional<Range<Nanoseconds>> parse_duration_range(std::string_view text) {
  const auto dots = text.find("..");
  const auto low = parse_duration(text.substr(0, dots));
  const auto high = dots == std::string_view::npos ? low : parse_duration(text.substr(dots + 2));
  if (!low || !high) return std::nullopt;
  return Range<Nanoseconds>{*low, *high};
}

std::optional<Range<std::uint64_t>> parse_count_range(std::string_view text) {
  const auto dots = text.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  const auto low = parse_number<std::uint64_t>(text.substr(0, dots));
  const auto high = parse_number<std::uint64_t>(text.substr(dots + 2));
  if (!low || !high) return std::nullopt;
  return Range<std::uint64_t>{*low, *high};
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_number<std::uint32_t>(text.substr(0, digits));
  const auto unit = text.substr(digits);
  if (!number) return std::nullopt;
  if (unit.empty()) return *number;
  constexpr std::array<std::string_view, 3> kUnits{"KiB", "MiB", "GiB"};
  const auto* found = std::ranges::find(kUnits, unit);
  if (found == kUnits.end()) return std::nullopt;
  return std::uint64_t{*number} << (10 * (found - kUnits.begin() + 1));
}

std::optional<double> parse_percent(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  text.remove_suffix(text.ends_with(" %") ? 2 : 1);
  // Neither signs nor exponents, nor the words that a number may be: inf, nan.
  if (text.find_first_not_of("0123456789.") != text.npos) return std::nullopt;
  const auto number = parse_number<double>(text);
  return number && *number <= 100 ? std::optional(*number / 100) : std::nullopt;
}

bool is_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  const auto year = parse_number<std::uint16_t>(text.substr(0, 4));
  const auto month = parse_number<std::uint16_t>(text.substr(5, 2));
  const auto day = parse_number<std::uint16_t>(text.substr(8));
  return year && month && day &&
         std::chrono::year_month_day(std::chrono::year(*year), std::chrono::month(*month),
                                     std::chrono::day(*day))
             .ok();
}

std::optional<SourceNetwork> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  const auto bits =
      slash == text.npos ? std::optional(32U) : parse_number<unsigned>(text.substr(slash + 1));
  const auto address = loopback_number(text.substr(0, slash));
  if (!address || !bits || *bits < 8 || *bits > 32) return std::nullopt;
  if ((*address & std::uint64_t{0xFFFFFFFF} >> *bits) != 0) return std::nullopt;
  return SourceNetwork{*address, *bits};
}

namespace {

// The length of the escape at the front of `text` and the byte it stands for; length 0: no escape.
std::pair<std::size_t, char> escape_at(std::string_view text) {
  constexpr std::string_view kLetters = "rnt0\\";
  constexpr std::string_view kBytes{"\r\n\t\0\\", 5};
  if (text.size() < 2 || text[0] != '\\') return {0, 0};
  if (const auto letter = kLetters.find(text[1]); letter != kLetters.npos) {
    return {2, kBytes[letter]};
  }
  unsigned byte = 0;
  if (text[1] != 'x' || text.size() < 4) return {0, 0};
  const auto end = std::from_chars(text.data() + 2, text.data() + 4, byte, 16);
  if (end.ec != std::errc{} || end.ptr != text.data() + 4) return {0, 0};
  return {4, static_cast<char>(byte)};
}

}  // namespace

std::string unescaped(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    const auto [length, byte] = escape_at(text);
    bytes += length == 0 ? text.front() : byte;
    text.remove_prefix(std::max(length, std::size_t{1}));
  }
  return bytes;
}

std::string bytes_problem(std::string_view text) {
  for (auto at = text.find('\\'); at != text.npos; at = text.find('\\', at)) {
    const auto length = escape_at(text.substr(at)).first;
    if (length == 0) return "unknown escape " + in_single_quotes(text.substr(at, 4));
    at += length;
  }
  return {};
}

std::string word_problem(std::string_view name) {
  const bool good = !name.empty() && name.front() >= 'a' && name.front() <= 'z' &&
                    name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == name.npos;
  return good ? "" : "expected a lower-case word such as \"my-checker\", found " + in_quotes(name);
}

UrlParts url_parts(std::string_view url) {
  const auto mark = url.find("://");
  if (mark == url.npos) return {};
  const auto rest = url.substr(mark + 3);
  const auto authority = rest.substr(0, rest.find_first_of("/?#"));
  // After the bracket of [::1], which has colons of its own.
  const auto colon = authority.find(':', authority.starts_with('[') ? authority.find(']') : 0);
  UrlParts parts{url.substr(0, mark), authority.substr(0, colon), std::nullopt,
                 rest.substr(authority.size())};
  if (colon != authority.npos) parts.port = authority.substr(colon + 1);
  return parts;
}

std::string loopback_address(std::string_view host) {
  if (host == "localhost") return "127.0.0.1";
  if (host == "[::1]") return "::1";
  return std::string(loopback_number(host) ? host : "");
}

std::string url_problem(std::string_view url, std::span<const std::string_view> schemes) {
  const auto [scheme, host, port, target] = url_parts(url);
  if (std::ranges::find(schemes, scheme) == schemes.end()) {
    std::string names;
    for (const auto name : schemes) {
      if (!names.empty()) names += name == schemes.back() ? " or " : ", ";
      names += std::string(name) + "://";
    }
    return "a URL here begins with " + names + ", found " + in_quotes(url);
  }
  if (std::ranges::any_of(url, [](unsigned char c) { return c <= 0x20 || c == 0x7F; })) {
    return "a URL has no spaces or control characters, found " + in_quotes(url);
  }
  if (loopback_address(host).empty()) {
    return "the host of a URL is 127.x.y.z, localhost or [::1], so that traffic stays on this "
           "machine; found " +
           in_quotes(host);
  }
  if (scheme == "tcp" || scheme == "tls") {
    // There is no port that everybody would expect, and nobody to tell a path to.
    if (!port) return "a " + std::string(scheme) + ":// URL has a port";
    if (!target.empty())
      return "a " + std::string(scheme) + ":// URL ends with its port, found " + in_quotes(url);
  }
  return port ? port_problem(*port) : "";
}

std::string port_problem(std::string_view port) {
  const auto names = placeholders_in(port);
  if (names.size() == 1 && port.size() == names.front().size() + 2) {
    if (names.front() == "port" || names.front().starts_with("port.")) return {};
    if (!is_known_placeholder(names.front())) return placeholder_problem(port);
  }
  const auto number = parse_number<std::uint16_t>(port);
  if (number && *number != 0) return {};
  return "a port is {port}, {port.NAME} or a number from 1 to 65535, found " + in_quotes(port);
}

std::string regex_problem(const std::string& pattern) {
  constexpr std::size_t kLongestPattern = 1000;  // the schema says the same
  if (pattern.size() > kLongestPattern) return "a regular expression of more than 1000 characters";
  try {
    const Pattern compiled(pattern);
    return {};
  } catch (const std::runtime_error& error) {
    return "bad regular expression " + in_quotes(pattern) + ": " + error.what();
  }
}

std::string one_group_problem(const std::string& pattern) {
  if (auto problem = regex_problem(pattern); !problem.empty()) return problem;
  const auto groups = Pattern(pattern).groups();
  if (groups == 1) return {};
  return "the regular expression needs exactly one group, \"( )\", and has " +
         std::to_string(groups) + ": " + in_quotes(pattern);
}

std::string pointer_problem(std::string_view pointer) {
  bool good = pointer.empty() || pointer.starts_with('/');
  for (auto at = pointer.find('~'); at != pointer.npos; at = pointer.find('~', at + 1)) {
    const auto escape = pointer.substr(at + 1, 1);
    good = good && (escape == "0" || escape == "1");
  }
  return good ? ""
              : R"(expected a JSON pointer such as "/order/id" (RFC 6901), found )" +
                    in_quotes(pointer);
}

std::string header_name_problem(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  const auto is_good = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != kMarks.npos;
  };
  if (name.empty() || !std::ranges::all_of(name, is_good)) {
    return "the name of a header has letters, digits and " + std::string(kMarks) +
           " only, without spaces, found " + in_quotes(name);
  }
  const auto lower = boost::algorithm::to_lower_copy(std::string(name));
  if (lower == "sec-websocket-protocol") return "the key 'subprotocol' says this header";
  constexpr std::array<std::string_view, 4> kOwn{"content-length", "transfer-encoding",
                                                 "connection", "upgrade"};
  if (std::ranges::find(kOwn, lower) != kOwn.end() || lower.starts_with("sec-websocket-"))
    return "lastcall itself sets the header " + in_single_quotes(name);
  return {};
}

std::string header_value_problem(std::string_view value) {
  const auto is_control = [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
  };
  if (std::ranges::any_of(value, is_control))
    return "the value of a header has no line breaks or other control characters, found " +
           in_quotes(value);
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  if (!value.empty() && (is_blank(value.front()) || is_blank(value.back())))
    return "the value of a header neither begins nor ends with a space, found " + in_quotes(value);
  return {};
}

namespace {

bool has_part(std::string_view path, std::string_view part) {
  return ("/" + std::string(path) + "/").find("/" + std::string(part) + "/") != std::string::npos;
}

std::string unless_below(bool below, std::string_view path) {
  if (below) return {};
  return "the path of a file is relative to {dir} and stays below it, found " + in_quotes(path);
}

}  // namespace

std::string below_problem(std::string_view path) {
  return unless_below(!path.starts_with('/') && !has_part(path, ".."), path);
}

std::string path_problem(std::string_view path) {
  return unless_below(below_problem(path).empty() && !path.empty() && !path.ends_with('/') &&
                          path.find('\0') == path.npos && !has_part(path, "."),
                      path);
}

std::string variable_problem(std::string_view name) {
  if (!name.empty() && name.find('=') == name.npos && name.find('\0') == name.npos) return {};
  return "a name of the environment is not empty and has no '=', found " + in_quotes(name);
}

std::vector<std::string> signal_names() {
  // Those that stop a server come first: they win where two names are as near, and editors offer
  // them first.
  std::vector<std::string> names{"SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP"};
  for (int number = 1; number < 32; ++number) {
    const auto name = signal_name(number);
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

std::string in_quotes(std::string_view text) { return '"' + printable(text) + '"'; }
std::string in_single_quotes(std::string_view text) { return "'" + printable(text) + "'"; }

}  // namespace lastcall

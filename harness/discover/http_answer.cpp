#include "discover/http_answer.hpp"

#include <algorithm>
#include <boost/algorithm/string/case_conv.hpp>
#include <boost/algorithm/string/trim.hpp>

#include "base/text.hpp"

namespace lastcall {
namespace {

constexpr std::size_t kLongestPath = 200;
constexpr std::size_t kLongestName = 100;

// From `at` on, up to what ends a URL in a script.
std::string_view url_from(std::string_view text, std::size_t at) {
  const auto end = text.find_first_of("\"'`<> \t\r\n)$", at);
  return text.substr(at, end == text.npos ? text.npos : end - at);
}

// The path of "ws://host:80/chat"; of "/chat" itself.
std::string path_of(std::string_view url) {
  if (const auto mark = url.find("://"); mark != url.npos) {
    url.remove_prefix(mark + 3);
    if (url.empty()) return {};  // the host is put together by the script
    const auto slash = url.find('/');
    return slash == url.npos ? "/" : std::string(url.substr(slash));
  }
  return std::string(url);
}

}  // namespace

std::string printable_part(std::string_view text) {
  std::string part(text.substr(0, kLongestName));
  std::ranges::replace_if(
      part, [](char c) { return c < ' ' || c > '~'; }, '?');
  return part;
}

std::optional<HttpHead> http_head(std::string_view answer) {
  const auto end = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.") || end == answer.npos || answer.size() < 12)
    return std::nullopt;
  HttpHead head;
  const auto status = parse_number<int>(answer.substr(9, 3));
  if (!status || *status < 100 || *status > 599) return std::nullopt;
  head.status = *status;
  head.closes = answer.starts_with("HTTP/1.0");
  auto rest = answer.substr(0, end);
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(std::min(rest.size(), line.size() + 2));
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    const auto name = boost::algorithm::to_lower_copy(std::string(line.substr(0, colon)));
    const auto value = boost::algorithm::trim_copy(std::string(line.substr(colon + 1)));
    const auto lower = boost::algorithm::to_lower_copy(value);
    if (name == "server") head.server = printable_part(value);
    if (name == "location") head.location = value;
    if (name == "connection" && lower == "close") head.closes = true;
    if (name == "connection" && lower == "keep-alive") head.closes = false;
    if (name == "upgrade" && lower == "websocket" && head.status == 101)
      head.upgraded_to_websocket = true;
  }
  return head;
}

bool is_plain_path(std::string_view path) {
  return path.starts_with('/') && path.size() <= kLongestPath &&
         std::ranges::all_of(path, [](char c) {
           return c > ' ' && c <= '~' && c != '{' && c != '}' && c != '"' && c != '\'' &&
                  c != '\\' && c != '#';
         });
}

std::vector<std::string> websocket_paths_in(std::string_view body, std::size_t most) {
  std::vector<std::string> paths;
  const auto add = [&](std::string_view url) {
    auto path = path_of(url);
    if (paths.size() < most && is_plain_path(path) && std::ranges::count(paths, path) == 0)
      paths.push_back(std::move(path));
  };
  for (const std::string_view mark : {"ws://", "wss://"}) {
    for (auto at = body.find(mark); at != body.npos; at = body.find(mark, at + 1))
      add(url_from(body, at));
  }
  // The first string of the argument that begins with a slash: new WebSocket(origin + "/chat").
  constexpr std::string_view kOpen = "WebSocket(";
  for (auto at = body.find(kOpen); at != body.npos; at = body.find(kOpen, at + 1)) {
    const auto call = body.substr(at, std::min<std::size_t>(body.find(')', at) - at, kLongestPath));
    for (const std::string_view quote : {"\"/", "'/", "`/", "}/"}) {
      if (const auto begin = call.find(quote); begin != call.npos) add(url_from(call, begin + 1));
    }
  }
  return paths;
}

}  // namespace lastcall

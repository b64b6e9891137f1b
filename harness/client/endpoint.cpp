#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <charconv>

#include "client/session.hpp"

namespace lastcall {

Result<Endpoint> parse_endpoint(const std::string& url) {
  const Error bad{"read the URL", url, 0,
                  "ws, wss, http or https://127.0.0.1:PORT/path, tcp or tls://127.0.0.1:PORT is "
                  "expected"};
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string::npos) return bad;
  const auto scheme = url.substr(0, scheme_end);
  constexpr std::array<std::pair<std::string_view, Protocol>, 6> kSchemes{
      {{"ws", Protocol::ws},
       {"wss", Protocol::wss},
       {"http", Protocol::http},
       {"https", Protocol::https},
       {"tcp", Protocol::tcp},
       {"tls", Protocol::tls}}};
  const auto* known =
      std::ranges::find(kSchemes, scheme, &std::pair<std::string_view, Protocol>::first);
  if (known == kSchemes.end()) return bad;
  Endpoint endpoint;
  endpoint.protocol = known->second;
  const auto authority_begin = scheme_end + 3;
  const auto path_begin = std::min(url.find_first_of("/?", authority_begin), url.size());
  const auto authority = url.substr(authority_begin, path_begin - authority_begin);
  endpoint.path = url.substr(path_begin);
  if (!endpoint.path.starts_with('/'))
    endpoint.path.insert(endpoint.path.begin(), '/');  // RFC 9112, section 3.2.1
  const auto colon = authority.rfind(':');
  const bool has_port =
      colon != std::string::npos && authority.find(']', colon) == std::string::npos;
  endpoint.host = authority.substr(0, has_port ? colon : authority.size());
  const bool raw = !is_http(endpoint.protocol) && !is_websocket(endpoint.protocol);
  if (raw && (!has_port || path_begin != url.size())) return bad;
  endpoint.port = is_tls(endpoint.protocol) ? 443 : 80;
  if (has_port) {
    const auto* end = authority.data() + authority.size();
    const auto [rest, problem] = std::from_chars(authority.data() + colon + 1, end, endpoint.port);
    if (problem != std::errc() || rest != end || endpoint.port == 0) return bad;
  }
  endpoint.address = endpoint.host == "localhost" ? "127.0.0.1" : endpoint.host;
  if (endpoint.address.starts_with('['))
    endpoint.address = endpoint.address.substr(1, endpoint.address.size() - 2);
  boost::system::error_code ec;
  const auto address = asio::ip::make_address(endpoint.address, ec);
  if (ec || !address.is_loopback()) return bad;
  return endpoint;
}

}  // namespace lastcall

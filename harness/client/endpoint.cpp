#include "base/text.hpp"
#include "client/session.hpp"
#include "scenario/value_syntax.hpp"

namespace lastcall {

Result<Endpoint> parse_endpoint(const std::string& url) {
  const auto [scheme, host, port, target] = url_parts(url);
  const auto protocol = from_name<Protocol>(scheme);
  Endpoint endpoint{
      .protocol = protocol.value_or(Protocol::http),
      .host = std::string(host),
      .address = loopback_address(host),
      .port = port ? parse_number<std::uint16_t>(*port).value_or(0) : std::uint16_t{80},
      .path = std::string(target)};
  if (!port && is_tls(endpoint.protocol)) endpoint.port = 443;
  const bool is_bare = port && target.empty();
  if (!protocol || endpoint.address.empty() || endpoint.port == 0 ||
      (is_raw(endpoint.protocol) && !is_bare)) {
    return Error{"read the URL", url, 0,
                 "ws, wss, http or https://127.0.0.1:PORT/path, tcp or tls://127.0.0.1:PORT is "
                 "expected"};
  }
  if (!endpoint.path.starts_with('/')) endpoint.path.insert(0, 1, '/');  // RFC 9112, section 3.2.1
  return endpoint;
}

}  // namespace lastcall

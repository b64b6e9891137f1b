// What a listening socket speaks: TLS, plain HTTP, or neither. Makes up to two connections, which
// the server sees. From any thread.
#pragma once

#include <optional>
#include <string>

namespace lastcall::cli {

// `address`: where it listens, "127.0.0.1:8443", "[::]:8443" (then on the loopback address).
// "speaks TLS 1.3, certificate CN=localhost", "does not speak TLS: it answers plain HTTP". Nothing
// if there is no TCP port in it. Takes up to a second.
std::optional<std::string> probe_tls(const std::string& address);

}  // namespace lastcall::cli

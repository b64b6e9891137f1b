// One GET on a connection of its own, outside of the load: what the harness asks a target. Nothing
// is recorded. A plain header: Beast and TLS are instantiated in http_get.cpp. One thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <string>

#include "base/clock.hpp"

namespace lastcall {

struct HttpAnswer {
  int connect_error = 0;  // errno of connect, 0: connected; ETIMEDOUT: not within the limit
  int status = 0;         // 0: no valid answer
  std::string body;
  std::string problem;  // why there is no valid answer; empty if there is one
};

// The body is read whole, up to 16 MiB; more than that is no valid answer. Always returns within
// `limit`, give or take the scheduler, and some milliseconds after `over()` at the latest.
boost::asio::awaitable<HttpAnswer> http_get(std::string url, boost::asio::ssl::context& tls,
                                            Nanoseconds limit, std::function<bool()> over = {});

}  // namespace lastcall

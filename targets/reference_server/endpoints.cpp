#include "reference_server/endpoints.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>

namespace reference_server {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr std::size_t kMaxEvents = 100'000;               // a bound on memory
constexpr auto kLongestAnswer = std::chrono::minutes(1);  // a stop waits for an answer under way

Response make(const Request& request, http::status status, std::string body) {
  Response response(status, request.version());
  response.set(http::field::content_type,
               body.starts_with('{') ? "application/json" : "text/plain");
  response.body() = std::move(body);
  return response;
}

// The time that "/slow?ms=50" asks for; nothing if it is not a number in bounds.
std::optional<std::chrono::milliseconds> slow_time(std::string_view query) {
  if (!query.starts_with("ms=")) return std::nullopt;
  query.remove_prefix(3);
  unsigned ms = 0;
  const auto [end, ec] = std::from_chars(query.data(), query.data() + query.size(), ms);
  if (ec != std::errc() || end != query.data() + query.size()) return std::nullopt;
  const std::chrono::milliseconds time(ms);
  return time <= kLongestAnswer ? std::optional(time) : std::nullopt;
}

}  // namespace

Response Endpoints::store(const Request& request) {
  if (events_.size() == kMaxEvents) events_.pop_front();
  events_.push_back(request.body());
  return make(request, http::status::ok,
              boost::json::serialize(boost::json::object{{"ack", request.body()}}));
}

asio::awaitable<Response> Endpoints::answer(const Request& request) {
  const std::string_view target(request.target().data(), request.target().size());
  const auto path = target.substr(0, target.find('?'));
  const auto query = path.size() < target.size() ? target.substr(path.size() + 1) : "";

  if (path == "/health" && request.method() == http::verb::get) {
    co_return make(request, stopping_ ? http::status::service_unavailable : http::status::ok,
                   stopping_ ? "stopping\n" : "serving\n");
  }
  if (path == "/slow" && request.method() == http::verb::get) {
    const auto time = slow_time(query);
    if (!time) co_return make(request, http::status::bad_request, "/slow?ms=0..60000\n");
    asio::steady_timer timer(co_await asio::this_coro::executor, *time);
    co_await timer.async_wait(asio::use_awaitable);
    co_return make(request, http::status::ok, "done\n");
  }
  if (path == "/events" && request.method() == http::verb::post) co_return store(request);
  co_return make(request, http::status::not_found, "no such endpoint\n");
}

}  // namespace reference_server

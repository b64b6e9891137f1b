#include "reference_server/endpoints.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <system_error>

#include "reference_server/identity.hpp"
#include "reference_server/log.hpp"

namespace reference_server {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;

namespace {

constexpr std::uint64_t kLongestAnswer = 60'000;  // ms; a stop waits for an answer under way
constexpr std::uint64_t kLongestListing = 100'000;

Response make(const Request& request, http::status status, std::string body) {
  Response response(status, request.version());
  response.set(http::field::content_type,
               body.starts_with('{') ? "application/json" : "text/plain");
  response.body() = std::move(body);
  return response;
}

// The number that "…name=50…" gives, `fallback` if it is not named, nothing if it is no number.
std::optional<std::uint64_t> number_in(std::string_view query, std::string_view name,
                                       std::uint64_t fallback) {
  while (!query.empty()) {
    const auto part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(part.size() + 1, query.size()));
    if (!part.starts_with(name) || part.substr(name.size(), 1) != "=") continue;
    const auto digits = part.substr(name.size() + 1);
    std::uint64_t number = 0;
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (ec != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return number;
  }
  return fallback;
}

std::string_view level_name(Log::Level level) {
  switch (level) {
    case Log::Level::trace:
      return "trace";
    case Log::Level::debug:
      return "debug";
    case Log::Level::info:
      return "info";
    case Log::Level::warning:
      return "warning";
    case Log::Level::error:
      break;
  }
  return "error";
}

json::object described(const StoredEvent& stored) {
  return {{"sequence", stored.sequence},
          {"source", stored.event.source},
          {"id", stored.event.id},
          {"kind", stored.event.kind}};
}

// So that SQLite is asked for a number that it can hold.
std::int64_t as_sequence(std::uint64_t number) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(number, INT64_MAX));
}

}  // namespace

Response Endpoints::health(const Request& request) const {
  return make(request, stopping_ ? http::status::service_unavailable : http::status::ok,
              identity_json(stopping_ ? "stopping" : "serving") + "\n");
}

Response Endpoints::metrics(const Request& request) const {
  return make(request, http::status::ok,
              metrics_text(metrics_, std::string(level_name(log_.level())),
                           {{"pipeline_messages", "Messages under way.", pipeline_.size()},
                            {"store_waiting", "Events that wait to be written.", store_.waiting()},
                            {"events", "Events in the database.", store_.totals().events},
                            {"log_dropped", "Lines dropped by a full queue.", log_.dropped()}}));
}

asio::awaitable<Response> Endpoints::slow(const Request& request, std::string query) {
  const auto time = query.starts_with("ms=") ? number_in(query, "ms", 0) : std::nullopt;
  if (!time || *time > kLongestAnswer) {
    co_return make(request, http::status::bad_request, "/slow?ms=0..60000\n");
  }
  asio::steady_timer timer(executor_, std::chrono::milliseconds(*time));
  co_await timer.async_wait(asio::use_awaitable);
  co_return make(request, http::status::ok, "done\n");
}

asio::awaitable<Response> Endpoints::post(const Request& request) {
  Later<Answer> later(executor_);
  Message message;
  message.route = *route_of("/events");
  message.text = request.body();
  message.reply = [later](Answer answer) { later.give(std::move(answer)); };
  const bool taken = co_await pipeline_.submit(std::move(message));
  if (!taken) co_return make(request, http::status::service_unavailable, "stopping\n");
  auto answer = co_await later.get();
  auto response = make(request, http::status(answer.status), std::move(answer.text));
  if (answer.failed) response.keep_alive(false);
  co_return response;
}

asio::awaitable<Response> Endpoints::list(const Request& request, std::string query) {
  const auto after = number_in(query, "after", 0);
  const auto limit = number_in(query, "limit", kLongestListing);
  if (!after || !limit) {
    co_return make(request, http::status::bad_request, "/events?after=SEQUENCE&limit=N\n");
  }
  Later<std::vector<StoredEvent>> later(executor_);
  EventStore::Question question;
  question.after = as_sequence(*after);
  question.limit = std::min(*limit, kLongestListing);
  store_.read(question, [later](std::vector<StoredEvent> found) { later.give(std::move(found)); });
  const auto found = co_await later.get();
  json::array events;
  for (const auto& each : found) events.push_back(described(each));
  co_return make(
      request, http::status::ok,
      json::serialize(json::object{{"total", store_.totals().events}, {"events", events}}) + "\n");
}

asio::awaitable<Response> Endpoints::find(const Request& request, std::string id) {
  Later<std::vector<StoredEvent>> later(executor_);
  EventStore::Question question;
  question.id = id;
  store_.read(question, [later](std::vector<StoredEvent> found) { later.give(std::move(found)); });
  const auto found = co_await later.get();
  if (found.empty()) co_return make(request, http::status::not_found, "no such event\n");
  json::array events;
  for (const auto& each : found) {
    auto entry = described(each);
    json::error_code not_json;
    entry["body"] = json::parse(each.event.body, not_json);
    events.push_back(std::move(entry));
  }
  co_return make(request, http::status::ok,
                 json::serialize(json::object{{"events", events}}) + "\n");
}

asio::awaitable<Response> Endpoints::answer(const Request& request) {
  ++metrics_.requests;
  const std::string target(request.target().data(), request.target().size());
  const auto path = target.substr(0, target.find('?'));
  const auto query = path.size() < target.size() ? target.substr(path.size() + 1) : "";
  constexpr std::string_view kEvent = "/events/";
  const bool get = request.method() == http::verb::get;

  if (path == "/health" && get) co_return health(request);
  if (path == "/metrics" && get) co_return metrics(request);
  if (stopping_) co_return make(request, http::status::service_unavailable, "stopping\n");
  if (path == "/ready" && get) co_return make(request, http::status::ok, "ready\n");
  if (path == "/slow" && get) co_return co_await slow(request, query);
  if (path == "/events" && request.method() == http::verb::post) co_return co_await post(request);
  if (path == "/events" && get) co_return co_await list(request, query);
  if (path.starts_with(kEvent) && get) co_return co_await find(request, path.substr(kEvent.size()));
  co_return make(request, http::status::not_found, "no such endpoint\n");
}

}  // namespace reference_server

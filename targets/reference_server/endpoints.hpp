// What the server answers over HTTP, whatever the connection is made of:
//
//   GET /health       200 while serving, 503 from the stop on; says which build this is
//   GET /ready        200 while serving, else 503
//   GET /metrics      Prometheus text
//   POST /events      201 or 200 once the event is stored, see posted_events.hpp
//   GET /events       a listing in order: ?after=SEQUENCE&limit=N
//   GET /events/ID    the events with this id, or 404
//   GET /slow?ms=N    answers after so long: a request that a stop finds under way
//
// From the stop on everything but /health, /ready and /metrics is refused with 503.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string>

#include "reference_server/event_store.hpp"
#include "reference_server/metrics.hpp"
#include "reference_server/pipeline.hpp"

namespace reference_server {

using Request = boost::beast::http::request<boost::beast::http::string_body>;
using Response = boost::beast::http::response<boost::beast::http::string_body>;

// Used by one thread. What it is given must outlive it.
class Endpoints {
 public:
  Endpoints(boost::asio::any_io_executor executor, Pipeline& pipeline, EventStore& store, Log& log,
            Metrics& metrics)
      : executor_(std::move(executor)),
        pipeline_(pipeline),
        store_(store),
        log_(log),
        metrics_(metrics) {}

  // `request` must live until the answer is there.
  boost::asio::awaitable<Response> answer(const Request& request);

  void begin_stop() { stopping_ = true; }
  [[nodiscard]] bool stopping() const { return stopping_; }

 private:
  [[nodiscard]] Response health(const Request& request) const;
  [[nodiscard]] Response metrics(const Request& request) const;
  boost::asio::awaitable<Response> slow(const Request& request, std::string query);
  boost::asio::awaitable<Response> post(const Request& request);
  boost::asio::awaitable<Response> list(const Request& request, std::string query);
  boost::asio::awaitable<Response> find(const Request& request, std::string id);

  boost::asio::any_io_executor executor_;
  Pipeline& pipeline_;
  EventStore& store_;
  Log& log_;
  Metrics& metrics_;
  bool stopping_ = false;
};

}  // namespace reference_server

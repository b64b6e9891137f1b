// What the server answers over HTTP, whatever the connection is made of.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <deque>
#include <string>

namespace reference_server {

using Request = boost::beast::http::request<boost::beast::http::string_body>;
using Response = boost::beast::http::response<boost::beast::http::string_body>;

// Used by one thread.
class Endpoints {
 public:
  // `request` must live until the answer is there.
  boost::asio::awaitable<Response> answer(const Request& request);

  void begin_stop() { stopping_ = true; }
  [[nodiscard]] bool stopping() const { return stopping_; }

 private:
  Response store(const Request& request);

  bool stopping_ = false;
  std::deque<std::string> events_;  // the latest kMaxEvents
};

}  // namespace reference_server

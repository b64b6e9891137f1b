// http and https: one request at a time, answers read by Beast; and the probe of a URL.
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <sstream>

#include "base/invariant.hpp"
#include "client/connection.hpp"

namespace lastcall {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

// Interim responses to one request; servers send one or two.
constexpr int kInterimLimit = 100;

class HttpConnection final : public Connection {
 public:
  using Connection::Connection;

 private:
  [[nodiscard]] std::string serialized(const std::string& id, const std::string& message) const {
    http::request<http::string_body> request(http::string_to_verb(group_.method),
                                             fill(endpoint_.path, id), 11);
    request.set(http::field::host, authority());
    request.set(http::field::user_agent, "lastcall");
    for (const auto& [name, value] : group_.headers) request.set(name, fill(value, id));
    request.body() = message;
    request.prepare_payload();
    std::ostringstream text;
    text << request;
    return text.str();
  }

  awaitable<error_code> send(const std::string& id, const std::string& message) override {
    const auto text = serialized(id, message);
    for (const auto piece : pieces(text)) {
      if (piece.empty()) continue;
      auto [ec, n] = co_await asio::async_write(
          transport_, asio::const_buffer(piece.data(), piece.size()), kTuple);
      if (ec || is_gone()) co_return ec;
    }
    co_return error_code{};
  }

  awaitable<std::string> read() override {
    beast::flat_buffer buffer;
    int interim = 0;
    for (;;) {
      http::response_parser<http::string_body> parser;
      parser.header_limit(kHeaderLimit);
      parser.body_limit(kMessageLimit);
      auto [ec, n] = co_await http::async_read(transport_, buffer, parser, kTuple);
      if (ec) {
        const bool in_order = ec == http::error::end_of_stream ||
                              ec == http::error::partial_message || is_end_of_stream(ec);
        co_return in_order ? "" : ec.message();
      }
      if (!log_.awaiting_answer()) co_return "an answer to a request that was not made";
      const auto status = static_cast<int>(parser.get().result_int());
      if (status / 100 == 1 && status != 101) {  // interim (RFC 9110, section 15.2)
        if (++interim > kInterimLimit) co_return "interim responses without end";
        continue;
      }
      interim = 0;
      last_ = !parser.get().keep_alive();
      if (parser.need_eof()) log_.answer_ended_by_eof();
      answered(wanted(status) ? RequestEnd::ok : RequestEnd::refused, status, parser.get().body(),
               head_with_id(parser.get()));
      if (last_) co_return "";
    }
  }

  // The status line and the headers, where a pattern may find the id: `Location: /orders/17`.
  [[nodiscard]] std::string head_with_id(const http::response_header<>& head) const {
    if (!group_.id_from || !group_.id_from->is_pattern) return {};
    std::ostringstream text;
    text << head;
    return text.str();
  }

  [[nodiscard]] bool wanted(int status) const {
    // A redirect is a complete answer too (RFC 9110, section 15.4).
    if (group_.status.empty()) return status / 100 == 2 || status / 100 == 3;
    return std::ranges::find(group_.status, status) != group_.status.end();
  }

  // The scenario's parser lets HTTP have no opening.
  awaitable<error_code> send_text(const std::string&) override { co_return error_code{}; }
  awaitable<error_code> expect_text(const std::string&) override { co_return error_code{}; }

  [[nodiscard]] std::string half_opening() const override { return half_message(""); }
  [[nodiscard]] std::string half_message(const std::string& message) const override {
    const auto text = serialized("half", message);
    return text.substr(0, text.size() / 2);
  }
};

}  // namespace

std::unique_ptr<Connection> http_connection(const ConnectionSetup& setup) {
  return std::make_unique<HttpConnection>(setup);
}

}  // namespace lastcall

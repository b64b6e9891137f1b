// Thousands of WSS clients on one thread, the same for every server that is measured. They hold
// their connections and answer Close and close_notify at once; when they are told to, each sends a
// message, waits for the answer, and sends the next.
//
//   held_clients PORT PATH COUNT
//
// Says one line of JSON for each thing that is over: all connected, one round of messages, all
// closed. A line "SECONDS MESSAGE" on standard input is a round; {id} in the message becomes a new
// number each time. Ends when all are closed, or when standard input does.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/tls_server.hpp"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using WebSocket = websocket::stream<asio::ssl::stream<tcp::socket>, false>;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
// Handshakes under way at once: keeps the server busy, and none waits as long as its patience.
constexpr std::size_t kAtOnce = 64;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

class HeldClients {
 public:
  HeldClients(asio::io_context& context, std::uint16_t port, std::string path, std::size_t count)
      : context_(context),
        server_(asio::ip::address_v4::loopback(), port),
        path_(std::move(path)),
        count_(count),
        commands_(context, STDIN_FILENO) {
    for (std::size_t i = 0; i < kAtOnce; ++i) {
      asio::co_spawn(context_, connect_some(), asio::detached);
    }
    asio::co_spawn(context_, obey(), asio::detached);
  }

 private:
  struct Client {
    WebSocket ws;
    beast::flat_buffer received{};
    std::string sent{};
  };

  asio::awaitable<void> connect_some() {
    while (begun_ < count_) {
      ++begun_;
      auto client = std::make_shared<Client>(Client{WebSocket(context_, tls_)});
      const auto failed = co_await connect(*client);
      if (failed) {
        ++failed_;
        if (problem_.empty()) problem_ = "connecting: " + failed.message();
      } else {
        clients_.push_back(client);
        asio::co_spawn(context_, read(client), asio::detached);
      }
      if (clients_.size() + failed_ < count_) continue;
      say({{"connected", clients_.size()},
           {"problem", problem_},
           {"seconds", seconds_since(begin_)}});
    }
  }

  asio::awaitable<error_code> connect(Client& client) {
    auto& socket = beast::get_lowest_layer(client.ws);
    auto [refused] = co_await socket.async_connect(server_, kTuple);
    if (refused) co_return refused;
    socket.set_option(tcp::no_delay(true));
    auto [no_tls] =
        co_await client.ws.next_layer().async_handshake(asio::ssl::stream_base::client, kTuple);
    if (no_tls) co_return no_tls;
    auto [not_upgraded] = co_await client.ws.async_handshake("127.0.0.1", path_, kTuple);
    client.ws.text(true);
    co_return not_upgraded;
  }

  asio::awaitable<void> read(std::shared_ptr<Client> client) {
    for (;;) {
      // Answers Close and close_notify; `closed` if both came in order.
      auto [ended, size] = co_await client->ws.async_read(client->received, kTuple);
      if (ended) {
        const bool in_order = ended == websocket::error::closed &&
                              client->ws.reason().code == websocket::close_code::going_away;
        if (!in_order && problem_.empty()) problem_ = "closing: " + ended.message();
        over(in_order);
        break;
      }
      ++answers_;
      if (answers_ == 1) answer_ = beast::buffers_to_string(client->received.data());
      client->received.clear();
      if (Clock::now() < until_) {
        co_await send(client);
      } else if (--waiting_ == 0) {
        say({{"messages", answers_}, {"seconds", seconds_since(begin_)}, {"answer", answer_}});
      }
    }
    error_code ignored;
    beast::get_lowest_layer(client->ws).close(ignored);
  }

  asio::awaitable<void> send(std::shared_ptr<Client> client) {
    client->sent = before_id_;
    if (has_id_) client->sent += std::to_string(++id_) + after_id_;
    co_await client->ws.async_write(asio::buffer(client->sent), kTuple);
  }

  void over(bool in_order) {
    if (closed_ == 0) begin_ = Clock::now();
    ++closed_;
    if (in_order) ++closed_in_order_;
    if (closed_ < clients_.size()) return;
    say({{"closed", closed_},
         {"in_order", closed_in_order_},
         {"problem", problem_},
         {"seconds", seconds_since(begin_)}});
    context_.stop();
  }

  asio::awaitable<void> obey() {
    for (std::string input;;) {
      auto [ended, size] =
          co_await asio::async_read_until(commands_, asio::dynamic_buffer(input), '\n', kTuple);
      if (ended) break;
      begin_round(input.substr(0, size - 1));
      input.erase(0, size);
    }
    context_.stop();
  }

  void begin_round(const std::string& command) {
    constexpr std::string_view kId = "{id}";
    std::size_t length = 0;
    const std::chrono::duration<double> time(std::stod(command, &length));
    const auto message = command.substr(length + 1);
    const auto id = message.find(kId);
    has_id_ = id != std::string::npos;
    before_id_ = message.substr(0, id);
    after_id_ = has_id_ ? message.substr(id + kId.size()) : "";
    answers_ = 0;
    begin_ = Clock::now();
    until_ = begin_ + std::chrono::duration_cast<Clock::duration>(time);
    waiting_ = clients_.size();
    for (const auto& client : clients_) asio::co_spawn(context_, send(client), asio::detached);
  }

  static void say(const boost::json::object& what) {
    std::cout << boost::json::serialize(what) << std::endl;
  }

  asio::io_context& context_;
  asio::ssl::context tls_{asio::ssl::context::tlsv13_client};
  tcp::endpoint server_;
  std::string path_;
  std::size_t count_;
  asio::posix::stream_descriptor commands_;
  std::vector<std::shared_ptr<Client>> clients_;
  std::size_t begun_ = 0, failed_ = 0, closed_ = 0, closed_in_order_ = 0;
  std::string problem_, answer_;
  Clock::time_point begin_ = Clock::now(), until_ = begin_;
  std::string before_id_, after_id_;
  bool has_id_ = false;
  std::uint64_t id_ = 0, answers_ = 0;
  std::size_t waiting_ = 0;  // clients whose answer has not come
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  bench::raise_descriptor_limit();
  asio::io_context context(1);
  const HeldClients clients(context, static_cast<std::uint16_t>(std::stoi(argv[1])), argv[2],
                            std::stoul(argv[3]));
  context.run();
}

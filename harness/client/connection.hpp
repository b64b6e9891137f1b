// One connection of a client, whatever it speaks: TCP, TLS, the opening, a reader that is always
// reading and a sender that takes turns with it, and the ways to misbehave
// (scenario/behaviour.hpp). The protocols derive from it, one .cpp each. Runs on the worker's one
// thread; errors are recorded events.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <string>

#include "base/as_tuple.hpp"
#include "base/prng.hpp"
#include "base/scoped_fd.hpp"
#include "client/session.hpp"
#include "client/transport.hpp"

namespace lastcall {

class IdFinder;
using asio::awaitable;

// After the server's Close frame the client waits for the server to close TCP (RFC 6455,
// section 7.1.1) and then, as the RFC allows, closes itself.
constexpr auto kCloseLimit = std::chrono::seconds(2);
// Bounds on what one answer may take in memory.
constexpr std::uint64_t kMessageLimit = std::uint64_t{16} << 20;
constexpr std::uint32_t kHeaderLimit = 64 * 1024;

// Closes the transport's socket when armed for too long.
class Deadline {
 public:
  explicit Deadline(Transport& transport)
      : timer_(transport.get_executor()), state_(std::make_shared<State>(State{&transport})) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() { state_->transport = nullptr; }

  void arm(Nanoseconds limit);
  void disarm() { timer_.cancel(); }
  [[nodiscard]] bool passed() const { return state_->passed; }

 private:
  // Shared with the handler, which may already be queued when the connection is destroyed.
  struct State {
    Transport* transport;
    bool passed = false;
  };
  asio::steady_timer timer_;
  std::shared_ptr<State> state_;
};

struct Failure {
  Layer layer{};
  std::string reason;
  int ours = 0;        // errno of this machine's trouble, not the server's: no LayerFailed
  std::string said{};  // one_line() of what the server said instead
};

// The two lower layers, also for readiness probes.
struct ConnectOptions {
  asio::ip::tcp::endpoint to;
  std::uint32_t source = 0;  // IPv4 address to bind to; 0: any
  bool small_receive_buffer = false;
};
awaitable<std::optional<Failure>> connect_tcp(Transport& transport, const ConnectOptions& way);
awaitable<std::optional<Failure>> handshake_tls(Transport& transport, const Endpoint& endpoint);

// How an end of the stream that the events tell about looks to a reader: it is no broken protocol.
bool is_end_of_stream(const error_code& ec);

// What a connection is made from; everything outlives it.
struct ConnectionSetup {
  SessionContext& context;
  const PlannedClient& client;
  const ClientGroup& group;
  const Endpoint& endpoint;
  std::uint32_t attempt = 0;
};

class Connection {
 public:
  explicit Connection(const ConnectionSetup& setup);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  // From connect to the end. Draws pauses from `pace`, numbers requests on from `next`.
  awaitable<void> run(Prng& pace, std::uint32_t& next);
  void hang_up();
  void target_ended();
  [[nodiscard]] bool connected() const;
  bool abort(const std::string& how);

  // The server answered something and then closed in order.
  [[nodiscard]] bool closed_between_requests() const {
    return answered_ > 0 && end_ == ConnectionEndReason::server_closed;
  }
  [[nodiscard]] bool was_opened() const { return opened_; }

 protected:
  // The protocol's own handshake, and what the scenario opens with.
  virtual awaitable<std::optional<Failure>> upgrade() { co_return std::nullopt; }
  virtual awaitable<error_code> send_text(const std::string& text) = 0;
  // Reads until `text` has come; says why it did not.
  virtual awaitable<error_code> expect_text(const std::string& text) = 0;
  virtual awaitable<error_code> send(const std::string& id, const std::string& message) = 0;
  // Reads until the connection's last message; says why it ended, if the server broke the protocol.
  virtual awaitable<std::string> read() = 0;
  // Called after the opening: begins what runs alongside the sender and the reader.
  virtual void begin_beside() {}
  virtual void end_beside() {}
  // All messages are said.
  virtual awaitable<void> say_goodbye() { co_return; }
  // Begins to end the connection, as its protocol has it; the reader sees the answer. Over TLS it
  // is close_notify (RFC 8446, section 6.1), else FIN.
  virtual awaitable<void> close_first();
  // What abort-handshake says above TCP, without TLS.
  [[nodiscard]] virtual std::string half_opening() const = 0;
  // What abort-message says.
  [[nodiscard]] virtual std::string half_message(const std::string& message) const = 0;

  // `head`: what else of it may say an id.
  void answered(RequestEnd end, int status, std::string_view answer, std::string_view head = {});
  // Something came, and it is not what the opening or the request under way awaits. Of several the
  // first is kept.
  void heard(std::string_view bytes);
  // Placeholders, and the lengths of what is sent.
  [[nodiscard]] std::string fill(const std::string& text, const std::string& id = "") const;
  [[nodiscard]] std::string authority() const;  // host:port
  [[nodiscard]] bool is_gone() const { return hung_up_ || !left_.empty(); }
  [[nodiscard]] bool is_over() const { return closing_ || is_gone(); }
  // In `fragments` pieces, in order; only the pieces are cut, so that empty ones may be among them.
  [[nodiscard]] std::vector<std::string_view> pieces(std::string_view message) const;
  // Runs `work` alongside the connection, which ends after it.
  void beside(awaitable<void> work);

  SessionContext& context_;
  const PlannedClient& client_;
  const ClientGroup& group_;
  const Endpoint& endpoint_;
  ConnectionId id_;
  ConnectionLog log_;
  Transport transport_;
  Deadline deadline_;
  std::string awaited_;  // not HTTP: the text that acknowledges the request under way
  bool last_ = false;    // the server announced that it closes, or the client said goodbye
  bool said_goodbye_ = false;

 private:
  awaitable<std::optional<Failure>> come_up();
  awaitable<std::optional<Failure>> say_opening();
  awaitable<void> end_after(const Failure& failure);
  awaitable<void> read_while_sending(Prng& pace, std::uint32_t& next);
  awaitable<void> send_requests(Prng& pace, std::uint32_t& next);
  [[nodiscard]] bool may_leave() const { return client_.leaves_after > 0 && !context_.stop_begun; }
  awaitable<void> end_in_order();

  // The misbehaviours (connection_misbehaves.cpp).
  [[nodiscard]] bool misbehaves_below_tls();
  awaitable<void> abort_handshake();
  awaitable<void> be_silent();
  awaitable<void> send_garbage(bool below_tls);
  awaitable<void> misbehave_at_its_moment();
  awaitable<void> abort_message();
  awaitable<void> hold_on();
  void vanish();
  void leave_by_reset(const std::string& how);
  void leave(bool by_reset);

  awaitable<void> wait(TimePoint until = TimePoint::max());
  awaitable<void> all_beside_ended();
  void close();
  void finish(const std::string& problem);

  asio::steady_timer wake_;    // the sender's and the reader's
  asio::steady_timer moment_;  // the misbehaviour's
  Prng misdeeds_;
  std::shared_ptr<const IdFinder> id_finder_;  // null: no answer says an id
  ScopedFd mute_;                              // half-open without the capability
  std::string left_;                           // how the client went away
  std::string heard_;                          // in place of what is awaited
  unsigned beside_ = 0;                        // coroutines alongside the reader
  bool opened_ = false;                        // handshake and opening are done
  bool closing_ = false;                       // the reader is through
  bool closed_first_ = false;                  // then nothing that the server does cuts it off
  bool hung_up_ = false;
  bool target_ended_ = false;
  bool held_on_ = false;  // never-closes: until the target was gone
  std::uint32_t answered_ = 0;
  ConnectionEndReason end_{};
};

std::unique_ptr<Connection> websocket_connection(const ConnectionSetup& setup);
std::unique_ptr<Connection> http_connection(const ConnectionSetup& setup);
std::unique_ptr<Connection> raw_connection(const ConnectionSetup& setup);

}  // namespace lastcall

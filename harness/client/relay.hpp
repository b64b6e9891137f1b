// One connection through the proxy: two sockets, and what is passed on from each to the other. FIN
// and RST are passed on like bytes, in their place. Faults change how and whether things are passed
// on. Used from the worker's one thread; owned by the Proxy and by its own coroutines. It never
// fails: what a socket says ends up at the other one.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "fault/fault.hpp"
#include "history/event_sink.hpp"

namespace lastcall {

namespace asio = boost::asio;

class Relay : public std::enable_shared_from_this<Relay> {
 public:
  // Both sockets are connected. `on_over` is called once, unless the relay is destroyed first.
  Relay(ConnectionId id, EventSink& events, asio::ip::tcp::socket client,
        asio::ip::tcp::socket target, std::function<void()> on_over);
  void start();

  // Does this fault to the connection and records when it takes effect; a way that has already
  // ended is beyond it.
  void disturb(FaultId fault, const DisturbNetwork& what);
  // Nothing reaches the client for so long at least, not even an end.
  [[nodiscard]] bool silent_for_client(Nanoseconds span) const {
    return to_client_.cut || to_client_.delay >= span || to_client_.stalled_until >= now() + span;
  }
  // Closes both sockets; `on_over` is not called.
  void abandon();

 private:
  struct Piece {
    enum class Kind : std::uint8_t { data, fin, reset };
    Kind kind{};
    std::string bytes;
    TimePoint due{};  // not passed on before
  };
  // One direction.
  struct Way {
    Way(asio::ip::tcp::socket& from_, asio::ip::tcp::socket& to_)
        : from(from_),
          to(to_),
          wake(to_.get_executor()),
          room(to_.get_executor()),
          overtake(to_.get_executor()) {}
    asio::ip::tcp::socket& from;
    asio::ip::tcp::socket& to;
    std::deque<Piece> queue;
    std::size_t queued = 0;    // what the queue costs in memory
    std::size_t offset = 0;    // of its first piece, already passed on
    std::uint64_t passed = 0;  // bytes
    Nanoseconds delay{};
    TimePoint stalled_until{};
    std::optional<std::uint64_t> limit;  // bytes, then FIN
    FaultId limit_fault;
    bool cut = false;           // nothing is passed on any more
    bool sealed = false;        // only a reset is still taken from the source
    bool orphaned = false;      // `to` was reset: whatever the source says next draws a reset
    bool source_ended = false;  // it sent FIN or RST
    bool watching = false;      // its reader waits for an error only
    bool hung_up = false;       // its error condition was looked at
    bool fin_passed = false;
    asio::steady_timer wake;      // the writer's
    asio::steady_timer room;      // the reader's
    asio::steady_timer overtake;  // a reset is due
  };

  asio::awaitable<void> read(Way& way);
  asio::awaitable<void> watch_for_reset(Way& way);
  asio::awaitable<void> write(Way& way);
  bool take(Way& way);
  void push(Way& way, Piece::Kind kind, std::string bytes = {});
  bool pass(Way& way);
  void pass_fin(Way& way);
  void drop_queue(Way& way);
  void lost(Way& way);
  [[nodiscard]] static bool reset_is_due(const Way& way);

  void stall(Way& way, Nanoseconds duration);
  void cut(Way& way);
  void half_close(Way& way);
  void reset_toward(FaultId fault, Toward toward);
  void truncate(Way& way, FaultId fault, std::uint64_t at_byte);
  void end_short(Way& way);

  [[nodiscard]] std::vector<Way*> open_ways(Toward toward);
  Way& opposite(const Way& way) { return &way == &to_target_ ? to_client_ : to_target_; }
  void disturbed(FaultId fault);
  static void kick(Way& way);
  void close_when_both_ended();
  void close();

  ConnectionId id_;
  EventSink& events_;
  asio::ip::tcp::socket client_;
  asio::ip::tcp::socket target_;
  std::function<void()> on_over_;
  Way to_target_{client_, target_};
  Way to_client_{target_, client_};
  std::optional<FaultId> truncated_by_;
  bool over_ = false;
};

}  // namespace lastcall

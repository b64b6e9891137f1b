#include "client/relay.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "base/as_tuple.hpp"

namespace lastcall {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

// What one way of a connection may hold: as much as a socket buffer of the kernel. A delay times a
// rate beyond it is slowed down by back-pressure.
constexpr std::size_t kQueueLimit = std::size_t{256} << 10;
// A piece of one byte costs its bookkeeping too.
constexpr std::size_t kPieceCost = 96;
constexpr std::size_t kReadSize = std::size_t{32} << 10;
// After this many reads, a source that never pauses lets the others have their turn.
constexpr int kReadsInARow = 16;

bool not_now(const error_code& ec) {
  return ec == asio::error::would_block || ec == asio::error::try_again;
}

void reset(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

// The pending error of a socket, which this consumes.
bool has_error(tcp::socket& socket) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
         error != 0;
}

asio::awaitable<void> sleep(asio::steady_timer& timer, TimePoint until = TimePoint::max()) {
  timer.expires_at(until);
  co_await timer.async_wait(kTuple);
}

}  // namespace

Relay::Relay(ConnectionId id, EventSink& events, tcp::socket client, tcp::socket target,
             std::function<void()> on_over)
    : id_(id),
      events_(events),
      client_(std::move(client)),
      target_(std::move(target)),
      on_over_(std::move(on_over)) {}

void Relay::start() {
  for (auto* socket : {&client_, &target_}) {
    error_code ignored;
    socket->non_blocking(true, ignored);
    socket->set_option(tcp::no_delay(true), ignored);
  }
  for (auto* way : {&to_target_, &to_client_}) {
    const auto keep = [self = shared_from_this()](std::exception_ptr failure) {
      if (failure) std::rethrow_exception(failure);
    };
    asio::co_spawn(client_.get_executor(), read(*way), keep);
    asio::co_spawn(client_.get_executor(), write(*way), keep);
  }
}

asio::awaitable<void> Relay::read(Way& way) {
  int in_a_row = 0;
  while (!over_) {
    if (way.cut) {
      co_await sleep(way.room);
    } else if (way.source_ended || way.queued >= kQueueLimit) {
      co_await watch_for_reset(way);
    } else if (!take(way)) {
      co_await way.from.async_wait(tcp::socket::wait_read, kTuple);
    } else if (++in_a_row % kReadsInARow == 0) {
      co_await asio::post(way.from.get_executor(), asio::use_awaitable);
    }
  }
}

// While nothing is read: a reset comes without being read for. Returns when there is one, or room,
// or for no reason.
asio::awaitable<void> Relay::watch_for_reset(Way& way) {
  if (way.hung_up) {
    co_await sleep(way.room);
    co_return;
  }
  way.watching = true;
  auto [ec] = co_await way.from.async_wait(tcp::socket::wait_error, kTuple);
  way.watching = false;
  if (ec || over_ || way.cut) co_return;
  way.hung_up = true;  // so it would be reported again and again
  if (!has_error(way.from)) co_return;
  way.source_ended = true;
  push(way, Piece::Kind::reset);
}

// Reads once without waiting; false if there was nothing to read.
bool Relay::take(Way& way) {
  std::array<char, kReadSize> block;
  error_code ec;
  const auto n = way.from.read_some(asio::buffer(block), ec);
  if (not_now(ec)) return false;
  if (way.orphaned) {  // as the kernel of a host that knows no such connection
    reset(way.from);
    close();
  } else if (!ec) {
    push(way, Piece::Kind::data, {block.data(), n});
  } else {
    way.source_ended = true;
    push(way, ec == asio::error::eof ? Piece::Kind::fin : Piece::Kind::reset);
  }
  return true;
}

void Relay::push(Way& way, Piece::Kind kind, std::string bytes) {
  if (way.cut) return;
  if (way.sealed && kind != Piece::Kind::reset) return close_when_both_ended();
  const auto due = now() + way.delay;
  way.queued += bytes.size() + kPieceCost;
  way.queue.push_back({kind, std::move(bytes), due});
  way.wake.cancel();
  if (kind != Piece::Kind::reset) return;
  // A reset does not wait for a receiver that does not read.
  way.overtake.expires_at(std::max(due, way.stalled_until));
  way.overtake.async_wait([self = weak_from_this(), &way](error_code ec) {
    if (const auto relay = self.lock(); relay && !ec && !relay->over_) kick(way);
  });
}

bool Relay::reset_is_due(const Way& way) {
  return !way.queue.empty() && way.queue.back().kind == Piece::Kind::reset &&
         std::max(way.queue.back().due, way.stalled_until) <= now();
}

asio::awaitable<void> Relay::write(Way& way) {
  while (!over_) {
    if (way.cut || way.queue.empty()) {
      co_await sleep(way.wake);
      continue;
    }
    const auto ready = std::max(way.queue.front().due, way.stalled_until);
    if (ready > now()) {
      co_await sleep(way.wake, ready);
    } else if (!pass(way)) {
      if (reset_is_due(way)) {
        reset(way.to);
        close();
      } else {
        co_await way.to.async_wait(tcp::socket::wait_write, kTuple);
      }
    }
  }
}

// Passes the first piece on, or part of it; false if the receiver takes nothing now.
bool Relay::pass(Way& way) {
  auto& piece = way.queue.front();
  if (piece.kind == Piece::Kind::reset) {
    reset(way.to);
    close();
    return true;
  }
  if (piece.kind == Piece::Kind::fin) {
    pass_fin(way);
    return true;
  }
  auto size = piece.bytes.size() - way.offset;
  if (way.limit) size = std::min<std::uint64_t>(size, *way.limit - way.passed);
  error_code ec;
  const auto n = way.to.write_some(asio::buffer(piece.bytes.data() + way.offset, size), ec);
  if (not_now(ec)) return false;
  if (ec) {
    lost(way);
    return true;
  }
  way.passed += n;
  way.offset += n;
  if (way.offset == piece.bytes.size()) {
    way.queued -= piece.bytes.size() + kPieceCost;
    way.offset = 0;
    way.queue.pop_front();
    way.room.cancel();
    error_code ignored;
    if (way.watching) way.from.cancel(ignored);
  }
  if (way.limit == way.passed) end_short(way);
  return true;
}

void Relay::pass_fin(Way& way) {
  drop_queue(way);
  way.sealed = true;
  way.fin_passed = true;
  error_code ignored;
  way.to.shutdown(tcp::socket::shutdown_send, ignored);
  close_when_both_ended();
}

void Relay::drop_queue(Way& way) {
  way.queue.clear();
  way.queued = 0;
  way.offset = 0;
  way.room.cancel();
}

// Writing found out that the receiver has reset the connection: that goes to the other side, after
// what the receiver said before.
void Relay::lost(Way& way) {
  drop_queue(way);
  way.sealed = true;
  auto& back = opposite(way);
  std::array<char, kReadSize> block;
  error_code ec;
  while (!back.source_ended && !back.cut) {
    const auto n = back.from.read_some(asio::buffer(block), ec);
    if (ec || n == 0) break;
    push(back, Piece::Kind::data, {block.data(), n});
  }
  back.source_ended = true;
  back.hung_up = true;
  push(back, Piece::Kind::reset);
}

void Relay::close_when_both_ended() {
  if (to_target_.fin_passed && to_target_.source_ended && to_client_.fin_passed &&
      to_client_.source_ended) {
    close();
  }
}

void Relay::close() {
  if (over_) return;
  abandon();
  on_over_();
}

void Relay::abandon() {
  over_ = true;
  for (auto* way : {&to_target_, &to_client_}) {
    error_code ignored;
    way->to.close(ignored);
    way->wake.cancel();
    way->room.cancel();
    way->overtake.cancel();
  }
}

// Whatever reader and writer of this way wait for, they look again.
void Relay::kick(Way& way) {
  error_code ignored;
  way.wake.cancel();
  way.room.cancel();
  way.to.cancel(ignored);
  way.from.cancel(ignored);
}

void Relay::disturbed(FaultId fault) {
  events_.record(NetworkDisturbed{id_, fault, to_target_.passed, to_client_.passed});
}

std::vector<Relay::Way*> Relay::open_ways(Toward toward) {
  std::vector<Way*> ways;
  if (toward != Toward::clients) ways.push_back(&to_target_);
  if (toward != Toward::target) ways.push_back(&to_client_);
  std::erase_if(ways, [](const Way* way) { return way->sealed || way->cut || way->orphaned; });
  return ways;
}

void Relay::disturb(FaultId fault, const DisturbNetwork& what) {
  if (over_) return;
  if (what.action == NetworkAction::reset) return reset_toward(fault, what.toward);
  const auto ways = open_ways(what.toward);
  if (ways.empty()) return;
  if (what.action != NetworkAction::truncate) disturbed(fault);  // that comes at its byte
  for (auto* way : ways) {
    switch (what.action) {
      case NetworkAction::delay:
        way->delay = what.duration;
        break;
      case NetworkAction::stall:
        stall(*way, what.duration);
        break;
      case NetworkAction::cut:
        cut(*way);
        break;
      case NetworkAction::half_close:
        half_close(*way);
        break;
      case NetworkAction::truncate:
        truncate(*way, fault, what.at_byte);
        break;
      case NetworkAction::reset:
        break;
    }
  }
}

void Relay::stall(Way& way, Nanoseconds duration) {
  way.stalled_until = std::max(way.stalled_until, now() + duration);
  kick(way);
}

void Relay::cut(Way& way) {
  way.cut = true;
  drop_queue(way);
  kick(way);
}

// After what was already read, whenever that gets through.
void Relay::half_close(Way& way) {
  if (std::exchange(way.sealed, true)) return;
  const auto due = way.queue.empty() ? now() : way.queue.back().due;
  way.queued += kPieceCost;
  way.queue.push_back({Piece::Kind::fin, {}, due});
  kick(way);
}

void Relay::reset_toward(FaultId fault, Toward toward) {
  const bool half_gone = to_target_.orphaned || to_client_.orphaned;
  if (half_gone && toward != Toward::both) return;
  disturbed(fault);
  if (toward == Toward::both) {
    reset(client_);
    reset(target_);
    return close();
  }
  Way& way = toward == Toward::target ? to_target_ : to_client_;
  reset(way.to);
  cut(opposite(way));
  way.orphaned = true;
  drop_queue(way);
  kick(way);
}

void Relay::truncate(Way& way, FaultId fault, std::uint64_t at_byte) {
  if (way.limit && *way.limit <= at_byte) return;
  way.limit = std::max(at_byte, way.passed);
  way.limit_fault = fault;
  if (*way.limit == way.passed) end_short(way);
}

// The limit is reached: nothing that comes later counts, FIN.
void Relay::end_short(Way& way) {
  if (std::exchange(truncated_by_, way.limit_fault) != way.limit_fault) disturbed(way.limit_fault);
  pass_fin(way);
}

}  // namespace lastcall

#include "client/proxy.hpp"

#include <poll.h>

#include <cerrno>

#include "client/fault_victims.hpp"

namespace lastcall {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

// Connecting over the loopback interface is done within the call, unless the kernel's soft
// interrupts are deferred on an overloaded machine.
constexpr int kPairLimit = 1000;  // milliseconds
// The proxy closes connections of others to its port; this many in a row are an attack.
constexpr int kStrangers = 64;

error_code wait_for(const tcp::socket::native_handle_type socket, short events) {
  pollfd one{socket, events, 0};
  int found = 0;
  do {
    found = ::poll(&one, 1, kPairLimit);
  } while (found < 0 && errno == EINTR);
  if (found < 0) return {errno, boost::system::system_category()};
  return found == 0 ? error_code(asio::error::timed_out) : error_code();
}

error_code connect_now(tcp::socket& socket, const tcp::endpoint& to) {
  error_code ec;
  socket.open(to.protocol(), ec);
  if (!ec) socket.non_blocking(true, ec);
  if (ec) return ec;
  if (::connect(socket.native_handle(), to.data(), static_cast<socklen_t>(to.size())) == 0)
    return {};
  if (errno != EINPROGRESS) return {errno, boost::system::system_category()};
  if (ec = wait_for(socket.native_handle(), POLLOUT); ec) return ec;
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
  return {error, boost::system::system_category()};
}

// A client that asked for a small receive buffer gets it on its own side too: back-pressure is what
// it is for.
void copy_receive_buffer(const tcp::socket& from, tcp::socket& to) {
  error_code ec;
  asio::socket_base::receive_buffer_size wanted;
  asio::socket_base::receive_buffer_size usual;
  from.get_option(wanted, ec);
  if (!ec) to.get_option(usual, ec);
  if (ec || wanted.value() >= usual.value()) return;
  // socket(7): the kernel doubles what is set, and says the doubled value.
  to.set_option(asio::socket_base::receive_buffer_size(wanted.value() / 2), ec);
}

}  // namespace

Proxy::Proxy(asio::io_context& io, EventSink& events, std::uint64_t plan_seed)
    : io_(io), events_(events), plan_seed_(plan_seed), listener_(io) {}

Proxy::~Proxy() {
  for (const auto& [id, relay] : relays_) relay->abandon();
}

error_code Proxy::connect_pair(tcp::socket& outer, tcp::socket& inner) {
  error_code ec;
  if (!listener_.is_open()) {
    const tcp::endpoint anywhere(asio::ip::address_v4::loopback(), 0);
    listener_.open(anywhere.protocol(), ec);
    if (!ec) listener_.bind(anywhere, ec);
    if (!ec) listener_.listen(asio::socket_base::max_listen_connections, ec);
    if (!ec) listener_.non_blocking(true, ec);
  }
  const auto address = ec ? tcp::endpoint() : listener_.local_endpoint(ec);
  if (!ec) ec = connect_now(outer, address);
  const auto mine = ec ? tcp::endpoint() : outer.local_endpoint(ec);
  for (int strangers = 0; !ec && strangers < kStrangers; ++strangers) {
    if (ec = wait_for(listener_.native_handle(), POLLIN); ec) break;
    tcp::endpoint peer;
    inner = listener_.accept(peer, ec);
    if (!ec && peer == mine) return {};
  }
  return ec ? ec : error_code(asio::error::connection_aborted);
}

error_code Proxy::interpose(ConnectionId id, tcp::socket& socket) {
  tcp::socket outer(io_);
  tcp::socket inner(io_);
  if (const auto ec = connect_pair(outer, inner)) {
    events_.record(EventsLost{"proxy", "a connection through the proxy: " + ec.message()});
    return ec;
  }
  copy_receive_buffer(socket, outer);
  error_code ignored;
  outer.non_blocking(false, ignored);  // as a fresh socket
  const auto relay = std::make_shared<Relay>(id, events_, std::move(inner), std::move(socket),
                                             [this, id] { relays_.erase(id); });
  socket = std::move(outer);
  relays_[id] = relay;
  relay->start();
  for (const auto& [fault, what] : standing_) {
    if (is_chosen(id.value, what.percent, choice_seed(plan_seed_, fault)))
      relay->disturb(fault, what);
  }
  return {};
}

void Proxy::disturb(FaultId fault, const DisturbNetwork& what) {
  if (what.action == NetworkAction::delay || what.action == NetworkAction::truncate)
    standing_.emplace_back(fault, what);
  std::vector<std::uint64_t> open;
  for (const auto& [id, relay] : relays_) open.push_back(id.value);
  for (const auto number : chosen(std::move(open), what.percent, choice_seed(plan_seed_, fault))) {
    const auto relay = relays_.at(ConnectionId{number});  // it may erase itself
    relay->disturb(fault, what);
  }
}

std::vector<ConnectionId> Proxy::silent_for_client(Nanoseconds span) const {
  std::vector<ConnectionId> ids;
  for (const auto& [id, relay] : relays_) {
    if (relay->silent_for_client(span)) ids.push_back(id);
  }
  return ids;
}

}  // namespace lastcall

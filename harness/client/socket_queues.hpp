// What the kernel knows of the connections that the target's sockets hold: who was accepted, how
// many bytes of each the program has read, how many wait. Asked just before the signal that begins
// the stop, it tells the requests that the target had taken on from those that it had not; asked at
// the deadline, who still held a target that hangs.
//
// One sock_diag dump a family (sock_diag(7)), filtered in the kernel by the target's ports; where
// netlink is refused, /proc/net/tcp and tcp6 (proc(5)), which do not say how much was read. Both
// show the caller's own network namespace: of a target in another one nothing is found, which means
// that nothing is known. At the stop: established connections and those whose client has sent FIN;
// what the target itself has closed owes nobody an answer. Blocks for some microseconds a
// connection; no state, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "history/event_sink.hpp"
#include "history/socket_list.hpp"
#include "plan/plan.hpp"
#include "scenario/placeholders.hpp"

namespace lastcall {

enum class WhichSockets : std::uint8_t {
  open,      // connections to which the target can still send
  all_held,  // also those whose sending side it has ended, and listeners
};

// A connection as the target's end of it shows, or a listener, which has only a port.
struct TargetSocket {
  std::uint16_t port = 0;  // the target's
  std::string address;     // the client's; IPv4 also where the target listens for IPv6 (v4-mapped)
  SocketSeen seen;
  bool listening = false;
  friend bool operator==(const TargetSocket&, const TargetSocket&) = default;
};

// An error: nothing is known. At most a million connections.
Result<std::vector<TargetSocket>> target_sockets(const std::vector<std::uint16_t>& ports,
                                                 WhichSockets which = WhichSockets::open);

// One datagram of an answer to a dump: adds its connections to these ports. True: the dump goes on.
// An error is what the kernel answered, or that the bytes are no such answer.
Result<bool> add_dumped(std::string_view datagram, const std::vector<std::uint16_t>& ports,
                        std::vector<TargetSocket>& sockets);
// Adds those of the text of /proc/net/tcp or tcp6.
void add_listed(std::string_view text, const std::vector<std::uint16_t>& ports, WhichSockets which,
                std::vector<TargetSocket>& sockets);

// The ports that the clients of a plan connect to.
std::vector<std::uint16_t> client_ports(const Plan& plan, const Placeholders& placeholders);

// Asks, and records SocketsAtStop with the time at which it began to ask. An error is recorded too.
void record_sockets(EventSink& events, const std::vector<std::uint16_t>& ports);
// The same with SocketsAtDeadline, of all that is held, and an event for each port.
void record_sockets_at_deadline(EventSink& events, const std::vector<std::uint16_t>& ports);

// "127.0.0.1:40001", as LayerUp::local has it: from an address of SocketsAtStop and a port.
std::string local_end(std::string_view address, std::uint16_t port);

}  // namespace lastcall

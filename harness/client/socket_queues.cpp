#include "client/socket_queues.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <sstream>
#include <utility>

#include "base/file.hpp"
#include "base/scoped_fd.hpp"
#include "client/session.hpp"

namespace lastcall {
namespace {

// States of the kernel's include/net/tcp_states.h.
constexpr unsigned kEstablished = 1;
constexpr unsigned kFinWait1 = 4;   // the target has sent FIN
constexpr unsigned kFinWait2 = 5;   // and the client knows
constexpr unsigned kCloseWait = 8;  // the client has sent FIN
constexpr unsigned kListen = 10;
constexpr std::size_t kMaxSockets = 1'000'000;
// The kernel fills 32 KiB at most for a reader that takes that much, netlink(7).
constexpr std::size_t kDatagram = std::size_t{64} << 10;
// A dump is answered within the call; a kernel that is silent for so long will stay so.
constexpr timeval kPatience{.tv_sec = 2, .tv_usec = 0};
// The text of one event, whose strings end at 64 KiB.
constexpr std::size_t kLongestList = 60'000;

bool holds(const std::vector<std::uint16_t>& ports, std::uint16_t port) {
  return std::ranges::find(ports, port) != ports.end();
}

bool is_wanted(unsigned state, WhichSockets which) {
  if (state == kEstablished || state == kCloseWait) return true;
  return which == WhichSockets::all_held &&
         (state == kListen || state == kFinWait1 || state == kFinWait2);
}

HalfClosed half_closed(unsigned state) {
  if (state == kCloseWait) return HalfClosed::client;
  return state == kFinWait1 || state == kFinWait2 ? HalfClosed::target : HalfClosed::nobody;
}

// A socket that the target has closed goes on without it while its last bytes are on their way.
bool is_orphan(const TargetSocket& socket) {
  return socket.seen.half == HalfClosed::target && !socket.seen.accepted;
}

// An address in network byte order, four or sixteen bytes. The kernel gives a connection over IPv4
// to a socket of IPv6 an address of ::ffff:0:0/96.
std::string address_text(int family, const unsigned char* bytes) {
  constexpr std::array<unsigned char, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  if (family == AF_INET6 && std::equal(kMapped.begin(), kMapped.end(), bytes)) {
    family = AF_INET;
    bytes += kMapped.size();
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(family, bytes, text.data(), text.size()) == nullptr ? "" : text.data();
}

// --- sock_diag ---

template <class Part>
void append(std::string& bytes, const Part& part) {
  bytes.append(reinterpret_cast<const char*>(&part), sizeof part);
}

// A program for the kernel's filter: this port of the target's, or that one, or … Each condition
// goes on behind the jump that follows it if it does not hold; the last then goes beyond the end,
// which rejects (the kernel's net/ipv4/inet_diag.c, inet_diag_bc_run).
std::string filter(const std::vector<std::uint16_t>& ports) {
  constexpr auto kCondition = sizeof(inet_diag_bc_op) + sizeof(inet_diag_hostcond);
  constexpr auto kJump = sizeof(inet_diag_bc_op);
  std::string program;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    append(program, inet_diag_bc_op{.code = INET_DIAG_BC_S_COND,
                                    .yes = kCondition,
                                    .no = static_cast<std::uint16_t>(kCondition + kJump)});
    append(program, inet_diag_hostcond{.family = AF_UNSPEC, .prefix_len = 0, .port = ports[i]});
    // To the end, which accepts: over this jump and the conditions behind it, the last without one.
    const auto left = (ports.size() - 1 - i) * (kCondition + kJump);
    if (left == 0) continue;
    append(program,
           inet_diag_bc_op{
               .code = INET_DIAG_BC_JMP, .yes = kJump, .no = static_cast<std::uint16_t>(left)});
  }
  return program;
}

std::string dump_request(unsigned char family, const std::vector<std::uint16_t>& ports,
                         WhichSockets which) {
  inet_diag_req_v2 wanted{};
  wanted.sdiag_family = family;
  wanted.sdiag_protocol = IPPROTO_TCP;
  wanted.idiag_ext = 1U << (INET_DIAG_INFO - 1);
  for (unsigned state = 1; state <= kListen; ++state)
    wanted.idiag_states |= is_wanted(state, which) ? 1U << state : 0U;
  const auto program = filter(ports);
  const nlattr attribute{.nla_len = static_cast<std::uint16_t>(NLA_HDRLEN + program.size()),
                         .nla_type = INET_DIAG_REQ_BYTECODE};
  nlmsghdr header{};
  header.nlmsg_len =
      static_cast<std::uint32_t>(sizeof header + sizeof wanted + sizeof attribute + program.size());
  header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  std::string request;
  append(request, header);
  append(request, wanted);
  append(request, attribute);
  return request + program;
}

template <class Part>
std::optional<Part> front(std::string_view bytes) {
  Part part;
  if (bytes.size() < sizeof part) return std::nullopt;
  std::memcpy(&part, bytes.data(), sizeof part);
  return part;
}

// How much the program has received, read or not; nothing from a kernel that does not count it.
std::optional<std::uint64_t> received(std::string_view attributes) {
  // tcpi_bytes_received of the kernel's tcp_info (include/uapi/linux/tcp.h), whose header does not
  // go with the C library's.
  constexpr std::size_t kField = 128;
  for (auto attribute = front<nlattr>(attributes); attribute;
       attribute = front<nlattr>(attributes)) {
    const std::size_t length = attribute->nla_len;
    if (length < NLA_HDRLEN || length > attributes.size()) return std::nullopt;
    if (attribute->nla_type == INET_DIAG_INFO &&
        length >= NLA_HDRLEN + kField + sizeof(std::uint64_t))
      return front<std::uint64_t>(attributes.substr(NLA_HDRLEN + kField));
    attributes.remove_prefix(std::min<std::size_t>(NLA_ALIGN(length), attributes.size()));
  }
  return std::nullopt;
}

// The queue is looked at first, then what was received: what comes between the two can only make
// the program look as if it had read bytes that the client was just about to write.
std::optional<TargetSocket> dumped(std::string_view payload) {
  const auto found = front<inet_diag_msg>(payload);
  if (!found) return std::nullopt;
  TargetSocket socket;
  socket.port = ntohs(found->id.idiag_sport);
  if (found->idiag_state == kListen) {
    socket.listening = true;
    return socket;
  }
  socket.address = address_text(found->idiag_family,
                                reinterpret_cast<const unsigned char*>(found->id.idiag_dst));
  socket.seen.client = ntohs(found->id.idiag_dport);
  socket.seen.accepted = found->idiag_inode != 0;
  socket.seen.half = half_closed(found->idiag_state);
  if (!socket.seen.accepted) return socket;
  socket.seen.waiting = found->idiag_rqueue;
  const auto all = received(payload.substr(sizeof *found));
  if (all && *all >= socket.seen.waiting) socket.seen.read = *all - socket.seen.waiting;
  return socket;
}

Error refused(int error, std::string why = "") {
  return {"ask the kernel for its TCP connections", "", error, std::move(why)};
}

Result<std::vector<TargetSocket>> dump(const std::vector<std::uint16_t>& ports,
                                       WhichSockets which) {
  const ScopedFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink) return refused(errno);
  (void)::setsockopt(netlink.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  std::vector<TargetSocket> sockets;
  std::string datagram(kDatagram, '\0');
  for (const unsigned char family : {AF_INET, AF_INET6}) {
    const auto request = dump_request(family, ports, which);
    if (::send(netlink.get(), request.data(), request.size(), 0) < 0) return refused(errno);
    for (bool goes_on = true; goes_on;) {
      const auto size = ::recv(netlink.get(), datagram.data(), datagram.size(), MSG_TRUNC);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return refused(errno);
      if (static_cast<std::size_t>(size) > datagram.size()) return refused(0, "cut off");
      const auto added =
          add_dumped({datagram.data(), static_cast<std::size_t>(size)}, ports, sockets);
      if (!added) return added.error();
      if (sockets.size() > kMaxSockets) return refused(0, "more than a million connections");
      goes_on = *added;
    }
  }
  return sockets;
}

// --- /proc/net/tcp ---

struct ListedEnd {
  std::string address;
  std::uint16_t port = 0;
};

// "0100007F:1F90": words of four bytes in the order of this machine, and a port.
std::optional<ListedEnd> listed_end(const std::string& text) {
  const auto colon = text.find(':');
  if (colon != 8 && colon != 32) return std::nullopt;
  std::array<unsigned char, 16> bytes{};
  for (std::size_t i = 0; i < colon; i += 8) {
    const auto word =
        static_cast<std::uint32_t>(std::strtoul(text.substr(i, 8).c_str(), nullptr, 16));
    std::memcpy(bytes.data() + (i / 2), &word, sizeof word);
  }
  return ListedEnd{address_text(colon == 8 ? AF_INET : AF_INET6, bytes.data()),
                   static_cast<std::uint16_t>(std::strtoul(text.c_str() + colon + 1, nullptr, 16))};
}

// By port and the clients' address, each list as long as one event can hold.
using Lists = std::multimap<std::pair<std::uint16_t, std::string>, std::string>;

Lists lists_of(const std::vector<TargetSocket>& sockets) {
  Lists lists;
  std::map<Lists::key_type, Lists::iterator> open;  // those that have room
  for (const auto& socket : sockets) {
    if (socket.listening) continue;
    const Lists::key_type key(socket.port, socket.address);
    auto& at = open.try_emplace(key, lists.end()).first->second;
    if (at == lists.end() || at->second.size() > kLongestList) at = lists.emplace(key, "");
    at->second += (at->second.empty() ? "" : " ") + to_text(socket.seen);
  }
  return lists;
}

Result<std::vector<TargetSocket>> list(const std::vector<std::uint16_t>& ports,
                                       WhichSockets which) {
  std::vector<TargetSocket> sockets;
  const auto tcp = read_file("/proc/net/tcp");
  if (!tcp) return tcp.error();
  add_listed(*tcp, ports, which, sockets);
  // Not there without IPv6.
  if (const auto tcp6 = read_file("/proc/net/tcp6")) add_listed(*tcp6, ports, which, sockets);
  return sockets;
}

}  // namespace

Result<bool> add_dumped(std::string_view datagram, const std::vector<std::uint16_t>& ports,
                        std::vector<TargetSocket>& sockets) {
  while (!datagram.empty()) {
    const auto header = front<nlmsghdr>(datagram);
    if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > datagram.size())
      return refused(0, "a malformed answer");
    const auto payload = datagram.substr(sizeof *header, header->nlmsg_len - sizeof *header);
    if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) {
      // Both carry a negative errno; a dump that is done says how it went.
      const auto error = front<std::int32_t>(payload).value_or(0);
      if (error < 0) return refused(-error);
      return false;
    }
    if (header->nlmsg_type == SOCK_DIAG_BY_FAMILY) {
      auto socket = dumped(payload);
      if (!socket) return refused(0, "a malformed answer");
      if (holds(ports, socket->port) && !is_orphan(*socket)) sockets.push_back(std::move(*socket));
    }
    datagram.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(header->nlmsg_len), datagram.size()));
  }
  return true;
}

void add_listed(std::string_view text, const std::vector<std::uint16_t>& ports, WhichSockets which,
                std::vector<TargetSocket>& sockets) {
  std::istringstream lines{std::string(text)};
  std::string line;
  std::getline(lines, line);  // the heading
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string number, local, remote, state, queues, timer, retransmits, user, timeout;
    std::uint64_t inode = 0;
    if (!(words >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >>
          timeout >> inode)) {
      continue;
    }
    const auto code = static_cast<unsigned>(std::strtoul(state.c_str(), nullptr, 16));
    const auto target = listed_end(local);
    const auto client = listed_end(remote);
    const auto colon = queues.find(':');
    if (!target || !client || colon == std::string::npos || !holds(ports, target->port) ||
        !is_wanted(code, which)) {
      continue;
    }
    if (code == kListen) {
      sockets.push_back({.port = target->port, .address = "", .seen = {}, .listening = true});
      continue;
    }
    SocketSeen seen{.client = client->port, .accepted = inode != 0, .half = half_closed(code)};
    if (seen.accepted) seen.waiting = std::strtoull(queues.c_str() + colon + 1, nullptr, 16);
    TargetSocket socket{target->port, client->address, seen};
    if (!is_orphan(socket)) sockets.push_back(std::move(socket));
  }
}

Result<std::vector<TargetSocket>> target_sockets(const std::vector<std::uint16_t>& ports,
                                                 WhichSockets which) {
  if (ports.empty()) return std::vector<TargetSocket>();
  auto dumped = dump(ports, which);
  if (dumped) return dumped;
  auto listed = list(ports, which);
  return listed ? std::move(listed) : std::move(dumped);
}

std::vector<std::uint16_t> client_ports(const Plan& plan, const Placeholders& placeholders) {
  std::vector<std::uint16_t> ports;
  auto values = placeholders;
  values["client"] = "0";
  for (const auto& group : plan.scenario.clients) {
    const auto endpoint = parse_endpoint(expand_placeholders(group.url, values));
    if (endpoint && !holds(ports, endpoint->port)) ports.push_back(endpoint->port);
  }
  return ports;
}

void record_sockets(EventSink& events, const std::vector<std::uint16_t>& ports) {
  const auto begin = now();
  const auto sockets = target_sockets(ports, WhichSockets::open);
  if (!sockets || sockets->empty()) {
    events.record(begin, SocketsAtStop{0, "", "", sockets ? "" : sockets.error().message()});
    return;
  }
  for (auto& [key, list] : lists_of(*sockets))
    events.record(begin, SocketsAtStop{key.first, key.second, std::move(list), ""});
}

void record_sockets_at_deadline(EventSink& events, const std::vector<std::uint16_t>& ports) {
  const auto begin = now();
  const auto sockets = target_sockets(ports, WhichSockets::all_held);
  if (!sockets) {
    events.record(begin, SocketsAtDeadline{0, false, "", "", sockets.error().message()});
    return;
  }
  auto lists = lists_of(*sockets);
  for (const auto port : ports) {
    const bool listening = std::ranges::any_of(*sockets, [port](const TargetSocket& socket) {
      return socket.listening && socket.port == port;
    });
    bool has_connections = false;
    for (auto& [key, list] : lists) {
      if (key.first != port) continue;
      has_connections = true;
      events.record(begin, SocketsAtDeadline{port, listening, key.second, std::move(list), ""});
    }
    if (!has_connections) events.record(begin, SocketsAtDeadline{port, listening, "", "", ""});
  }
}

std::string local_end(std::string_view address, std::uint16_t port) {
  return std::string(address) + ":" + std::to_string(port);
}

}  // namespace lastcall

#include "checkers/open_at_deadline.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "checkers/judging.hpp"
#include "history/socket_list.hpp"

namespace lastcall {
namespace {

constexpr std::size_t kMostKinds = 4;

std::string counted(std::uint64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string_view local_of(const History& history, const ConnectionView& connection) {
  if (!connection.tcp_up) return {};
  return std::get<LayerUp>(history.at(*connection.tcp_up).body).local;
}

// What a client was doing when the event came, as its own events say.
std::string doing(const Plan& plan, const ConnectionView& c, EventIndex at) {
  const auto* group = group_of(plan, c);
  const auto protocol = group == nullptr ? Protocol::tcp : group->protocol;
  const auto is_up = [at](const auto& layer) { return is_before(layer, at); };
  if (is_up(c.fin_sent)) return "whose client had ended its side";
  if (is_tls(protocol) && !is_up(c.tls_up)) return "without a finished TLS handshake";
  if (is_websocket(protocol) && !is_up(c.websocket_up)) return "without a finished upgrade";
  if (is_up(c.close_frame_received)) return "that had its Close frame";
  if (is_up(c.close_frame_sent)) return "whose client had sent its Close frame";
  if (is_up(c.close_notify_received)) return "that had its close_notify";
  const RequestView* last = nullptr;
  for (const auto& request : c.requests) {
    if (request.sent < at) last = &request;
  }
  if (last == nullptr)
    return is_websocket(protocol) ? "idle since the upgrade" : "whose client had said nothing";
  const bool has_ended = is_before(last->ended, at) && last->end != RequestEnd::unknown;
  if (has_ended) return "idle after an answer";
  return is_before(last->answer_began, at) ? "in the middle of an answer"
                                           : "that waited for an answer";
}

std::string port_name(const History& history, std::uint16_t port) {
  for (const auto& [i, probed] : history.all<PortProbed>()) {
    if (probed->port == port)
      return probed->name.empty() ? "{port}" : "{port." + probed->name + "}";
  }
  return "port " + std::to_string(port);
}

// Connections of which the same is said.
struct Kind {
  std::uint64_t count = 0;
  std::uint64_t waiting = 0;  // bytes
  std::string first;
};

class Open {
 public:
  Open(const Plan& plan, const History& history)
      : plan_(plan), history_(history), peers_(plan, history) {
    for (const auto& connection : history.connections()) {
      if (const auto local = local_of(history, connection); !local.empty())
        by_end_.insert_or_assign(std::string(local), &connection);
    }
    for (const auto& [i, event] : history.all<SocketsAtDeadline>()) {
      if (!event->problem.empty()) problem_ = event->problem;
      if (!at_) at_ = i;
      if (event->listening) listening_.insert(event->port);
      for (const auto& socket : sockets_in(event->connections))
        add(event->address + ":" + std::to_string(socket.client), socket);
    }
  }

  [[nodiscard]] std::string text() const {
    if (!at_) return {};
    if (!problem_.empty()) return "what it had open was not seen: " + problem_;
    std::string text;
    for (const auto port : listening_)
      text += (text.empty() ? "it still listened on " : " and ") + port_name(history_, port);
    if (accepted_ + backlog_ == 0 && somebody_is_connected()) return text;
    if (text.empty()) text = "it listened no longer";
    if (accepted_ > 0) {
      text += ", and " + counted(accepted_, "accepted connection") +
              (accepted_ == 1 ? " was open: " : " were open: ") + kinds_text();
    }
    if (backlog_ > 0) text += ", and " + counted(backlog_, "connection") + " waited to be accepted";
    if (accepted_ + backlog_ == 0) text += ", and no connection of a client was open";
    return text;
  }

 private:
  void add(const std::string& end, const SocketSeen& socket) {
    if (!socket.accepted) {
      ++backlog_;
      return;
    }
    ++accepted_;
    const auto found = by_end_.find(end);
    std::string what = "of nobody that lastcall knows";
    std::string who = end;
    if (found != by_end_.end()) {
      who = address(plan_, found->second->id);
      what = doing(plan_, *found->second, *at_);
      const auto behaviour = peers_.behaviour(*found->second);
      if (behaviour != Behaviour::steady) what += " (" + std::string(name(behaviour)) + ")";
    }
    if (socket.half == HalfClosed::target) what += ", whose sending side the target had ended";
    if (socket.half == HalfClosed::client && !what.ends_with("ended its side"))
      what += ", whose client had ended its side";
    auto& kind = kinds_[what];
    if (kind.count++ == 0) kind.first = who;
    // The client's FIN counts as a byte.
    const std::uint64_t fin = socket.half == HalfClosed::client ? 1 : 0;
    kind.waiting += socket.waiting - std::min(socket.waiting, fin);
  }

  [[nodiscard]] std::string kinds_text() const {
    std::vector<std::pair<std::string, Kind>> kinds(kinds_.begin(), kinds_.end());
    std::ranges::stable_sort(kinds, std::greater(),
                             [](const auto& one) { return one.second.count; });
    std::string text;
    std::uint64_t more = 0;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      const auto& [what, kind] = kinds[i];
      if (i >= kMostKinds) {
        more += kind.count;
        continue;
      }
      text += (text.empty() ? "" : "; ") + std::to_string(kind.count) + " " + what;
      if (kind.waiting > 0) text += ", with " + counted(kind.waiting, "byte") + " unread";
      text += (kind.count == 1 ? " (" : " (first: ") + kind.first + ")";
    }
    return more == 0 ? text : text + "; and " + std::to_string(more) + " more";
  }

  // By what clients know, a connection was open at the deadline.
  [[nodiscard]] bool somebody_is_connected() const {
    return std::ranges::any_of(history_.connections(), [&](const ConnectionView& c) {
      return is_before(c.tcp_up, *at_) && !is_before(c.ended, *at_) && !is_before(c.reset, *at_) &&
             !is_before(c.fin_received, *at_);
    });
  }

  const Plan& plan_;
  const History& history_;
  Peers peers_;
  std::unordered_map<std::string, const ConnectionView*> by_end_;
  std::optional<EventIndex> at_;
  std::string problem_;
  std::set<std::uint16_t> listening_;
  std::uint64_t accepted_ = 0;
  std::uint64_t backlog_ = 0;
  std::map<std::string, Kind> kinds_;
};

}  // namespace

std::string open_at_deadline(const Plan& plan, const History& history) {
  return Open(plan, history).text();
}

std::string client_at(const Plan& plan, const History& history, std::string_view local) {
  const auto& all = history.connections();
  // The last that had it: the kernel gives a port again.
  const auto found = std::ranges::find_if(all.rbegin(), all.rend(), [&](const auto& connection) {
    return local_of(history, connection) == local;
  });
  return found == all.rend() || local.empty() ? "" : address(plan, found->id);
}

}  // namespace lastcall

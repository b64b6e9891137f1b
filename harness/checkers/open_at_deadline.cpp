#include "checkers/open_at_deadline.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "checkers/checker_support.hpp"
#include "checkers/habits.hpp"
#include "history/socket_list.hpp"

namespace lastcall {
namespace {

constexpr std::size_t kMaxKinds = 4;

std::string_view local_of(const History& history, const ConnectionView& connection) {
  if (!connection.tcp_up) return {};
  return std::get<LayerUp>(history.at(*connection.tcp_up).body).local;
}

std::string port_name(const History& history, std::uint16_t port) {
  for (const auto& [i, probed] : history.all<PortProbed>()) {
    if (probed->port == port) return port_name(*probed);
  }
  return "port " + std::to_string(port);
}

// Connections of which the same is said.
struct OpenKind {
  std::string what;
  std::uint64_t count = 0;
  std::uint64_t unread = 0;  // bytes
  std::string first{};
};

std::string kind_text(const OpenKind& kind) {
  const bool one = kind.count == 1;
  auto text = std::to_string(kind.count) + (one ? " connection " : " connections ") + kind.what;
  if (kind.unread > 0)
    text += ", with " + std::to_string(kind.unread) + (kind.unread == 1 ? " byte" : " bytes") +
            " unread";
  return text + (one ? " (" : " (first: ") + kind.first + ")";
}

class Open {
 public:
  Open(const Plan& plan, const History& history) : plan_(plan), history_(history) {
    const auto all = history.all<SocketsAtDeadline>();
    if (all.empty()) return;
    at_ = all.front();
    for (const auto& connection : history.connections()) {
      if (const auto local = local_of(history, connection); !local.empty())
        by_end_.insert_or_assign(std::string(local), &connection);
    }
    for (const auto& open : open_connections(plan, history, *at_))
      habits_.emplace(open.id.value, open.habit);
    for (const auto& [i, event] : all) {
      if (!event->problem.empty()) problem_ = event->problem;
      if (event->listening) listening_.insert(event->port);
      for (const auto& socket : sockets_in(event->connections))
        add(event->address + ":" + std::to_string(socket.client), socket);
    }
    std::ranges::stable_sort(kinds_, std::greater(), &OpenKind::count);
  }

  [[nodiscard]] std::string text() const {
    if (!at_) return {};
    if (!problem_.empty()) return "what it had open was not seen: " + problem_;
    std::string text;
    for (const auto port : listening_)
      text += (text.empty() ? "the target still listens on " : " and ") + port_name(history_, port);
    if (!kinds_.empty()) {
      if (text.empty()) text = "the target no longer listens";
      return text + "; " + as_clause(history_, *at_, kinds_text());
    }
    // The kernel shows nothing of a target in another network namespace.
    const auto seen = held_by(plan_, history_, *at_);
    if (!seen.empty()) return text.empty() ? seen : text + "; " + seen;
    if (text.empty()) text = "the target no longer listens";
    return text + ", and no connection of a client is open" + left_before_stop();
  }

 private:
  // Clients that had ended their connections: a drain that missed that waits for them.
  [[nodiscard]] std::string left_before_stop() const {
    std::uint64_t count = 0;
    std::string first;
    for (const auto& c : history_.connections()) {
      if (c.group >= plan_.scenario.clients.size()) continue;
      const auto protocol = plan_.scenario.clients[c.group].protocol;
      if (!history_.stop() || !is_before(closed_by_client(c, protocol), *history_.stop())) continue;
      if (count++ == 0) first = address(plan_, c.id);
    }
    if (count == 0) return {};
    return "; before the stop " + std::to_string(count) +
           (count == 1 ? " had been ended by its client (" : " had been ended by their clients (") +
           (count == 1 ? "" : "first: ") + first + ")";
  }

  void add(const std::string& end, const SocketSeen& socket) {
    const auto found = by_end_.find(end);
    const auto* client = found == by_end_.end() ? nullptr : found->second;
    const auto what = what_of(client, socket);
    auto kind = std::ranges::find(kinds_, what, &OpenKind::what);
    if (kind == kinds_.end()) kind = kinds_.insert(kind, OpenKind{.what = what});
    if (kind->count++ == 0) kind->first = client == nullptr ? end : address(plan_, client->id);
    // The client's FIN counts as a byte.
    const std::uint64_t fin = socket.half == HalfClosed::client ? 1 : 0;
    kind->unread += socket.waiting - std::min(socket.waiting, fin);
  }

  [[nodiscard]] std::string what_of(const ConnectionView* client, const SocketSeen& socket) const {
    if (!socket.accepted) return "that the target has not accepted";
    if (socket.half == HalfClosed::target) return "that only the target has closed";
    if (socket.half == HalfClosed::client) return "that only its client has closed";
    if (client == nullptr) return "of nobody that lastcall knows";
    const auto habit = habits_.find(client->id.value);
    std::string what =
        habit == habits_.end() ? "whose client is through" : std::string(habit->second);
    if (is_before(client->close_frame_received, *at_)) what += ", after the Close frame";
    return what;
  }

  [[nodiscard]] std::string kinds_text() const {
    std::string text;
    std::uint64_t more = 0;
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      if (i >= kMaxKinds) {
        more += kinds_[i].count;
        continue;
      }
      const bool is_last = i > 0 && i + 1 == kinds_.size();
      text += (i == 0 ? "" : is_last ? " and " : ", ") + kind_text(kinds_[i]);
    }
    return more == 0 ? text : text + " and " + std::to_string(more) + " more";
  }

  const Plan& plan_;
  const History& history_;
  std::optional<EventIndex> at_;
  std::unordered_map<std::string, const ConnectionView*> by_end_;
  std::unordered_map<std::uint64_t, std::string_view> habits_;
  std::string problem_;
  std::set<std::uint16_t> listening_;
  std::vector<OpenKind> kinds_;
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

// The merged, immutable view of what happened in one trial: the only thing checkers may look at
// besides the plan. Safe to read from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "history/event.hpp"
#include "history/segment.hpp"

namespace lastcall {

// Index of an event in its history.
using EventIndex = std::size_t;

// One event of a kind. It stands for its index, too: `history.time(*ended)`. Valid as long as the
// history that gave it.
template <class Body>
struct EventOf {
  EventIndex index;
  const Body* body;
  operator EventIndex() const { return index; }
};

// One request, from the client's side.
struct RequestView {
  RequestId id;
  EventIndex sent = 0;
  std::optional<EventIndex> written{};  // RequestWritten
  std::optional<EventIndex> answer_began;
  std::optional<EventIndex> ended_by_eof{};  // AnswerEndedByEof
  std::optional<EventIndex> ended;
  RequestEnd end = RequestEnd::unknown;
};

// One connection, from the client's side. Indices into the history; a missing one did not happen.
struct ConnectionView {
  ConnectionId id;
  std::uint32_t group = 0;
  EventIndex invoked = 0;
  std::optional<EventIndex> tcp_up;
  std::optional<EventIndex> tls_up;
  std::optional<EventIndex> websocket_up;
  std::optional<EventIndex> script_up{};
  std::optional<EventIndex> failed;  // LayerFailed
  std::optional<EventIndex> close_frame_sent;
  std::optional<EventIndex> close_frame_received;
  std::optional<EventIndex> close_notify_sent;
  std::optional<EventIndex> close_notify_received;
  std::optional<EventIndex> fin_sent;
  std::optional<EventIndex> fin_received;
  std::optional<EventIndex> reset;
  std::optional<EventIndex> ended;
  // From here on the client, or a fault on its connection, is to blame: Misbehaved or
  // NetworkDisturbed.
  std::optional<EventIndex> disturbed;
  std::vector<EventIndex> after_close;  // BytesAfterClose
  std::vector<RequestView> requests;    // in the order they were sent
};

class History {
 public:
  // Merges segments by time; events of one source keep their order, equal times are in the order of
  // `sources`. A segment that is not complete, or that lost events, adds an EventsLost event at the
  // end.
  static History merge(std::vector<std::pair<std::string, Segment>> sources);
  // From events in any order, for hand-written histories.
  static History of(std::vector<Event> events);

  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  [[nodiscard]] const Event& at(EventIndex index) const { return events_.at(index); }
  [[nodiscard]] TimePoint time(EventIndex index) const { return events_.at(index).at; }

  // The fault that begins the stop, if the trial came that far.
  [[nodiscard]] std::optional<EventOf<FaultInvoked>> stop() const {
    if (!stop_) return std::nullopt;
    return EventOf<FaultInvoked>{*stop_, &std::get<FaultInvoked>(events_[*stop_].body)};
  }
  // The first event of a kind.
  template <class Body>
  [[nodiscard]] std::optional<EventOf<Body>> first() const {
    const auto& of_kind = by_kind_[kind_index<Body>()];
    if (of_kind.empty()) return std::nullopt;
    return event_of<Body>(of_kind.front());
  }
  // The index of that, or the number of events if there is none.
  template <class Body>
  [[nodiscard]] EventIndex until() const {
    const auto found = first<Body>();
    return found ? found->index : events_.size();
  }
  // All events of a kind, in order.
  template <class Body>
  [[nodiscard]] std::vector<EventOf<Body>> all() const {
    const auto& of_kind = by_kind_[kind_index<Body>()];
    std::vector<EventOf<Body>> found;
    found.reserve(of_kind.size());
    for (const auto i : of_kind) found.push_back(event_of<Body>(i));
    return found;
  }
  // In order of their first event.
  [[nodiscard]] const std::vector<ConnectionView>& connections() const { return connections_; }

 private:
  explicit History(std::vector<Event> events);
  template <class Body>
  [[nodiscard]] EventOf<Body> event_of(EventIndex index) const {
    return {index, &std::get<Body>(events_[index].body)};
  }

  std::vector<Event> events_;
  // Of each kind where its events are, in order: checkers ask for one of many requests after the
  // other. 32 bits: more events than memory has room for.
  std::array<std::vector<std::uint32_t>, std::variant_size_v<EventVariant>> by_kind_;
  std::vector<ConnectionView> connections_;
  std::optional<EventIndex> stop_;
};

// One JSON object a line: {"t":"12.345678901","kind":…, fields}; t in seconds since the history's
// first event.
void write_jsonl(const History& history, std::ostream& out);
// One event as such a line, without the newline; `origin` is the time of t = 0.
std::string to_json(const Event& event, TimePoint origin);

}  // namespace lastcall

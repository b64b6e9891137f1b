#include "history/history.hpp"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "base/invariant.hpp"

namespace lastcall {
namespace {

// Builds the connections' views, one event after the other.
class ConnectionIndex {
 public:
  explicit ConnectionIndex(std::vector<ConnectionView>& views) : views_(views) {}

  void add(EventIndex i, const ConnectInvoked& e) { view(i, e).group = e.group; }
  void add(EventIndex i, const LayerUp& e) {
    auto& v = view(i, e);
    if (e.layer == Layer::tcp) set(v.tcp_up, i);
    if (e.layer == Layer::tls) set(v.tls_up, i);
    if (e.layer == Layer::websocket) set(v.websocket_up, i);
    if (e.layer == Layer::script) set(v.script_up, i);
  }
  void add(EventIndex i, const LayerFailed& e) { set(view(i, e).failed, i); }
  void add(EventIndex i, const RequestSent& e) {
    view(i, e).requests.push_back({.id = e.request, .sent = i, .answer_began = {}, .ended = {}});
  }
  void add(EventIndex i, const RequestWritten& e) {
    if (auto* request = find(view(i, e), e.request)) set(request->written, i);
  }
  void add(EventIndex i, const AnswerBegan& e) {
    if (auto* request = find(view(i, e), e.request)) set(request->answer_began, i);
  }
  void add(EventIndex i, const AnswerEndedByEof& e) {
    if (auto* request = find(view(i, e), e.request)) set(request->ended_by_eof, i);
  }
  void add(EventIndex i, const RequestEnded& e) {
    auto* request = find(view(i, e), e.request);
    if (request == nullptr || request->ended) return;
    request->ended = i;
    request->end = e.end;
  }
  void add(EventIndex i, const CloseFrame& e) {
    auto& v = view(i, e);
    set(e.direction == Direction::sent ? v.close_frame_sent : v.close_frame_received, i);
  }
  void add(EventIndex i, const CloseNotify& e) {
    auto& v = view(i, e);
    set(e.direction == Direction::sent ? v.close_notify_sent : v.close_notify_received, i);
  }
  void add(EventIndex i, const Fin& e) {
    auto& v = view(i, e);
    set(e.direction == Direction::sent ? v.fin_sent : v.fin_received, i);
  }
  void add(EventIndex i, const Reset& e) { set(view(i, e).reset, i); }
  void add(EventIndex i, const BytesAfterClose& e) { view(i, e).after_close.push_back(i); }
  void add(EventIndex i, const ConnectionEnded& e) { set(view(i, e).ended, i); }
  void add(EventIndex i, const Misbehaved& e) { set(view(i, e).disturbed, i); }
  void add(EventIndex i, const NetworkDisturbed& e) { set(view(i, e).disturbed, i); }
  void add(EventIndex, const ControlFrame&) {}
  void add(EventIndex, const ForeignBytes&) {}
  void add(EventIndex, const IdGiven&) {}
  void add(EventIndex, const Asked&) {}  // about a connection that is long gone
  void add(EventIndex, const AskedBefore&) {}
  template <class NotOfAConnection>
  void add(EventIndex, const NotOfAConnection&) {
    static_assert(!requires(NotOfAConnection e) { e.connection; });
  }

 private:
  // The first of several counts.
  static void set(std::optional<EventIndex>& slot, EventIndex i) {
    if (!slot) slot = i;
  }
  ConnectionView& view(EventIndex i, const auto& event) {
    const auto [found, is_new] = by_id_.try_emplace(event.connection.value, views_.size());
    if (is_new) {
      views_.emplace_back();
      views_.back().id = event.connection;
      views_.back().invoked = i;
    }
    return views_[found->second];
  }
  // Answers belong to late requests more often than to early ones.
  static RequestView* find(ConnectionView& view, RequestId id) {
    const auto found =
        std::ranges::find(view.requests.rbegin(), view.requests.rend(), id, &RequestView::id);
    return found == view.requests.rend() ? nullptr : &*found;
  }

  std::vector<ConnectionView>& views_;
  std::unordered_map<std::uint64_t, std::size_t> by_id_;
};

std::vector<Event> lost_events(const std::vector<std::pair<std::string, Segment>>& sources,
                               TimePoint end) {
  std::vector<Event> lost;
  for (const auto& [source, segment] : sources) {
    if (segment.complete && segment.lost == 0) continue;
    const auto reason =
        segment.complete ? std::to_string(segment.lost) + " events did not fit" : segment.problem;
    lost.push_back({end, EventsLost{source, reason}});
  }
  return lost;
}

}  // namespace

History History::merge(std::vector<std::pair<std::string, Segment>> sources) {
  std::vector<std::size_t> next(sources.size(), 0);
  std::vector<Event> events;
  std::size_t count = sources.size();
  for (const auto& [source, segment] : sources) count += segment.events.size();
  events.reserve(count);  // there may be millions
  TimePoint end{};
  for (;;) {
    // Sources are few: the earliest head by a linear look, the first of equals.
    std::optional<std::size_t> earliest;
    for (std::size_t s = 0; s < sources.size(); ++s) {
      const auto& of_source = sources[s].second.events;
      if (next[s] == of_source.size()) continue;
      if (!earliest ||
          of_source[next[s]].at < sources[*earliest].second.events[next[*earliest]].at) {
        earliest = s;
      }
    }
    if (!earliest) break;
    events.push_back(std::move(sources[*earliest].second.events[next[*earliest]++]));
    end = std::max(end, events.back().at);
  }
  for (auto& event : lost_events(sources, end)) events.push_back(std::move(event));
  return History(std::move(events));
}

History History::of(std::vector<Event> events) {
  std::ranges::stable_sort(events, {}, &Event::at);
  return History(std::move(events));
}

History::History(std::vector<Event> events) : events_(std::move(events)) {
  LASTCALL_INVARIANT(events_.size() <= std::numeric_limits<std::uint32_t>::max());
  std::array<std::size_t, std::variant_size_v<EventVariant>> counts{};
  for (const auto& event : events_) ++counts[event.body.index()];
  for (std::size_t kind = 0; kind < counts.size(); ++kind) by_kind_[kind].reserve(counts[kind]);
  ConnectionIndex index(connections_);
  for (EventIndex i = 0; i < events_.size(); ++i) {
    by_kind_[events_[i].body.index()].push_back(static_cast<std::uint32_t>(i));
    std::visit([&](const auto& body) { index.add(i, body); }, events_[i].body);
    const auto* fault = std::get_if<FaultInvoked>(&events_[i].body);
    if (fault != nullptr && fault->stop && !stop_) stop_ = i;
  }
}

}  // namespace lastcall

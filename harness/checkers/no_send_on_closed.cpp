// no-send-on-closed: nothing is sent on a channel, descriptor or connection after its close.
//
// Sees, of a traced target, every call that sends on a descriptor which the same process had closed
// (EBADF) or whose sending side it had shut down (EPIPE), with the threads that closed and sent. On
// the wire, what came after a Close frame (RFC 6455, section 5.5.1) or after close_notify (RFC
// 8446, section 6.1); with `own_answers`, also what belongs to another client's message, as when
// the number of a closed descriptor is in use again. And what runtimes say of themselves: they stop
// such a write before the kernel sees it.
//
// Cannot see a write that lands in another file of the same number, nor one by io_uring(7); before
// the filters woke, nothing of calls. The standard streams are not judged: programs that go to the
// background close them, and their libraries go on writing there. EPIPE after the peer left is no
// violation. A target that is not traced is judged by the wire and its own words alone.
#include <algorithm>
#include <array>
#include <string_view>

#include "base/durations.hpp"
#include "base/text.hpp"
#include "checkers/allow_list.hpp"
#include "checkers/checker.hpp"
#include "checkers/checker_support.hpp"
#include "scenario/properties/no_send_on_closed.hpp"

namespace lastcall::property::no_send_on_closed {
namespace {

// What runtimes and libraries say of a send that came too late, where the wording stands.
constexpr std::array<std::string_view, 13> kWords{
    "send on closed channel",                                   // Go, runtime/chan.go
    "websocket: close sent",                                    // gorilla/websocket conn.go
    "write after end",                                          // Node, ERR_STREAM_WRITE_AFTER_END
    "Cannot call write after a stream was destroyed",           // Node, ERR_STREAM_DESTROYED
    "WebSocket is not open: readyState",                        // npm ws, lib/websocket.js
    "Cannot write to closing transport",                        // aiohttp, http_writer.py
    "Cannot call \"send\" once a close message has been sent",  // Starlette, websockets.py
    "after sending 'websocket.close'",                          // uvicorn, websockets_impl.py
    "Sending after closing is not allowed",                     // Rust, tungstenite error.rs
    "Trying to work with closed connection",                    // Rust, tungstenite error.rs
    "sending on a closed channel",                              // Rust, std/src/sync/mpsc
    "The WebSocket session has been closed",            // Jakarta WebSocket, Tomcat WsSession
    "Cannot write after the response has been closed",  // Java servlet containers
};

// The first line of a stack is "worker-1 (4713) in serve(int)+0x12".
std::string text_of(const SentLate& late) {
  const auto where = late.what.empty()
                         ? "descriptor " + std::to_string(late.descriptor)
                         : late.what + ", descriptor " + std::to_string(late.descriptor) + ",";
  std::string text = first_line(late.writer) + " called " + late.call + " on " + where;
  if (late.end == SendingEnd::never_open) return text + " that is not open";
  text += " " + human_duration(Nanoseconds(late.age)) + " after " + first_line(late.closer);
  return text + (late.end == SendingEnd::closed ? " had closed it" : " had shut it down");
}

bool is_standard_stream(const SentLate& late) { return late.descriptor <= 2; }

class Findings {
 public:
  explicit Findings(Verdict& verdict) : verdict_(verdict) {}
  void add(EventIndex i, const std::string& text) {
    if (count_++ == 0) verdict_.reason = text;
    verdict_.evidence.push_back(i);
  }
  void conclude() const {
    if (count_ == 0) return;
    verdict_.outcome = Outcome::fail;
    if (count_ > 1) verdict_.reason += "; and " + std::to_string(count_ - 1) + " more";
  }

 private:
  Verdict& verdict_;
  std::size_t count_ = 0;
};

std::string after_what(const BytesAfterClose& late) {
  return late.layer == Layer::tls ? "close_notify" : "the Close frame";
}

Verdict check(const Plan& plan, const History& history) {
  Verdict verdict;
  const auto& told = settings<NoSendOnClosed>(plan);
  AllowList excuses(told.allow);
  Findings found(verdict);

  for (const auto& [i, late] : history.all<SentLate>()) {
    if (is_standard_stream(*late) || excuses.cover({late->what, late->writer})) continue;
    found.add(i, text_of(*late));
  }
  for (const auto& connection : history.connections()) {
    if (connection.close_frame_received || connection.close_notify_received) ++verdict.judged;
    for (const auto i : connection.after_close) {
      const auto& late = std::get<BytesAfterClose>(history.at(i).body);
      const auto what = std::to_string(late.bytes) + " bytes after " + after_what(late);
      if (!excuses.cover({what})) found.add(i, address(plan, connection.id) + ", got " + what);
    }
  }
  if (told.own_answers) {
    for (const auto& [i, foreign] : history.all<ForeignBytes>()) {
      found.add(i, address(plan, foreign->connection) + ", got what belongs to " +
                       address(plan, foreign->owner));
    }
  }
  for (const auto& [i, line] : history.all<TargetOutput>()) {
    const auto says = [&](std::string_view words) {
      return line->line.find(words) != std::string::npos;
    };
    if (std::ranges::any_of(kWords, says) && !excuses.cover({line->line}))
      found.add(i, "it says: " + line->line.substr(0, 200));
  }
  for (const auto& [i, watched] : history.all<SendsWatched>()) verdict.judged += watched->sends;

  found.conclude();
  if (verdict.outcome == Outcome::fail) {
    verdict.judged = std::max<std::uint64_t>(verdict.judged, verdict.evidence.size());
  } else if (const auto failed = history.first<TraceFailed>()) {
    verdict.conclude(Outcome::unknown, "not traced: " + failed->body->reason);
  } else if (verdict.judged > 0) {
    verdict.outcome = Outcome::pass;
    if (!plan.traced)
      verdict.reason = std::string("on the wire; calls were not seen: ") +
                       (plan.scenario.target.trace ? "untraced" : "trace = false");
  } else {
    verdict.reason = "no connection was closed in order, and no call that sends was seen";
    if (!plan.scenario.target.trace) verdict.reason += ": set [target] trace = true";
  }
  excuses.note(verdict);
  return verdict;
}

}  // namespace
}  // namespace lastcall::property::no_send_on_closed

const lastcall::Checker lastcall::property::NoSendOnClosed::kChecker{
    .property = kName,
    .check = no_send_on_closed::check,
    .needs_clients = true,
    .needs_tracer = always,
    .needs_output = true};

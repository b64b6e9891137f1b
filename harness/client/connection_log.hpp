// What one connection's client sees, written as events: the transport reports bytes and errors,
// this turns them into Close, Ping and Pong frames, close_notify, FIN, reset and bytes after a
// close. Used from the worker's one thread.
#pragma once

#include <boost/system/error_code.hpp>

#include <optional>
#include <string>

#include "client/frame_reader.hpp"
#include "client/trigger_board.hpp"
#include "fault/fault.hpp"
#include "history/event_sink.hpp"

namespace lastcall {

// Counts a client event and fires the faults that wait for it; one a worker.
class TriggerCounter {
 public:
  virtual ~TriggerCounter() = default;
  virtual void happened(ClientEvent event) = 0;
  // A request was sent now, and later (or never) its answer came, or no answer can come any more.
  virtual void request_begins(TimePoint /*sent*/) {}
  virtual void request_ends(TimePoint /*sent*/, bool /*answered*/) {}
  // After the event; `message` is which of its group's it was, `id` what stands for the request in
  // a question: the client's own, or what the server named it.
  virtual void acknowledged(ConnectionId, RequestId, std::uint32_t /*message*/,
                            const std::string& /*id*/) {}
};

class ConnectionLog {
 public:
  // Without a sink nothing is recorded (readiness probes).
  ConnectionLog(ConnectionId id, EventSink* events, TriggerCounter* triggers)
      : id_(id), events_(events), triggers_(triggers) {}

  template <class Body>
  void record(Body body) {
    if (events_ != nullptr) events_->record(std::move(body));
  }
  void happened(ClientEvent event) {
    if (triggers_ != nullptr) triggers_->happened(event);
  }

  // `local`: of tcp, the client's own end.
  void up(Layer layer, std::string local = "");
  void failed(Layer layer, const std::string& reason, const std::string& said = "");

  // The TCP socket: every completed read and write with its error.
  void socket_error(const boost::system::error_code& error);
  void fin_sent();
  // The TLS layer.
  void close_notify(Direction direction);
  // The application's bytes, below the WebSocket library and above TLS.
  void received(const unsigned char* data, std::size_t size);
  void sent(const unsigned char* data, std::size_t size);
  // Bytes that came after the server's close_notify.
  void after_close_notify(std::size_t bytes);

  // From now on the streams are WebSocket (their HTTP upgrade included).
  void expect_websocket() { websocket_ = true; }

  // Its response times say how fast the target is: the client reads as fast as it can.
  void time_requests() { timed_ = true; }
  void request_sent(RequestId request, std::size_t bytes, std::uint32_t message = 0);
  // The connection has taken it whole, `total` bytes in all.
  void request_written(std::uint64_t total);
  // Before the end of the request under way: which id the server chose for it.
  void id_given(const std::string& id, const std::string& problem);
  // Before the end of the request under way: the end of the connection was the answer's.
  void answer_ended_by_eof();
  void request_ended(RequestEnd end, int status, std::size_t bytes, const std::string& said = "");
  [[nodiscard]] bool awaiting_answer() const { return awaiting_; }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] bool was_reset() const { return reset_; }

  // Intent, before the client does it. What it asked for and did not get from here on is its own
  // doing: an unanswered request gets no end. One that goes away takes no answer either.
  void misbehaved(const std::string& how, bool goes_away);

  // The last event of the connection; records what is still open (an unanswered request, and what
  // the server said instead) before it.
  void ended(ConnectionEndReason why, const std::string& detail, const std::string& said = "");

 private:
  // It waits for an answer no more.
  void end_wait(bool answered);
  struct ControlFrames {
    std::uint64_t pings = 0;
    std::uint64_t pongs = 0;
  };
  void record_control_frames(const FrameReader& frames, Direction direction, ControlFrames& seen);

  ConnectionId id_;
  EventSink* events_;
  TriggerCounter* triggers_;
  FrameReader inbound_;
  FrameReader outbound_;
  ControlFrames inbound_control_;
  ControlFrames outbound_control_;
  RequestId request_;
  std::uint32_t message_ = 0;
  TimePoint sent_at_{};
  bool timed_ = false;
  std::optional<std::string> given_;  // of the request under way, where the answer says it
  std::uint64_t after_close_seen_ = 0;
  bool foreign_seen_ = false;
  bool websocket_ = false;
  bool awaiting_ = false;
  bool misbehaved_ = false;
  bool answer_began_ = false;
  bool connected_ = false;
  bool reset_ = false;
  bool fin_received_ = false;
  bool fin_sent_ = false;
  bool close_received_ = false;
  bool close_sent_ = false;
  bool notify_received_ = false;
  bool notify_sent_ = false;
};

}  // namespace lastcall

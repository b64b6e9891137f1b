#include "client/connection_log.hpp"

#include <boost/asio/error.hpp>
#include <string_view>
#include <utility>

#include "base/request_text.hpp"

namespace lastcall {

namespace error = boost::asio::error;

void ConnectionLog::up(Layer layer, std::string local) {
  record(LayerUp{id_, layer, std::move(local)});
  if (layer != Layer::tcp) return;
  connected_ = true;
  happened(ClientEvent::connected);
}

void ConnectionLog::failed(Layer layer, const std::string& reason, const std::string& said) {
  record(LayerFailed{id_, layer, reason, said});
}

void ConnectionLog::socket_error(const boost::system::error_code& ec) {
  if (ec == error::eof) {
    if (!std::exchange(fin_received_, true)) record(Fin{id_, Direction::received});
  } else if (ec == error::broken_pipe && fin_sent_) {
    return;  // the client's own doing: it wrote after its FIN
  } else if (ec == error::connection_reset || ec == error::broken_pipe) {
    if (!std::exchange(reset_, true)) record(Reset{id_});
  }
}

void ConnectionLog::fin_sent() {
  if (!std::exchange(fin_sent_, true)) record(Fin{id_, Direction::sent});
}

void ConnectionLog::close_notify(Direction direction) {
  bool& seen = direction == Direction::sent ? notify_sent_ : notify_received_;
  if (!std::exchange(seen, true)) record(CloseNotify{id_, direction});
}

void ConnectionLog::received(const unsigned char* data, std::size_t size) {
  if (!foreign_seen_) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (const auto owner = foreign_client(bytes, client_of(id_))) {
      foreign_seen_ = true;
      record(ForeignBytes{id_, connection_id(*owner, 0)});
    }
  }
  if (awaiting_ && !websocket_ && size > 0 && !std::exchange(answer_began_, true)) {
    record(AnswerBegan{id_, request_});
  }
  if (!websocket_) return;
  inbound_.feed(data, size);
  record_control_frames(inbound_, Direction::received, inbound_control_);
  if (inbound_.close() && !std::exchange(close_received_, true)) {
    record(CloseFrame{id_, Direction::received, inbound_.close()->code, inbound_.close()->reason});
  }
  if (const auto after = inbound_.bytes_after_close(); after > after_close_seen_) {
    const auto bytes = static_cast<std::uint32_t>(after - std::exchange(after_close_seen_, after));
    record(BytesAfterClose{id_, Layer::websocket, bytes});
  }
}

void ConnectionLog::sent(const unsigned char* data, std::size_t size) {
  if (!websocket_) return;
  outbound_.feed(data, size);
  record_control_frames(outbound_, Direction::sent, outbound_control_);
  if (outbound_.close() && !std::exchange(close_sent_, true)) {
    record(CloseFrame{id_, Direction::sent, outbound_.close()->code, outbound_.close()->reason});
  }
}

void ConnectionLog::record_control_frames(const FrameReader& frames, Direction direction,
                                          ControlFrames& seen) {
  for (; seen.pings < frames.pings(); ++seen.pings) record(ControlFrame{id_, direction, false});
  for (; seen.pongs < frames.pongs(); ++seen.pongs) record(ControlFrame{id_, direction, true});
}

void ConnectionLog::after_close_notify(std::size_t bytes) {
  if (bytes > 0) record(BytesAfterClose{id_, Layer::tls, static_cast<std::uint32_t>(bytes)});
}

void ConnectionLog::request_sent(RequestId request, std::size_t bytes, std::uint32_t message) {
  request_ = request;
  message_ = message;
  awaiting_ = true;
  sent_at_ = now();
  if (timed_ && triggers_ != nullptr) triggers_->request_begins(sent_at_);
  answer_began_ = false;
  given_.reset();
  record(RequestSent{id_, request, static_cast<std::uint32_t>(bytes), message});
  happened(ClientEvent::sent);
}

void ConnectionLog::request_written(std::uint64_t total) {
  if (awaiting_) record(RequestWritten{id_, request_, total});
}

void ConnectionLog::id_given(const std::string& id, const std::string& problem) {
  if (!awaiting_) return;
  given_ = id;
  record(IdGiven{id_, request_, id, problem});
}

void ConnectionLog::answer_ended_by_eof() {
  if (awaiting_) record(AnswerEndedByEof{id_, request_});
}

void ConnectionLog::request_ended(RequestEnd end, int status, std::size_t bytes,
                                  const std::string& said) {
  if (!awaiting_) return;
  end_wait(end != RequestEnd::unknown);
  record(RequestEnded{id_, request_, end, status, static_cast<std::uint32_t>(bytes), said});
  if (end != RequestEnd::ok) return;
  happened(ClientEvent::acknowledged);
  if (triggers_ == nullptr) return;
  const auto id = given_.value_or(request_text(client_of(id_), request_));
  if (!id.empty()) triggers_->acknowledged(id_, request_, message_, id);
}

void ConnectionLog::end_wait(bool answered) {
  if (!std::exchange(awaiting_, false)) return;
  if (timed_ && triggers_ != nullptr) triggers_->request_ends(sent_at_, answered);
}

void ConnectionLog::misbehaved(const std::string& how, bool goes_away) {
  misbehaved_ = true;
  if (goes_away) end_wait(false);
  record(Misbehaved{id_, how});
}

void ConnectionLog::ended(ConnectionEndReason why, const std::string& detail,
                          const std::string& said) {
  if (!misbehaved_) request_ended(RequestEnd::unknown, 0, 0, said);
  end_wait(false);
  record(ConnectionEnded{id_, why, detail});
}

}  // namespace lastcall

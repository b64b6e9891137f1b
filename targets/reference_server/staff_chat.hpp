// What staff say to each other, JSON objects over WebSocket:
//
//   {"type":"init","user":U}            answered with {"type":"init","user":U}
//   {"type":"message","id":I,"text":T}  answered with {"type":"ack","id":I} once it is stored
//   {"type":"history","id":I,"limit":N} answered with {"type":"history","id":I,"messages":[…]}
//
// Questions for the history are stored too: who looked at what customers said is asked for later.
#pragma once

#include "reference_server/protocol.hpp"

namespace reference_server {

class StaffChat final : public ProtocolHandler {
 public:
  // A message with this text makes the handler throw; empty: none. For tests.
  explicit StaffChat(std::string throw_on = "") : throw_on_(std::move(throw_on)) {}
  Handled handle(const Route& route, const boost::json::value& message) override;
  [[nodiscard]] Answer refuse(const std::string& why) const override;

 private:
  Handled handle_message(const Route& route, const boost::json::object& message) const;
  std::string throw_on_;
};

}  // namespace reference_server

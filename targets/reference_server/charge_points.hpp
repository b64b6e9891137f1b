// What charge points say: calls of OCPP-J 1.6 (JSON specification, section 4), [2, id, action,
// payload], answered with [3, id, payload] once the call is stored, or with [4, id, code, text,
// {}].
#pragma once

#include "reference_server/protocol.hpp"

namespace reference_server {

class ChargePoints final : public ProtocolHandler {
 public:
  Handled handle(const Route& route, const boost::json::value& message) override;
  [[nodiscard]] Answer refuse(const std::string& why) const override;
};

}  // namespace reference_server

// Events as clients of HTTP post them: a JSON object with a text "id" and whatever else. 201 once
// it is stored, 200 if the same was there already, 409 if another event has the id.
#pragma once

#include "reference_server/protocol.hpp"

namespace reference_server {

class PostedEvents final : public ProtocolHandler {
 public:
  Handled handle(const Route& route, const boost::json::value& message) override;
  [[nodiscard]] Answer refuse(const std::string& why) const override;
};

}  // namespace reference_server

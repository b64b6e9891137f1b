// What the event pipeline and the protocols that it carries have in common.
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "reference_server/event_store.hpp"

namespace reference_server {

enum class Protocol { staff_chat, charge_points, posted_events };

// Where a message came in.
struct Route {
  Protocol protocol = Protocol::posted_events;
  std::string source;  // as in Event
};
// The route for the path of a request; nothing if no protocol lives there.
std::optional<Route> route_of(std::string_view path);

struct Answer {
  unsigned status = 200;  // for HTTP
  std::string text{};
  bool failed = false;  // an exception in the handler: the connection ends
};

// What a protocol makes of one message.
struct Handled {
  std::optional<Event> event{};            // to be stored before anything is answered
  std::function<Answer(Stored)> answer{};  // without an event called with Stored::known
  // If given, it is asked after the event is stored, and this answers instead of `answer`, unless
  // the event failed.
  std::optional<EventStore::Question> question{};
  std::function<Answer(const std::vector<StoredEvent>&)> answer_question{};
};

// The client's mistake, said to it.
class Malformed : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

class ProtocolHandler {
 public:
  ProtocolHandler() = default;
  ProtocolHandler(const ProtocolHandler&) = delete;
  ProtocolHandler& operator=(const ProtocolHandler&) = delete;
  virtual ~ProtocolHandler() = default;

  // Throws Malformed; anything else that it throws is a mistake of ours.
  virtual Handled handle(const Route& route, const boost::json::value& message) = 0;
  [[nodiscard]] virtual Answer refuse(const std::string& why) const = 0;
};

// Ids are the key to "none twice": text of 1 to 128 bytes. Throws Malformed.
std::string event_id(const boost::json::value& id);

}  // namespace reference_server

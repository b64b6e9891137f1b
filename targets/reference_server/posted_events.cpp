#include "reference_server/posted_events.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace reference_server {

namespace json = boost::json;

namespace {

Answer say(unsigned status, const std::string& id, std::string_view how) {
  return {.status = status, .text = json::serialize(json::object{{"id", id}, {"event", how}})};
}

}  // namespace

Handled PostedEvents::handle(const Route& route, const json::value& message) {
  const auto* object = message.if_object();
  const auto* given = object == nullptr ? nullptr : object->if_contains("id");
  if (given == nullptr) throw Malformed("an event is an object with an 'id'");
  const auto id = event_id(*given);
  return {.event = Event{route.source, id, "event", json::serialize(message)},
          .answer = [id](Stored stored) {
            switch (stored) {
              case Stored::fresh:
                return say(201, id, "stored");
              case Stored::known:
                return say(200, id, "known");
              case Stored::conflict:
                return say(409, id, "another has this id");
              case Stored::failed:
                break;
            }
            return say(507, id, "not stored");
          }};
}

Answer PostedEvents::refuse(const std::string& why) const {
  return {.status = 400, .text = json::serialize(json::object{{"error", why}})};
}

}  // namespace reference_server

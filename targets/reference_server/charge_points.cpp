#include "reference_server/charge_points.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <ctime>

namespace reference_server {

namespace json = boost::json;

namespace {

constexpr int kCall = 2;
constexpr int kCallResult = 3;
constexpr int kCallError = 4;
constexpr int kHeartbeatSeconds = 300;

std::string now_text() {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

Answer error(const std::string& id, std::string_view code, std::string_view why) {
  return {.text = json::serialize(json::array{kCallError, id, code, why, json::object{}})};
}

json::object result_of(std::string_view action) {
  if (action == "BootNotification") {
    return {{"status", "Accepted"}, {"currentTime", now_text()}, {"interval", kHeartbeatSeconds}};
  }
  if (action == "Heartbeat") return {{"currentTime", now_text()}};
  return {};  // StatusNotification, MeterValues
}

bool is_known(std::string_view action) {
  return action == "BootNotification" || action == "Heartbeat" || action == "StatusNotification" ||
         action == "MeterValues";
}

}  // namespace

Handled ChargePoints::handle(const Route& route, const json::value& message) {
  const auto* call = message.if_array();
  if (call == nullptr || call->size() != 4 || call->at(0) != kCall || !call->at(2).is_string() ||
      !call->at(3).is_object()) {
    throw Malformed("a call is [2, id, action, {…}]");
  }
  const auto id = event_id(call->at(1));
  const std::string action(call->at(2).as_string());
  if (!is_known(action)) {
    return {.answer = [=](Stored) { return error(id, "NotImplemented", action); }};
  }
  return {.event = Event{route.source, id, action, json::serialize(call->at(3))},
          .answer = [=](Stored stored) {
            if (stored == Stored::failed) return error(id, "InternalError", "it was not stored");
            if (stored == Stored::conflict) {
              return error(id, "GenericError", "another call had this id");
            }
            return Answer{.text = json::serialize(json::array{kCallResult, id, result_of(action)})};
          }};
}

Answer ChargePoints::refuse(const std::string& why) const {
  return error("-1", "FormationViolation", why);
}

}  // namespace reference_server

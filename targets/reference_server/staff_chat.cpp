#include "reference_server/staff_chat.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace reference_server {

namespace json = boost::json;

namespace {

constexpr std::int64_t kLongestHistory = 1000;
constexpr const char* kMessage = "staff.message";
constexpr const char* kHistory = "staff.history";

std::string text_of(const json::object& message, std::string_view key) {
  const auto* text = message.if_contains(key);
  if (text == nullptr || !text->is_string()) throw Malformed("no text '" + std::string(key) + "'");
  return std::string(text->as_string());
}

const json::value& id_of(const json::object& message) {
  const auto* id = message.if_contains("id");
  if (id == nullptr) throw Malformed("no 'id'");
  return *id;
}

Answer reply(const json::object& what) { return {.text = json::serialize(what)}; }

Answer refused(const std::string& id, Stored stored) {
  return reply(
      {{"type", "error"},
       {"id", id},
       {"why", stored == Stored::conflict ? "another message has this id" : "not stored"}});
}

Handled handle_init(const json::object& message) {
  const auto user = text_of(message, "user");
  return {.answer = [user](Stored) { return reply({{"type", "init"}, {"user", user}}); }};
}

Handled handle_history(const Route& route, const json::object& message) {
  const auto id = event_id(id_of(message));
  const auto* limit = message.if_contains("limit");
  const auto wanted = limit != nullptr && limit->is_int64() ? limit->as_int64() : 10;
  const auto count = static_cast<std::size_t>(std::clamp<std::int64_t>(wanted, 0, kLongestHistory));
  return {.event = Event{route.source, id, kHistory, json::serialize(message)},
          .answer = [id](Stored stored) { return refused(id, stored); },
          .question = EventStore::Question{.kind = kMessage, .limit = count, .latest = true},
          .answer_question =
              [id](const std::vector<StoredEvent>& found) {
                json::array messages;
                for (const auto& each : found) messages.push_back(json::parse(each.event.body));
                return reply({{"type", "history"}, {"id", id}, {"messages", std::move(messages)}});
              }};
}

}  // namespace

Handled StaffChat::handle_message(const Route& route, const json::object& message) const {
  const auto id = event_id(id_of(message));
  const auto text = text_of(message, "text");
  if (!throw_on_.empty() && text == throw_on_) throw std::logic_error("told to throw");
  return {.event = Event{route.source, id, kMessage, json::serialize(message)},
          .answer = [id](Stored stored) {
            const bool safe = stored == Stored::fresh || stored == Stored::known;
            return safe ? reply({{"type", "ack"}, {"id", id}}) : refused(id, stored);
          }};
}

Handled StaffChat::handle(const Route& route, const json::value& message) {
  const auto* object = message.if_object();
  if (object == nullptr) throw Malformed("not an object");
  const auto type = text_of(*object, "type");
  if (type == "init") return handle_init(*object);
  if (type == "message") return handle_message(route, *object);
  if (type == "history") return handle_history(route, *object);
  throw Malformed("unknown type '" + type + "'");
}

Answer StaffChat::refuse(const std::string& why) const {
  return reply({{"type", "error"}, {"why", why}});
}

}  // namespace reference_server

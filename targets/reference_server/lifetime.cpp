#include "reference_server/lifetime.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace reference_server {

namespace json = boost::json;
namespace shutdown = graceful::shutdown;

std::string lifetime_text(const Lifetime& lifetime) {
  return json::serialize(json::object{{"starts", lifetime.starts},
                                      {"stops", lifetime.stops},
                                      {"connections", lifetime.connections},
                                      {"events", lifetime.store.events},
                                      {"last_sequence", lifetime.store.last_sequence},
                                      {"last_id", lifetime.store.last_id}});
}

shutdown::StateFormat<Lifetime> lifetime_format() {
  shutdown::StateFormat<Lifetime> format;
  format.serialise = lifetime_text;
  format.deserialise = [](std::string_view bytes,
                          std::uint32_t version) -> shutdown::Result<Lifetime> {
    if (version != 1) return shutdown::Error("read", "a checkpoint of another version", 0);
    const auto state = json::parse(bytes);  // what it throws is the StateManager's to report
    const auto number = [&](const char* key) { return state.at(key).to_number<std::uint64_t>(); };
    Lifetime lifetime;
    lifetime.starts = number("starts");
    lifetime.stops = number("stops");
    lifetime.connections = number("connections");
    lifetime.store.events = number("events");
    lifetime.store.last_sequence = state.at("last_sequence").to_number<std::int64_t>();
    lifetime.store.last_id = std::string(state.at("last_id").as_string());
    return lifetime;
  };
  return format;
}

std::string lost_since(const Lifetime& checkpoint, const StoreTotals& database) {
  const auto& known = checkpoint.store;
  if (database.events >= known.events && database.last_sequence >= known.last_sequence) return "";
  return "the database ends with event " + std::to_string(database.last_sequence) + " of " +
         std::to_string(database.events) + ", the checkpoint knew " +
         std::to_string(known.last_sequence) + " of " + std::to_string(known.events) +
         ", the last with id " + known.last_id;
}

}  // namespace reference_server

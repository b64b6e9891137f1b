#include "embed/clients.hpp"

#include <stdexcept>

namespace lastcall::embed {
inline namespace v1 {

std::string Message::text() const {
  return std::to_string(connection.number) + "/" + std::to_string(connection.attempt) + "/" +
         std::to_string(number);
}

}  // namespace v1

namespace {
// RFC 6455, section 7.4.1: "going away".
constexpr std::uint16_t kGoingAway = 1001;
}  // namespace

std::shared_ptr<Client> Clients::begin(std::uint32_t number) {
  auto& slot = slots_.at(number);
  const std::scoped_lock lock(slot.mutex);
  if (!slot.attempts.empty() && !slot.attempts.back()->over) return nullptr;
  const auto attempt = static_cast<std::uint32_t>(slot.attempts.size());
  return slot.attempts.emplace_back(std::make_shared<Client>(Connection{number, attempt}));
}

std::shared_ptr<Client> Clients::last(std::uint32_t number) const {
  const auto& slot = slots_.at(number);
  const std::scoped_lock lock(slot.mutex);
  return slot.attempts.empty() ? nullptr : slot.attempts.back();
}

std::vector<std::shared_ptr<Client>> Clients::all() const {
  std::vector<std::shared_ptr<Client>> all;
  for (const auto& slot : slots_) {
    const std::scoped_lock lock(slot.mutex);
    all.insert(all.end(), slot.attempts.begin(), slot.attempts.end());
  }
  return all;
}

std::shared_ptr<Client> Clients::named(const Connection& connection) const {
  if (connection.number < slots_.size()) {
    const auto& slot = slots_.at(connection.number);
    const std::scoped_lock lock(slot.mutex);
    if (connection.attempt < slot.attempts.size()) return slot.attempts[connection.attempt];
  }
  throw std::invalid_argument("there is no connection " + std::to_string(connection.number) + "/" +
                              std::to_string(connection.attempt));
}

void Clients::taken_on(const Message& message) {
  const auto client = named(message.connection);
  client->record.record(AnswerBegan{client->id(), RequestId{message.number}});
}

void Clients::goodbye(const Connection& connection) {
  const auto client = named(connection);
  if (client->over.exchange(true)) return;  // its client was quicker
  client->record.record(CloseFrame{client->id(), Direction::received, kGoingAway, ""});
  client->record.record(ConnectionEnded{client->id(), ConnectionEndReason::server_closed, ""});
}

void Clients::cut(const Connection& connection) {
  const auto client = named(connection);
  if (client->over.exchange(true)) return;
  client->record.record(Reset{client->id()});
  client->record.record(ConnectionEnded{client->id(), ConnectionEndReason::reset, ""});
}

}  // namespace lastcall::embed

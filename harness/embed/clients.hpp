// The connections of one run as their clients see them: opened by any thread of the schedule, used
// by several at once, over when the client closes or the subject says so. Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "embed/recorder.hpp"
#include "lastcall/embed_subject.hpp"

namespace lastcall::embed {

struct Client {
  explicit Client(Connection which) : connection(which) {}
  const Connection connection;
  [[nodiscard]] ConnectionId id() const {
    return connection_id(ClientId{connection.number}, connection.attempt);
  }
  Recorder record;  // what the subject's side does to it
  std::atomic<bool> up = false;
  std::atomic<bool> over = false;
  std::atomic<std::uint32_t> sent = 0;
  std::atomic<std::uint32_t> waiting = 0;  // messages in flight
};

class Clients : public Observer {
 public:
  // No schedule has a connection of this number: the runner's own, after the end.
  static constexpr std::uint32_t kProbe = Schedule::kMaxNumber + 1;

  // A client that is about to open this connection; null while the last one of this number is
  // still opening or open.
  std::shared_ptr<Client> begin(std::uint32_t number);
  // The last client of this number, if there is one, whatever its state.
  std::shared_ptr<Client> last(std::uint32_t number) const;
  std::vector<std::shared_ptr<Client>> all() const;

  void taken_on(const Message& message) override;
  void goodbye(const Connection& connection) override;
  void cut(const Connection& connection) override;

 private:
  struct Slot {
    mutable std::mutex mutex;
    std::vector<std::shared_ptr<Client>> attempts;
  };
  std::shared_ptr<Client> named(const Connection& connection) const;
  std::array<Slot, kProbe + 1> slots_;
};

}  // namespace lastcall::embed

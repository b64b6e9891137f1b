// A tiny language for hand-written histories: `h().ready().client(0).up(0).stop().close_frame(0,
// 1001)…`. Each word is one event (up: one a layer) a millisecond after the one before; client N is
// connection N/0.
#pragma once

#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "checkers/checkers.hpp"
#include "scenario/properties.hpp"

namespace lastcall::testing {

inline ConnectionId connection(std::uint32_t client) { return connection_id(ClientId{client}, 0); }

class HistoryBuilder {
 public:
  Plan plan;

  explicit HistoryBuilder(Protocol protocol);
  // Copying an event takes long to compile, so it is compiled once.
  HistoryBuilder(const HistoryBuilder& other);
  HistoryBuilder& operator=(const HistoryBuilder& other);
  ~HistoryBuilder();

  HistoryBuilder& event(EventBody body);
  HistoryBuilder& wait(int ms);

  HistoryBuilder& ready();
  HistoryBuilder& stop(int signal = SIGTERM);
  // Whether it reached somebody is said by done().
  HistoryBuilder& fault(int signal);
  HistoryBuilder& fault_to_child(int signal);
  HistoryBuilder& done(int error = 0);
  HistoryBuilder& again(int signal = SIGTERM);
  // A lag that ends here.
  HistoryBuilder& lag(int ms, std::string source = "trial");
  HistoryBuilder& misbehaved(std::uint32_t n, std::string how);
  HistoryBuilder& disturbed(std::uint32_t n);
  // All clients of the group behave so.
  HistoryBuilder& all_are(Behaviour behaviour, std::uint32_t group = 0);
  HistoryBuilder& missed(std::uint32_t fault);
  HistoryBuilder& forced();
  HistoryBuilder& exited(int code);
  HistoryBuilder& signalled(int signal);
  HistoryBuilder& line(std::string text);
  // A long line's next piece.
  HistoryBuilder& goes_on(std::string text);
  HistoryBuilder& searched();
  HistoryBuilder& lost(std::string source);

  HistoryBuilder& client(std::uint32_t n, std::uint32_t group = 0);
  HistoryBuilder& up(std::uint32_t n);
  HistoryBuilder& failed(std::uint32_t n, Layer layer);
  HistoryBuilder& sent(std::uint32_t n, std::uint32_t r);
  // So many bytes were written to the connection with it, all in all.
  HistoryBuilder& written(std::uint32_t n, std::uint32_t r, std::uint64_t total);
  // The kernel's list just before the stop; client N has port 40000 + N.
  HistoryBuilder& sockets(std::string list, std::string problem = "");
  HistoryBuilder& began(std::uint32_t n, std::uint32_t r);
  HistoryBuilder& answered(std::uint32_t n, std::uint32_t r, RequestEnd end = RequestEnd::ok);
  // `count` quick round trips on an HTTP connection, from request `first` on.
  HistoryBuilder& round_trips(std::uint32_t n, std::uint32_t first, std::uint32_t count);
  HistoryBuilder& close_frame(std::uint32_t n, std::uint16_t code,
                              Direction d = Direction::received);
  HistoryBuilder& close_notify(std::uint32_t n, Direction d = Direction::received);
  HistoryBuilder& fin(std::uint32_t n, Direction d = Direction::received);
  HistoryBuilder& reset(std::uint32_t n);
  HistoryBuilder& closed(std::uint32_t n,
                         ConnectionEndReason why = ConnectionEndReason::server_closed);

  [[nodiscard]] History history() const;

 private:
  std::vector<Event> events_;
  std::vector<std::uint32_t> group_of_;
  std::uint32_t step_ = 0;
  Nanoseconds now_{};
};

HistoryBuilder h(Protocol protocol = Protocol::ws);

// The verdict of one property, as judge() gives it.
Verdict verdict(const HistoryBuilder& builder, std::string_view property);

// "fail 3: why" in one word, for one-line tests.
std::string said(const HistoryBuilder& builder, std::string_view property);

}  // namespace lastcall::testing

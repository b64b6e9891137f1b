// One event of every kind, with values that no default has.
#pragma once

#include <cstdint>
#include <vector>

#include "history/event.hpp"

namespace lastcall::testing {

inline TimePoint at_ms(std::int64_t ms) { return TimePoint(std::chrono::milliseconds(ms)); }

inline std::vector<Event> one_of_each() {
  const ConnectionId c = connection_id(ClientId{12}, 3);
  const std::vector<EventBody> bodies{
      PhaseBegan{Phase::drain},
      TargetStarted{77, "./server --port 8080"},
      TargetNotStarted{"no such file"},
      TargetReady{},
      TargetNotReady{"not ready within 5s"},
      TargetOutput{Stream::err, "a \"line\"\t\xC3\xA9"},
      Notification{78, "READY=1\nSTATUS=up"},
      FaultInvoked{FaultId{1}, 1, 15, true},
      FaultFinished{FaultId{1}, 1, 3},
      FaultNotReached{FaultId{2}, "only 3 of 10 connections"},
      TargetForced{9, "past the deadline"},
      DeadlinePassed{},
      TargetEnded{EndKind::signalled, 11, true},
      ProcessLeft{79, "worker"},
      ProcessesSearched{},
      PortProbed{"tls", 8443, 98},
      FileLeft{"run/server.pid", "pid file"},
      FilesSearched{4},
      EventsLost{"clients-1", "5 events did not fit"},
      ConnectInvoked{c, 2},
      LayerUp{c, Layer::tls},
      LayerFailed{c, Layer::websocket, "status 503"},
      RequestSent{c, RequestId{7}, 120},
      AnswerBegan{c, RequestId{7}},
      RequestEnded{c, RequestId{7}, RequestEnd::refused, 503, 42},
      CloseFrame{c, Direction::received, 1001, "going away"},
      CloseNotify{c, Direction::sent},
      Fin{c, Direction::received},
      Reset{c},
      BytesAfterClose{c, Layer::websocket, 9},
      ConnectionEnded{c, ConnectionEndReason::server_closed, "after its Close frame"},
  };
  std::vector<Event> events;
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    events.push_back({at_ms(static_cast<std::int64_t>(i)), bodies[i]});
  }
  return events;
}

}  // namespace lastcall::testing

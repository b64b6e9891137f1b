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
      TargetOutput{Stream::err, "a \"line\"\t\xC3\xA9", true},
      Notification{78, "READY=1\nSTATUS=up", 1},
      FaultInvoked{FaultId{1}, 1, "SIGTERM to process", 15, true},
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
      LayerFailed{c, Layer::websocket, "status 503", "login first"},
      RequestSent{c, RequestId{7}, 120, 2},
      AnswerBegan{c, RequestId{7}},
      RequestEnded{c, RequestId{7}, RequestEnd::refused, 503, 42, "later"},
      CloseFrame{c, Direction::received, 1001, "going away"},
      CloseNotify{c, Direction::sent},
      Fin{c, Direction::received},
      Reset{c},
      BytesAfterClose{c, Layer::websocket, 9},
      ConnectionEnded{c, ConnectionEndReason::server_closed, "after its Close frame"},
      Lag{"clients-0", 82'000'000},
      ReadyProbed{"tls", 111},
      WatchdogExpired{},
      DeadlineExtended{5'000'000'000},
      HealthProbed{1'000'000, true, 503},
      ResourcesUsed{Phase::load, 5'000'000, 70'000'000, 4},
      Observed{"log-complete", "stopped"},
      NotObserved{"acked-durable", "no answer"},
      CheckpointInspected{"state.json", "cut off"},
      RecoveryStarted{80},
      RecoveryReady{},
      RecoveryFailed{"not within 10s"},
      RecoveryEnded{EndKind::exited, 0},
      Asked{c, RequestId{7}, 1},
      ControlFrame{c, Direction::sent, false},
      Misbehaved{c, "reset"},
      NetworkDisturbed{c, FaultId{1}, 100, 200},
      TraceBegan{true},
      TraceFailed{"cannot trace process 80: Operation not permitted"},
      FiltersWoke{},
      SignalTaken{80, 81, 15, 0, 7, 1000, "kill 80", 0, false},
      ExitCalled{80, 81, 3, "worker"},
      ProcessEnded{80, "server --port 1", EndKind::signalled, 9},
      StacksTaken{80, StacksAt::deadline, "thread 80\n  main+0x12\n"},
      ThreadWaits{80, 81, "worker", "transfer()", "mutex 0x10"},
      ThreadsStuck{true, false, "deadlock of 2 threads"},
      SentLate{80, SendingEnd::shut_down, 5, "socket:[4711]", "sendto", 32, 1'000, "worker",
               "main"},
      SendsWatched{12, 3},
      ForeignBytes{c, ConnectionId{9}},
      ExitExamined{80, 1},
      LeftAtExit{80, "listener", true, "listens at 127.0.0.1:80"},
      OpenCounted{64, 20, 4},
      PanicsWatched{80, "server", "c++", ""},
      PanicEntered{80, 81, "go", PanicKind::programming_error, "runtime.boundsError", "", "main.f"},
      SyscallReached{FaultId{1}, 80, 81, true, "fsync(5)", "save()"},
      FinalCalls{80, "close(5) = 0"},
      KillSent{80, 7, "root", "kill -9 80", "out of memory"},
      ProcessLingered{82, "helper", Lingering::slowed},
      SocketsAtStop{8080, "127.0.0.1", "40001:120", ""},
      RequestWritten{c, RequestId{7}, 240},
      LoadMeasured{FaultId{1}, 1'500'000'000, 6'000'000'000},
      IdGiven{c, RequestId{7}, "order-17", ""},
      AskedBefore{c, RequestId{7}, 1, ""},
      SidecarSeen{"db", SidecarNews::output, "listening"},
      SocketsAtDeadline{8080, true, "127.0.0.1", "40001:120/shut", ""},
      KeptAlive{80, "connection of 127.0.0.1:8080", "127.0.0.1:40001"},
      TargetSlept{80, 81, "poller", "poll", 100'000'000, 100'100'000, false, true,
                  AfterWait::thread_ended, "look()+0x12"},
      SleepsWatched{300, 44},
      ProcessorUsed{9'000'000},
      TakerInDoubt{80, 82, 15},
      AnswerEndedByEof{c, RequestId{7}},
      HandlerAtStop{80, 15, true, "node", "node", true},
      LeftProcessesEnded{2},
      FunctionReached{FaultId{2}, 80, 81, "ping", "SendQueue::push", 8'000'000,
                      "ping (81) in push"},
  };
  std::vector<Event> events;
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    events.push_back({at_ms(static_cast<std::int64_t>(i)), bodies[i]});
  }
  return events;
}

}  // namespace lastcall::testing

#include <gtest/gtest.h>

#include <sstream>

#include "history/history.hpp"
#include "history/utf8.hpp"
#include "unit/history/one_of_each.hpp"

namespace lastcall {
namespace {

using testing::at_ms;

constexpr const char* kOneOfEach =
    R"json({"t":"0.000000000","kind":"phase_began","phase":"drain"}
{"t":"0.001000000","kind":"target_started","pid":77,"command":"./server --port 8080"}
{"t":"0.002000000","kind":"target_not_started","reason":"no such file"}
{"t":"0.003000000","kind":"target_ready"}
{"t":"0.004000000","kind":"target_not_ready","reason":"not ready within 5s"}
{"t":"0.005000000","kind":"target_output","stream":"err","line":"a \"line\"\té","continues":true}
{"t":"0.006000000","kind":"notification","pid":78,"text":"READY=1\nSTATUS=up","descriptors":1}
{"t":"0.007000000","kind":"fault_invoked","fault":1,"step":1,"what":"SIGTERM to process","signal":15,"stop":true}
{"t":"0.008000000","kind":"fault_finished","fault":1,"step":1,"error":3}
{"t":"0.009000000","kind":"fault_not_reached","fault":2,"reason":"only 3 of 10 connections"}
{"t":"0.010000000","kind":"target_forced","signal":9,"reason":"past the deadline"}
{"t":"0.011000000","kind":"deadline_passed"}
{"t":"0.012000000","kind":"target_ended","how":"signalled","value":11,"core":true}
{"t":"0.013000000","kind":"process_left","pid":79,"command":"worker"}
{"t":"0.014000000","kind":"processes_searched"}
{"t":"0.015000000","kind":"port_probed","name":"tls","port":8443,"error":98}
{"t":"0.016000000","kind":"file_left","path":"run/server.pid","type":"pid file"}
{"t":"0.017000000","kind":"files_searched","count":4}
{"t":"0.018000000","kind":"events_lost","source":"clients-1","reason":"5 events did not fit"}
{"t":"0.019000000","kind":"connect_invoked","connection":"12/3","group":2}
{"t":"0.020000000","kind":"layer_up","connection":"12/3","layer":"tls","local":""}
{"t":"0.021000000","kind":"layer_failed","connection":"12/3","layer":"websocket","reason":"status 503","said":"login first"}
{"t":"0.022000000","kind":"request_sent","connection":"12/3","request":7,"bytes":120,"message":2}
{"t":"0.023000000","kind":"answer_began","connection":"12/3","request":7}
{"t":"0.024000000","kind":"request_ended","connection":"12/3","request":7,"end":"refused","status":503,"bytes":42,"said":"later"}
{"t":"0.025000000","kind":"close_frame","connection":"12/3","direction":"received","code":1001,"reason":"going away"}
{"t":"0.026000000","kind":"close_notify","connection":"12/3","direction":"sent"}
{"t":"0.027000000","kind":"fin","connection":"12/3","direction":"received"}
{"t":"0.028000000","kind":"reset","connection":"12/3"}
{"t":"0.029000000","kind":"bytes_after_close","connection":"12/3","layer":"websocket","bytes":9}
{"t":"0.030000000","kind":"connection_ended","connection":"12/3","why":"server_closed","detail":"after its Close frame"}
{"t":"0.031000000","kind":"lag","source":"clients-0","nanoseconds":82000000}
{"t":"0.032000000","kind":"ready_probed","name":"tls","error":111}
{"t":"0.033000000","kind":"watchdog_expired"}
{"t":"0.034000000","kind":"deadline_extended","nanoseconds":5000000000}
{"t":"0.035000000","kind":"health_probed","asked":1000000,"connected":true,"status":503}
{"t":"0.036000000","kind":"resources_used","phase":"load","memory":5000000,"cpu":70000000,"threads":4}
{"t":"0.037000000","kind":"observed","property":"log-complete","line":"stopped"}
{"t":"0.038000000","kind":"not_observed","property":"acked-durable","reason":"no answer"}
{"t":"0.039000000","kind":"checkpoint_inspected","path":"state.json","problem":"cut off"}
{"t":"0.040000000","kind":"recovery_started","pid":80}
{"t":"0.041000000","kind":"recovery_ready"}
{"t":"0.042000000","kind":"recovery_failed","reason":"not within 10s"}
{"t":"0.043000000","kind":"recovery_ended","how":"exited","value":0}
{"t":"0.044000000","kind":"asked","connection":"12/3","request":7,"found":1}
{"t":"0.045000000","kind":"control_frame","connection":"12/3","direction":"sent","pong":false}
{"t":"0.046000000","kind":"misbehaved","connection":"12/3","how":"reset"}
{"t":"0.047000000","kind":"network_disturbed","connection":"12/3","fault":1,"to_target":100,"to_client":200}
{"t":"0.048000000","kind":"trace_began","asleep":true}
{"t":"0.049000000","kind":"trace_failed","reason":"cannot trace process 80: Operation not permitted"}
{"t":"0.050000000","kind":"filters_woke"}
{"t":"0.051000000","kind":"signal_taken","pid":80,"tid":81,"signal":15,"code":0,"sender":7,"user":1000,"command":"kill 80","address":0,"fatal":false}
{"t":"0.052000000","kind":"exit_called","pid":80,"tid":81,"code":3,"thread":"worker"}
{"t":"0.053000000","kind":"process_ended","pid":80,"command":"server --port 1","how":"signalled","value":9}
{"t":"0.054000000","kind":"stacks_taken","pid":80,"at":"deadline","text":"thread 80\n  main+0x12\n"}
{"t":"0.055000000","kind":"thread_waits","pid":80,"tid":81,"thread":"worker","place":"transfer()","waits":"mutex 0x10"}
{"t":"0.056000000","kind":"threads_stuck","deadlock":true,"certain":false,"text":"deadlock of 2 threads"}
{"t":"0.057000000","kind":"sent_late","pid":80,"end":"shut_down","descriptor":5,"what":"socket:[4711]","call":"sendto","error":32,"age":1000,"writer":"worker","closer":"main"}
{"t":"0.058000000","kind":"sends_watched","sends":12,"closes":3}
{"t":"0.059000000","kind":"foreign_bytes","connection":"12/3","owner":"0/9"}
{"t":"0.060000000","kind":"exit_examined","pid":80,"left":1}
{"t":"0.061000000","kind":"left_at_exit","pid":80,"type":"listener","fails":true,"text":"listens at 127.0.0.1:80"}
{"t":"0.062000000","kind":"open_counted","answers":64,"descriptors":20,"threads":4}
{"t":"0.063000000","kind":"panics_watched","pid":80,"program":"server","runtimes":"c++","reason":""}
{"t":"0.064000000","kind":"panic_entered","pid":80,"tid":81,"runtime":"go","what":"programming_error","type":"runtime.boundsError","message":"","stack":"main.f"}
{"t":"0.065000000","kind":"syscall_reached","fault":1,"pid":80,"tid":81,"exit":true,"call":"fsync(5)","place":"save()"}
{"t":"0.066000000","kind":"final_calls","pid":80,"text":"close(5) = 0"}
{"t":"0.067000000","kind":"kill_sent","pid":80,"sender":7,"user":"root","command":"kill -9 80","why":"out of memory"}
{"t":"0.068000000","kind":"process_lingered","pid":82,"command":"helper","how":"slowed"}
{"t":"0.069000000","kind":"sockets_at_stop","port":8080,"address":"127.0.0.1","connections":"40001:120","problem":""}
{"t":"0.070000000","kind":"request_written","connection":"12/3","request":7,"total":240}
{"t":"0.071000000","kind":"load_measured","fault":1,"response":1500000000,"window":6000000000}
{"t":"0.072000000","kind":"id_given","connection":"12/3","request":7,"id":"order-17","problem":""}
{"t":"0.073000000","kind":"asked_before","connection":"12/3","request":7,"found":1,"problem":""}
{"t":"0.074000000","kind":"sidecar_seen","name":"db","what":"output","text":"listening"}
{"t":"0.075000000","kind":"sockets_at_deadline","port":8080,"listening":true,"address":"127.0.0.1","connections":"40001:120/shut","problem":""}
{"t":"0.076000000","kind":"kept_alive","pid":80,"what":"connection of 127.0.0.1:8080","peer":"127.0.0.1:40001"}
{"t":"0.077000000","kind":"target_slept","pid":80,"tid":81,"thread":"poller","call":"poll","requested":100000000,"slept":100100000,"alone":false,"was_going_on":true,"then":"thread_ended","place":"look()+0x12"}
{"t":"0.078000000","kind":"sleeps_watched","seen":300,"left_out":44}
{"t":"0.079000000","kind":"processor_used","nanoseconds":9000000}
{"t":"0.080000000","kind":"taker_in_doubt","pid":80,"tid":82,"signal":15}
{"t":"0.081000000","kind":"answer_ended_by_eof","connection":"12/3","request":7}
{"t":"0.082000000","kind":"handler_at_stop","pid":80,"signal":15,"caught":true,"runtime":"node","program":"node","blocked":true}
{"t":"0.083000000","kind":"left_processes_ended","count":2}
{"t":"0.084000000","kind":"function_reached","fault":2,"pid":80,"tid":81,"thread":"ping","function":"SendQueue::push","hold":8000000,"stack":"ping (81) in push"}
)json";

TEST(Jsonl, TextOfEveryKindIsPinned) {
  std::ostringstream out;
  write_jsonl(History::of(testing::one_of_each()), out);
  EXPECT_EQ(out.str(), kOneOfEach);
}

TEST(Jsonl, TimesCountFromTheFirstEventWithAllNanoseconds) {
  const Event event{TimePoint(Nanoseconds(12'345'678'902)), TargetReady{}};
  EXPECT_EQ(to_json(event, TimePoint(Nanoseconds(1))),
            R"({"t":"12.345678901","kind":"target_ready"})");
  EXPECT_EQ(to_json({TimePoint{}, TargetReady{}}, at_ms(1500)),
            R"({"t":"-1.500000000","kind":"target_ready"})");
}

TEST(Jsonl, AnEmptyHistoryHasNoLine) {
  std::ostringstream out;
  write_jsonl(History::of({}), out);
  EXPECT_EQ(out.str(), "");
}

TEST(Jsonl, BytesThatAreNoUtf8AreReplaced) {
  const Event event{TimePoint{}, TargetOutput{Stream::out, std::string("a\xFF\0b", 4), false}};
  EXPECT_EQ(to_json(event, TimePoint{}),
            "{\"t\":\"0.000000000\",\"kind\":\"target_output\",\"stream\":\"out\",\"line\":"
            "\"a\xEF\xBF\xBD\\u0000b\",\"continues\":false}");
}

TEST(Utf8, KeepsWhatIsWellFormed) {
  for (const std::string text :
       {"", "plain", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x94\x94", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(valid_utf8(text), text);
  }
}

TEST(Utf8, ReplacesEachByteThatIsNot) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(valid_utf8("\xC3"), r);                          // cut off
  EXPECT_EQ(valid_utf8("\xC0\xAF"), r + r);                  // overlong
  EXPECT_EQ(valid_utf8("\xE0\x80\xAF"), r + r + r);          // overlong
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), r + r + r);          // a surrogate
  EXPECT_EQ(valid_utf8("\xF4\x90\x80\x80"), r + r + r + r);  // above U+10FFFF
  EXPECT_EQ(valid_utf8("\x80"
                       "a\xC3"
                       "b"),
            r + "a" + r + "b");
}

TEST(OneLine, IsWhatAPeerSaidWithoutLineEndsAndControlCharacters) {
  EXPECT_EQ(one_line(""), "");
  EXPECT_EQ(one_line(" \r\n\t"), "");
  EXPECT_EQ(one_line("-ERR no\r\n"), "-ERR no");
  EXPECT_EQ(one_line("{\n  \"error\": 7\n}\n"), "{ \"error\": 7 }");
  EXPECT_EQ(one_line(std::string("E\0\0SFATAL\0VFATAL\0", 17)), "E SFATAL VFATAL");
  EXPECT_EQ(one_line("pool \xC3\xA9puis\xC3"), "pool \xC3\xA9puis\xEF\xBF\xBD");
}

TEST(OneLine, IsCutBetweenCharacters) {
  const std::string most(120, 'x');
  EXPECT_EQ(one_line(most + "\n"), most);
  EXPECT_EQ(one_line(most + "\ny"), most + "…");
  EXPECT_EQ(one_line(most.substr(1) + "\xC3\xA9"), most.substr(1) + "…");
  EXPECT_EQ(one_line(most.substr(2) + "\xC3\xA9z"), most.substr(2) + "\xC3\xA9…");
  EXPECT_EQ(one_line(std::string(5000, ' ') + "far away"), "");
}

}  // namespace
}  // namespace lastcall

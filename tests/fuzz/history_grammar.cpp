#include "history_grammar.hpp"

#include <array>
#include <limits>
#include <type_traits>
#include <utility>

#include "history/event_fields.hpp"
#include "scenario/properties.hpp"

namespace lastcall::fuzz {
namespace {

using Texts = std::vector<std::string_view>;

constexpr int kMostSteps = 60;

// What a field of this name is likely to hold.
const Texts& texts_for(std::string_view field) {
  static const std::map<std::string_view, Texts> texts{
      {"text",
       {"READY=1", "STOPPING=1", "WATCHDOG=1", "EXTEND_TIMEOUT_USEC=5000000", "RELOADING=1",
        "READY=1\nSTATUS=up\xff", "MAINPID=102", "WATCHDOG=trigger", "BARRIER=1",
        "thread 100 (main)\n  main+0x12\n  start\n", "deadlock of 2 threads\n", "exited with 1"}},
      {"line",
       {"ready",
        "stopped",
        "panic: runtime error: index out of range [3] with length 2",
        "goroutine 1 [running]:",
        "\tmain.f(0x1)",
        "\t/src/main.go:7 +0x1d",
        "exit status 2",
        "Traceback (most recent call last):",
        "  File \"a.py\", line 3, in f",
        "KeyError: 'x'",
        "Exception in thread \"main\" java.lang.IllegalStateException: no",
        "\tat a.B.c(B.java:7)",
        "thread 'main' panicked at src/main.rs:3:5:",
        "terminate called after throwing an instance of 'std::out_of_range'",
        "==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x1",
        "SUMMARY: AddressSanitizer: heap-use-after-free a.cpp:1 in f",
        "10",
        "7 items",
        "Unhandled exception. System.Exception: no",
        "Error: no\n    at f (a.js:1:2)",
        "\xff\x1b[2J",
        "<xml attribute=\"&\">]]>",
        "",
        "free(): double free detected in tcache 2"}},
      {"source",
       {"trial", "tracer", "ends", "clients-0", "output", "files", "sidecar db", "target",
        "machine"}},
      {"name", {"", "tls", "db", "web"}},
      {"what",
       {"SIGTERM to process", "SIGKILL to tree", "limit memory", "network cut", "abort-clients",
        "connection of 127.0.0.1:8080", "socket:[4711] of 127.0.0.1:8080", ""}},
      {"how", {"reset", "silent", "leaves", "abort-clients", "never-closes"}},
      {"address", {"127.0.0.1", "127.0.0.2", ""}},
      {"local", {"127.0.0.1:40001", "127.0.0.1:40002", ""}},
      {"peer", {"127.0.0.1:40001", ""}},
      {"connections", {"40001:120", "40001:0+18 40002:backlog", "40001:?/fin 40002:9/shut", "x:y"}},
      {"runtime", {"go", "node", "java", "c++", "rust", "signal", ""}},
      {"runtimes", {"c++, rust", "go", ""}},
      {"type",
       {"listener", "connection", "unsynced", "socket", "pid file", "lock file", "temporary file",
        "runtime.boundsError", "std::out_of_range"}},
      {"path", {"a.json", "tmp/x", "run/server.pid", "tmp/\xff"}},
      {"call", {"poll", "clock_nanosleep", "sendto", "fsync(5)", "rename(\"/a\", \"/b\")"}},
      {"program", {"server", "node", "java"}},
      {"user", {"root", ""}},
      {"waits", {"mutex 0x10", "semaphore 0x10, until a time-out", "", "data on descriptor 5"}},
  };
  static const Texts other{
      "",         "no such file", "not within 10s", "main+0x12",          "worker", "\x1b]0;x\x07",
      "\xc3\xa9", "\xff\xfe",     "a\nb",           "server --port 8080", "1",      "order-17"};
  const auto found = texts.find(field);
  return found == texts.end() ? other : found->second;
}

class Story {
 public:
  Story(const Plan& plan, Choices& choices) : plan_(plan), choices_(choices) {}

  History told() {
    begin();
    load();
    stop();
    end();
    std::vector<std::pair<std::string, Segment>> sources;
    for (auto& [name, segment] : segments_) {
      segment.complete = !choices_.once_in(16);
      if (!segment.complete) segment.problem = "byte 7: cut off inside a record";
      if (choices_.once_in(16)) segment.lost = 1 + choices_.below(9);
      sources.emplace_back(name, std::move(segment));
    }
    return History::merge(std::move(sources));
  }

 private:
  // --- what happens in a trial, mostly -----------------------------------------------------------

  void begin() {
    usually(PhaseBegan{Phase::start});
    usually(TargetStarted{kPid, "server"});
    if (plan_.traced) usually(TraceBegan{choices_.once_in(2)});
    steps(4);
    usually(FiltersWoke{});
    usually(TargetReady{});
  }

  void load() {
    usually(PhaseBegan{Phase::load});
    steps(kMostSteps);
  }

  void stop() {
    usually(HandlerAtStop{kPid, 15, true, "", "server", false});
    event<SocketsAtStop>();
    usually(FaultInvoked{fault(), 0, "SIGTERM to process", 15, true});
    usually(FaultFinished{fault(), 0, 0});
    usually(PhaseBegan{Phase::drain});
    steps(kMostSteps);
    if (choices_.once_in(4)) {
      usually(DeadlinePassed{});
      steps(8);
      usually(TargetForced{9, "past the deadline"});
    }
  }

  void end() {
    usually(TargetEnded{choices_.once_in(4) ? EndKind::signalled : EndKind::exited,
                        number<std::int32_t>("value"), false});
    usually(PhaseBegan{Phase::after});
    steps(8);
    usually(ProcessesSearched{});
    usually(PortProbed{"", 8080, choices_.once_in(8) ? 98 : 0});
    usually(FilesSearched{4});
    usually(SendsWatched{12, 3});
    usually(SleepsWatched{2, 0});
    if (!plan_.scenario.target.recovery) return;
    usually(RecoveryStarted{kPid + 1});
    usually(RecoveryReady{});
    for (std::uint32_t request = 0; request < 3; ++request)
      usually(Asked{connection(), {request}, choices_.once_in(4) ? 0U : 1U});
    usually(RecoveryEnded{EndKind::exited, 0});
  }

  void steps(std::uint64_t most) {
    for (auto left = choices_.below(most); left > 0 && choices_.left() > 0; --left) step();
  }

  void step() {
    switch (choices_.below(10)) {
      case 0:
      case 1:
        return connect();
      case 2:
      case 3:
        return ask();
      case 4:
        return say_goodbye();
      case 5:
        return event<TargetOutput>();
      case 6:
        return event<Notification>();
      case 7:
        return usually(
            Lag{std::string(choices_.of(texts_for("source"))), choices_.of(kSpans).count()});
      default:
        return any_event();
    }
  }

  void connect() {
    const auto id = connection();
    usually(ConnectInvoked{id, group_of(client_of(id))});
    usually(LayerUp{id, Layer::tcp, "127.0.0.1:40001"});
    if (choices_.once_in(3)) usually(LayerUp{id, Layer::tls, ""});
    if (choices_.once_in(3)) usually(LayerUp{id, Layer::websocket, ""});
    if (choices_.once_in(8)) event<LayerFailed>();
  }

  void ask() {
    const auto id = connection();
    const RequestId request{static_cast<std::uint32_t>(choices_.below(5))};
    usually(RequestSent{id, request, 120, 0});
    usually(RequestWritten{id, request, 120});
    if (choices_.once_in(4)) return;
    usually(AnswerBegan{id, request});
    const auto how = choices_.of(values<RequestEnd>());
    usually(RequestEnded{id, request, how, number<std::int32_t>("status"), 42, ""});
  }

  void say_goodbye() {
    const auto id = connection();
    if (choices_.once_in(2))
      usually(CloseFrame{id, Direction::received, number<std::uint16_t>("code"), ""});
    if (choices_.once_in(2)) usually(CloseNotify{id, Direction::received});
    if (choices_.once_in(4)) usually(BytesAfterClose{id, Layer::websocket, 9});
    if (choices_.once_in(2)) usually(Fin{id, Direction::received});
    if (choices_.once_in(4)) usually(Reset{id});
    usually(ConnectionEnded{id, choices_.of(values<ConnectionEndReason>()), ""});
  }

  void any_event() {
    using Make = void (Story::*)();
    static constexpr auto kMakers = []<std::size_t... Kinds>(std::index_sequence<Kinds...>) {
      return std::array<Make, sizeof...(Kinds)>{
          &Story::event<std::variant_alternative_t<Kinds, EventVariant>>...};
    }
    (std::make_index_sequence<std::variant_size_v<EventVariant>>{});
    (this->*choices_.of(kMakers))();
  }

  // --- its events --------------------------------------------------------------------------------

  template <class Body>
  void event() {
    Body body;
    visit_fields(body, [&](std::string_view name, auto& field) { fill(name, field); });
    record(std::move(body));
  }
  // Records the event, but leaves it out or changes it once in a while.
  template <class Body>
  void usually(Body body) {
    if (choices_.once_in(32)) return;
    if (choices_.once_in(32)) return event<Body>();
    record(std::move(body));
  }
  template <class Body>
  void record(Body body) {
    constexpr bool kIsOfClients = requires { body.connection; };
    constexpr bool kIsOfTracer = requires { body.tid; };
    now_ += choices_.of(kSpans) / 10;
    segments_[kIsOfClients  ? "clients-0"
              : kIsOfTracer ? "tracer"
                            : "trial"]
        .events.push_back({now_, std::move(body)});
  }

  // --- their fields ------------------------------------------------------------------------------

  void fill(std::string_view, bool& field) { field = choices_.once_in(2); }
  void fill(std::string_view name, std::string& field) {
    if (name == "property") {
      field = std::string(choices_.of(kProperties).name);
    } else {
      field = std::string(choices_.of(texts_for(name)));
    }
  }
  void fill(std::string_view, ConnectionId& field) { field = connection(); }
  void fill(std::string_view, RequestId& field) {
    field = {static_cast<std::uint32_t>(choices_.below(5))};
  }
  void fill(std::string_view, FaultId& field) { field = fault(); }
  template <class Field>
  requires std::is_enum_v<Field>
  void fill(std::string_view, Field& field) { field = choices_.of(values<Field>()); }
  template <class Field>
  requires std::is_integral_v<Field>
  void fill(std::string_view name, Field& field) { field = number<Field>(name); }

  template <class Number>
  Number number(std::string_view name) {
    static const std::map<std::string_view, std::vector<std::int64_t>> numbers{
        {"pid", {kPid, kPid + 1, kPid + 2, 1}},
        {"tid", {kPid, kPid + 1, kPid + 5}},
        {"sender", {0, 7, kPid}},
        {"signal", {15, 2, 9, 6, 11, 10, 0}},
        {"error", {0, 98, 111, 32, 9, 3}},
        {"value", {0, 0, 1, 15, 9, 143, 255}},
        {"port", {8080, 40001, 0}},
        {"status", {200, 200, 404, 503, 500, 101, 0}},
        {"code", {1000, 1001, 1005, 1006, 4000, 0}},
        {"group", {0, 1, 2}}};
    const auto found = numbers.find(name);
    if (found != numbers.end()) return static_cast<Number>(choices_.of(found->second));
    if constexpr (sizeof(Number) == 8) {
      return static_cast<Number>(choices_.of(kSpans).count());
    } else {
      if (choices_.once_in(8)) return std::numeric_limits<Number>::max();
      return static_cast<Number>(choices_.below(12));
    }
  }

  ConnectionId connection() {
    std::uint64_t clients = 0;
    for (const auto& group : plan_.scenario.clients) clients += group.count;
    const auto client = choices_.below(std::min<std::uint64_t>(clients + 1, 8));
    return connection_id({static_cast<std::uint32_t>(client)},
                         static_cast<std::uint32_t>(choices_.below(2)));
  }
  FaultId fault() { return {static_cast<std::uint32_t>(choices_.below(plan_.faults.size() + 1))}; }
  // As the plan has it; one more than there are for a client that is in none.
  [[nodiscard]] std::uint32_t group_of(ClientId client) const {
    std::uint32_t group = 0;
    std::uint64_t first = 0;
    for (const auto& one : plan_.scenario.clients) {
      first += one.count;
      if (client.value < first) break;
      ++group;
    }
    return group;
  }

  static constexpr std::int32_t kPid = 100;
  static constexpr std::array<Nanoseconds, 9> kSpans{
      std::chrono::milliseconds(1),  std::chrono::milliseconds(10),  Nanoseconds(0),
      std::chrono::microseconds(50), std::chrono::milliseconds(100), std::chrono::seconds(1),
      std::chrono::seconds(30),      std::chrono::hours(1),          Nanoseconds(1)};

  const Plan& plan_;
  Choices& choices_;
  TimePoint now_ = TimePoint{} + std::chrono::hours(1);
  std::map<std::string, Segment> segments_;
};

}  // namespace

History history_of(const Plan& plan, Choices& choices) { return Story(plan, choices).told(); }

}  // namespace lastcall::fuzz

// `history_cost EVENTS FOLDER`: makes a trial with that number of events there, then reads, judges
// and exports it as lastcall does, and prints what each step took, as JSON. For histories.py.
#include <time.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "base/text.hpp"
#include "checkers/checkers.hpp"
#include "history/segment.hpp"
#include "history/socket_list.hpp"
#include "plan/plan.hpp"
#include "reports/page.hpp"
#include "reports/trace.hpp"
#include "reports/trial_text.hpp"
#include "scenario/parse.hpp"
#include "trial/merged_history.hpp"

namespace lastcall {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kWorkers = 8;
// Of one connection, on average.
constexpr std::size_t kEventsEach = 500;
// From the first connection to the stop. As long with few events as with many, so that only their
// number differs.
constexpr seconds kLoad{10};

// Half of the clients are asked for what was acknowledged, the other half speak WebSocket.
std::string scenario_text(std::size_t connections) {
  const auto half = std::to_string(std::max<std::size_t>(1, connections / 2));
  return R"(about = "many events"
crowd = "none"
[target]
command = ["server", "{port}"]
ready = { log = "ready" }
stop = { signal = "SIGTERM", deadline = "20s" }
[target.recovery]
ask = { url = "http://127.0.0.1:{port}/events" }
[[clients]]
name = "events"
url = "http://127.0.0.1:{port}/events"
count = )" +
         half + R"(
message = '{"id":"{id}"}'
status = 201
[[clients]]
name = "chat"
url = "ws://127.0.0.1:{port}/chat"
count = )" +
         half + R"(
message = "{id}"
ack = "{id}"
[[faults]]
what = "stop"
when = { phase = "load", at = "10s" }
[properties]
acked-durable = {}
)";
}

struct Measured {
  std::string step;
  double seconds = 0;
  std::int64_t before_kib = 0;  // resident, as it begins
  std::int64_t peak_kib = 0;    // the most while it runs
  std::size_t bytes = 0;        // of what it made
};

std::int64_t kibibytes(std::string_view key) {
  const auto status = read_file("/proc/self/status");
  if (!status) return 0;
  const auto at = status->find(key);
  return at == std::string::npos ? 0 : std::stoll(status->substr(at + key.size()));
}

// proc(5): 5 sets VmHWM to what is resident now.
void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

double processor_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

class Steps {
 public:
  // `does` returns how many bytes it made.
  void measure(std::string step, const auto& does) {
    forget_peak();
    Measured found{.step = std::move(step), .before_kib = kibibytes("VmRSS:")};
    const auto begin = processor_seconds();
    found.bytes = does();
    found.seconds = processor_seconds() - begin;
    found.peak_kib = kibibytes("VmHWM:");
    all_.push_back(std::move(found));
  }
  [[nodiscard]] boost::json::array json() const {
    boost::json::array steps;
    for (const auto& one : all_) {
      steps.push_back({{"step", one.step},
                       {"seconds", one.seconds},
                       {"before_kib", one.before_kib},
                       {"peak_kib", one.peak_kib},
                       {"bytes", one.bytes}});
    }
    return steps;
  }

 private:
  std::vector<Measured> all_;
};

// Writes the segments of a trial whose server stops as it should.
class TrialMaker {
 public:
  TrialMaker(std::size_t events, const std::string& folder)
      : connections_(std::max<std::size_t>(2, events / kEventsEach / 2 * 2)),
        rounds_(std::max<std::size_t>(2, 10 * (events / connections_ - kOfEach) / kOfTenRounds)),
        folder_(folder) {}

  [[nodiscard]] std::size_t connections() const { return connections_; }

  Result<std::size_t> make() {
    std::size_t bytes = 0;
    std::filesystem::create_directories(folder_ + "/segments");
    for (std::size_t worker = 0; worker < kWorkers; ++worker) {
      auto made = SegmentWriter::create(path("clients-" + std::to_string(worker)), kNoLimit);
      if (!made) return made.error();
      write_clients(*made, worker);
      const auto written = made->finish();
      if (!written) return written.error();
      bytes += *written;
    }
    auto made = SegmentWriter::create(path("trial"), kNoLimit);
    if (!made) return made.error();
    write_trial(*made);
    const auto written = made->finish();
    if (!written) return written.error();
    return bytes + *written;
  }

 private:
  static constexpr std::size_t kNoLimit = std::size_t{1} << 40U;
  // A connection has four or five in a round, and the target a line for each tenth.
  static constexpr std::size_t kOfTenRounds = 46;
  static constexpr std::size_t kOfEach = 13;  // how a connection begins and ends

  [[nodiscard]] std::string path(const std::string& source) const {
    return folder_ + "/segments/" + source + ".seg";
  }
  [[nodiscard]] static ConnectionId id(std::size_t connection) {
    return connection_id(ClientId{static_cast<std::uint32_t>(connection)}, 0);
  }
  [[nodiscard]] bool is_chat(std::size_t connection) const {
    return connection >= connections_ / 2;
  }
  // When the connection does the round: all in turn, evenly over the load.
  [[nodiscard]] TimePoint moment(std::size_t round, std::size_t connection) const {
    const auto nth = 1 + round * connections_ + connection;
    const auto all = (rounds_ + 2) * connections_;
    return begin_ + Nanoseconds(kLoad) * nth / all;
  }

  void write_clients(SegmentWriter& sink, std::size_t worker) const {
    for (auto c = worker; c < connections_; c += kWorkers) connect(sink, c);
    for (std::size_t round = 1; round <= rounds_; ++round) {
      for (auto c = worker; c < connections_; c += kWorkers) exchange(sink, round, c);
    }
    for (auto c = worker; c < connections_; c += kWorkers) ask_last(sink, c);
    for (auto c = worker; c < connections_; c += kWorkers) say_goodbye(sink, c);
  }

  void connect(SegmentWriter& sink, std::size_t c) const {
    const auto at = moment(0, c);
    const std::uint32_t group = is_chat(c) ? 1 : 0;
    sink.record(at, ConnectInvoked{id(c), group});
    sink.record(at, LayerUp{id(c), Layer::tcp, address(c)});
    if (is_chat(c)) sink.record(at, LayerUp{id(c), Layer::websocket, ""});
  }
  void exchange(SegmentWriter& sink, std::size_t round, std::size_t c) const {
    const auto at = moment(round, c);
    const RequestId request{static_cast<std::uint32_t>(round - 1)};
    sink.record(at, RequestSent{id(c), request, 120, request.value});
    sink.record(at, RequestWritten{id(c), request, 120 * round});
    sink.record(at, AnswerBegan{id(c), request});
    sink.record(at, RequestEnded{id(c), request, RequestEnd::ok, is_chat(c) ? 0 : 201, 60, ""});
    if (is_chat(c)) sink.record(at, ControlFrame{id(c), Direction::received, false});
  }
  // What is under way at the stop.
  void ask_last(SegmentWriter& sink, std::size_t c) const {
    const auto at = stopped() - milliseconds(50) + microseconds(c);
    sink.record(at, RequestSent{id(c), last_request(), 120, last_request().value});
    sink.record(at, RequestWritten{id(c), last_request(), read()});
  }
  void say_goodbye(SegmentWriter& sink, std::size_t c) const {
    const auto at = stopped() + milliseconds(1) + microseconds(c);
    sink.record(at, AnswerBegan{id(c), last_request()});
    sink.record(at,
                RequestEnded{id(c), last_request(), RequestEnd::ok, is_chat(c) ? 0 : 201, 60, ""});
    if (is_chat(c)) {
      sink.record(at, CloseFrame{id(c), Direction::received, 1001, "going away"});
      sink.record(at, CloseFrame{id(c), Direction::sent, 1001, ""});
    }
    sink.record(at, Fin{id(c), Direction::received});
    sink.record(at, Fin{id(c), Direction::sent});
    sink.record(at, ConnectionEnded{id(c), ConnectionEndReason::server_closed, ""});
  }

  void write_trial(SegmentWriter& sink) const {
    sink.record(begin_ - milliseconds(9), PhaseBegan{Phase::start});
    sink.record(begin_ - milliseconds(8), TargetStarted{4711, "server 9000"});
    sink.record(begin_ - milliseconds(2), TargetReady{});
    sink.record(begin_ - milliseconds(1), PhaseBegan{Phase::load});
    for (std::size_t round = 1; round <= rounds_; ++round) {
      // One line for each ten requests.
      for (std::size_t c = 0; c < connections_; c += 10)
        sink.record(moment(round, c), TargetOutput{Stream::out, line(round, c), false});
    }
    record_sockets(sink);
    sink.record(stopped(), FaultInvoked{FaultId{0}, 0, "SIGTERM to process", SIGTERM, true});
    sink.record(stopped(), FaultFinished{FaultId{0}, 0, 0});
    sink.record(stopped(), PhaseBegan{Phase::drain});
    const auto ended = stopped() + milliseconds(2) + microseconds(connections_);
    sink.record(ended, TargetEnded{EndKind::exited, 0, false});
    sink.record(ended, PhaseBegan{Phase::after});
    sink.record(ended + milliseconds(1), ProcessesSearched{});
    sink.record(ended + milliseconds(1), PortProbed{"", 9000, 0});
    sink.record(ended + milliseconds(1), FilesSearched{3});
    sink.record(ended + milliseconds(2), RecoveryStarted{4712});
    sink.record(ended + milliseconds(3), RecoveryReady{});
    for (std::size_t c = 0; c < connections_ / 2; ++c)
      sink.record(ended + milliseconds(4), Asked{id(c), RequestId{0}, 1});
    sink.record(ended + milliseconds(5), RecoveryEnded{EndKind::exited, 0});
  }
  // A list is several events, as target/sockets does it.
  void record_sockets(SegmentWriter& sink) const {
    constexpr std::size_t kOfAList = 1000;
    for (std::size_t first = 0; first < connections_; first += kOfAList) {
      std::string list;
      for (auto c = first; c < std::min(connections_, first + kOfAList); ++c) {
        list += (list.empty() ? "" : " ") +
                to_text({.client = port(c), .accepted = true, .read = read()});
      }
      sink.record(stopped() - microseconds(1), SocketsAtStop{9000, source(first), list, ""});
    }
  }

  // Counted from 0.
  [[nodiscard]] RequestId last_request() const { return {static_cast<std::uint32_t>(rounds_)}; }
  // Bytes of each connection until the stop.
  [[nodiscard]] std::uint64_t read() const { return 120 * (rounds_ + 1); }
  [[nodiscard]] TimePoint stopped() const { return begin_ + kLoad; }
  // 20,000 connections have one port each of one address.
  [[nodiscard]] static std::uint16_t port(std::size_t c) {
    return static_cast<std::uint16_t>(20'000 + c % 40'000);
  }
  [[nodiscard]] static std::string source(std::size_t c) {
    return "127.0.0." + std::to_string(1 + c / 40'000);
  }
  [[nodiscard]] static std::string address(std::size_t c) {
    return source(c) + ":" + std::to_string(port(c));
  }
  [[nodiscard]] static std::string line(std::size_t round, std::size_t c) {
    return "2026-01-31T12:00:00.123Z info request " + std::to_string(round) + " of client " +
           std::to_string(c) + " was answered with 201 after 3 ms";
  }

  TimePoint begin_{seconds(1000)};
  std::size_t connections_;
  std::size_t rounds_;
  std::string folder_;
};

int fail(const std::string& what) {
  std::cerr << what << "\n";
  return 1;
}

int run(std::size_t wanted, const std::string& folder) {
  TrialMaker maker(wanted, folder);
  const auto text = scenario_text(maker.connections());
  const auto parsed = parse_scenario(text, "many.toml");
  if (const auto* errors = std::get_if<std::vector<ScenarioError>>(&parsed))
    return fail(errors->front().text());
  const auto plan = draw_plan("many.toml", text, std::get<Scenario>(parsed), 1);
  Steps steps;
  std::string problem;
  steps.measure("record", [&] {
    const auto made = maker.make();
    if (!made) problem = made.error().message();
    return made ? *made : 0;
  });
  if (!problem.empty()) return fail(problem);
  TrialOrder order;
  order.directory = folder;
  std::optional<Result<History>> read;
  steps.measure("read", [&] {
    read.emplace(read_history(order, plan.scenario.sidecars, kWorkers));
    return std::size_t{0};
  });
  if (!*read) return fail(read->error().message());
  const History& history = **read;
  TrialSummary result;
  steps.measure("judge", [&] {
    result.verdicts = judge(plan, history);
    return std::size_t{0};
  });
  steps.measure("history.jsonl", [&] {
    const auto file = folder + "/history.jsonl";
    return write_history(history, file) ? std::filesystem::file_size(file) : 0;
  });
  const reports::Trial trial{plan, history, result};
  steps.measure("page", [&] { return reports::page_of_trial(trial, "lastcall replay").size(); });
  steps.measure("show", [&] { return reports::trial_text(trial, {}).size(); });
  steps.measure("trace", [&] { return reports::trace(trial).size(); });
  boost::json::object verdicts;
  for (const auto& verdict : result.verdicts)
    verdicts[verdict.property] = std::string(name(verdict.outcome)) + " " +
                                 std::to_string(verdict.judged) + ": " + verdict.reason;
  std::cout << boost::json::serialize(
                   boost::json::object{{"events", history.events().size()},
                                       {"connections", history.connections().size()},
                                       {"bytes_of_an_event", sizeof(Event)},
                                       {"steps", steps.json()},
                                       {"verdicts", std::move(verdicts)}})
            << "\n";
  return 0;
}

}  // namespace
}  // namespace lastcall

int main(int argc, char** argv) {
  const auto events =
      argc == 3 ? lastcall::parse_number<std::size_t>(argv[1]) : std::optional<std::size_t>();
  if (!events) return lastcall::fail("usage: history_cost EVENTS FOLDER");
  return lastcall::run(*events, argv[2]);
}

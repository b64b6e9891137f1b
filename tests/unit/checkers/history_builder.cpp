#include "unit/checkers/history_builder.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <utility>

#include "base/signal_names.hpp"

namespace lastcall::testing {

HistoryBuilder::HistoryBuilder(Protocol protocol) {
  auto& scenario = plan.scenario;
  scenario.target.ready.notify = true;
  scenario.target.stop.signals = {SIGTERM};
  scenario.target.stop.deadline = std::chrono::seconds(5);
  scenario.target.stop.expected = {{false, 0}, {true, SIGTERM}};
  ClientGroup group;
  group.name = "users";
  group.url = "ws://127.0.0.1:{port}/";
  group.protocol = protocol;
  group.count = 20;
  group.mix[Behaviour::steady] = 1;
  scenario.clients = {group};
  settings<property::InFlightFinished>(scenario).settling = std::chrono::milliseconds(100);
}
HistoryBuilder::HistoryBuilder(const HistoryBuilder& other) = default;
HistoryBuilder& HistoryBuilder::operator=(const HistoryBuilder& other) = default;
HistoryBuilder::~HistoryBuilder() = default;

HistoryBuilder& HistoryBuilder::event(EventBody body) {
  events_.push_back({TimePoint(now_ += std::chrono::milliseconds(1)), std::move(body)});
  return *this;
}
HistoryBuilder& HistoryBuilder::wait(int ms) {
  return now_ += std::chrono::milliseconds(ms), *this;
}
HistoryBuilder& HistoryBuilder::ready() { return event(TargetReady{}); }
HistoryBuilder& HistoryBuilder::stop(int signal) {
  return event(FaultInvoked{FaultId{0}, 0, signal_name(signal) + " to process", signal, true});
}
HistoryBuilder& HistoryBuilder::fault(int signal) {
  return event(
      FaultInvoked{FaultId{1}, ++step_, signal_name(signal) + " to process", signal, false});
}
HistoryBuilder& HistoryBuilder::fault_to_child(int signal) {
  return event(FaultInvoked{FaultId{1}, ++step_, signal_name(signal) + " to child", signal, false});
}
HistoryBuilder& HistoryBuilder::done(int error) {
  return event(FaultFinished{FaultId{1}, step_, error});
}
HistoryBuilder& HistoryBuilder::again(int signal) { return fault(signal).done(); }
HistoryBuilder& HistoryBuilder::lag(int ms, std::string source) {
  return event(Lag{std::move(source), std::int64_t{ms} * 1'000'000});
}
HistoryBuilder& HistoryBuilder::misbehaved(std::uint32_t n, std::string how) {
  return event(Misbehaved{connection(n), std::move(how)});
}
HistoryBuilder& HistoryBuilder::disturbed(std::uint32_t n) {
  return event(NetworkDisturbed{connection(n), FaultId{2}, 0, 0});
}
HistoryBuilder& HistoryBuilder::all_are(Behaviour behaviour, std::uint32_t group) {
  plan.scenario.clients.at(group).mix = {{behaviour, 1}};
  plan.groups.resize(group + 1);
  return *this;
}
HistoryBuilder& HistoryBuilder::missed(std::uint32_t fault) {
  return event(FaultNotReached{FaultId{fault}, "too few"});
}
HistoryBuilder& HistoryBuilder::forced() {
  return event(TargetForced{SIGKILL, "it was past the deadline"});
}
HistoryBuilder& HistoryBuilder::exited(int code) {
  return event(TargetEnded{EndKind::exited, code, false});
}
HistoryBuilder& HistoryBuilder::signalled(int signal) {
  return event(TargetEnded{EndKind::signalled, signal, true});
}
HistoryBuilder& HistoryBuilder::line(std::string text) {
  return event(TargetOutput{Stream::err, std::move(text), false});
}
HistoryBuilder& HistoryBuilder::goes_on(std::string text) {
  return event(TargetOutput{Stream::err, std::move(text), true});
}
HistoryBuilder& HistoryBuilder::searched() {
  return event(ProcessesSearched{}).event(PortProbed{"", 8080, 0}).event(FilesSearched{3});
}
HistoryBuilder& HistoryBuilder::lost(std::string source) {
  return event(EventsLost{std::move(source), "cut off"});
}
HistoryBuilder& HistoryBuilder::client(std::uint32_t n, std::uint32_t group) {
  group_of_.resize(std::max<std::size_t>(group_of_.size(), n + 1));
  group_of_[n] = group;
  return event(ConnectInvoked{connection(n), group});
}
HistoryBuilder& HistoryBuilder::up(std::uint32_t n) {
  const Protocol protocol = plan.scenario.clients.at(group_of_.at(n)).protocol;
  event(LayerUp{connection(n), Layer::tcp, "127.0.0.1:" + std::to_string(40'000 + n)});
  if (is_tls(protocol)) event(LayerUp{connection(n), Layer::tls});
  if (is_websocket(protocol)) event(LayerUp{connection(n), Layer::websocket});
  return *this;
}
HistoryBuilder& HistoryBuilder::failed(std::uint32_t n, Layer layer) {
  return event(LayerFailed{connection(n), layer, "refused"});
}
HistoryBuilder& HistoryBuilder::sent(std::uint32_t n, std::uint32_t r) {
  return event(RequestSent{connection(n), RequestId{r}, 1});
}
HistoryBuilder& HistoryBuilder::written(std::uint32_t n, std::uint32_t r, std::uint64_t total) {
  return event(RequestWritten{connection(n), RequestId{r}, total});
}
HistoryBuilder& HistoryBuilder::sockets(std::string list, std::string problem) {
  return event(SocketsAtStop{8080, "127.0.0.1", std::move(list), std::move(problem)});
}
HistoryBuilder& HistoryBuilder::began(std::uint32_t n, std::uint32_t r) {
  return event(AnswerBegan{connection(n), RequestId{r}});
}
HistoryBuilder& HistoryBuilder::answered(std::uint32_t n, std::uint32_t r, RequestEnd end) {
  return event(RequestEnded{connection(n), RequestId{r}, end, 200, 1});
}
HistoryBuilder& HistoryBuilder::round_trips(std::uint32_t n, std::uint32_t first,
                                            std::uint32_t count) {
  for (auto r = first; r < first + count; ++r) sent(n, r).answered(n, r);
  return *this;
}
HistoryBuilder& HistoryBuilder::close_frame(std::uint32_t n, std::uint16_t code, Direction d) {
  return event(CloseFrame{connection(n), d, code, ""});
}
HistoryBuilder& HistoryBuilder::close_notify(std::uint32_t n, Direction d) {
  return event(CloseNotify{connection(n), d});
}
HistoryBuilder& HistoryBuilder::fin(std::uint32_t n, Direction d) {
  return event(Fin{connection(n), d});
}
HistoryBuilder& HistoryBuilder::reset(std::uint32_t n) {
  return event(Reset{connection(n)}).closed(n, ConnectionEndReason::reset);
}
HistoryBuilder& HistoryBuilder::closed(std::uint32_t n, ConnectionEndReason why) {
  return event(ConnectionEnded{connection(n), why, "detail"});
}
History HistoryBuilder::history() const { return History::of(events_); }

HistoryBuilder h(Protocol protocol) { return HistoryBuilder(protocol); }

Verdict verdict(const HistoryBuilder& builder, std::string_view property) {
  for (auto& verdict : judge(builder.plan, builder.history())) {
    if (verdict.property == property) return verdict;
  }
  ADD_FAILURE() << property << " was not judged";
  return {};
}

std::string said(const HistoryBuilder& builder, std::string_view property) {
  const auto v = verdict(builder, property);
  EXPECT_TRUE(v.outcome != Outcome::pass || v.judged > 0) << "a pass that judged nothing";
  EXPECT_TRUE(v.outcome != Outcome::fail || !v.evidence.empty()) << "a fail without evidence";
  EXPECT_EQ(v.evidence.size(), v.evidence_text.size());
  return std::string(name(v.outcome)) + " " + std::to_string(v.judged) + ": " + v.reason;
}

}  // namespace lastcall::testing

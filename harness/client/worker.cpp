#include "client/worker.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "base/exception_error.hpp"
#include "base/rethrow.hpp"
#include "client/control.hpp"
#include "client/fault_victims.hpp"
#include "client/lag_meter.hpp"
#include "client/proxy.hpp"
#include "client/session.hpp"
#include "client/signal_handler.hpp"
#include "client/socket_queues.hpp"
#include "client/trigger_board.hpp"
#include "history/segment.hpp"
#include "plan/plan_file.hpp"

namespace lastcall {
namespace {

// After the target's end the kernel has closed every connection: what a client has not seen by then
// (and its own close limit of two seconds) it will not see.
constexpr auto kEndLimit = std::chrono::seconds(3);

class WorkerTrial final : public TriggerCounter {
 public:
  // `socket` outlives it.
  WorkerTrial(int socket, ScopedFd pidfd, TriggerBoard board, Assignment assignment, Plan plan,
              SegmentWriter segment)
      : socket_(socket),
        pidfd_(std::move(pidfd)),
        board_(std::move(board)),
        plan_(std::move(plan)),
        segment_(std::move(segment)),
        certificate_(assignment.certificate),
        slice_(assignment.slice),
        ports_(client_ports(plan_, assignment.placeholders)),
        proxy_(io_, segment_, plan_.seed),
        context_{.io = io_,
                 .tls = {},
                 .events = segment_,
                 .triggers = *this,
                 .placeholders = assignment.placeholders,
                 .proxy = &proxy_,
                 .on_shortage = [this](const Error& error) { break_off(error); }},
        lag_(io_, segment_, "clients-" + std::to_string(assignment.slice)),
        control_(io_, socket_),
        end_timer_(io_) {
    for (const auto& client : planned_clients(plan_)) {
      if (client.id.value % assignment.slices == assignment.slice) clients_.push_back(client);
    }
  }
  ~WorkerTrial() override { static_cast<void>(control_.release()); }  // its owner closes it

  void run() {
    asio::co_spawn(io_, listen(), kRethrow);
    say(std::string(1, static_cast<char>(Control::ready)));
    io_.run();
  }

  void happened(ClientEvent event) override {
    const auto nth = board_.count(event);
    for (std::uint32_t i = 0; i < plan_.faults.size(); ++i) {
      const auto& fault = plan_.faults[i];
      const auto* when = std::get_if<NthEvent>(&fault.when);
      if (when == nullptr || when->event != event || when->nth != nth) continue;
      const auto* signals = std::get_if<SendSignals>(&fault.act);
      if (signals == nullptr || signals->to != Recipient::process) {
        say(with_id(Control::reached, {i}));
        continue;
      }
      const auto& stops = plan_.scenario.target.stop.signals;
      const int signal = signals->steps.front().signal;
      strike({.fault = {i}, .signal = signal, .may_stop = std::ranges::count(stops, signal) > 0},
             board_, segment_,
             {.send = to_process(pidfd_.get()),
              .before_stop = [this] { record_sockets(segment_, ports_); },
              .before_signal =
                  [this](int number) { record_handler(segment_, pidfd_.get(), number); }});
      say(with_id(Control::fired, {i}));
    }
  }

  void request_begins(TimePoint sent) override {
    waiting_.insert(sent);
    if (*waiting_.begin() == sent) board_.waits_since(slice_, sent);
  }
  void request_ends(TimePoint sent, bool answered) override {
    if (answered) board_.answered_after(now() - sent);
    waiting_.erase(waiting_.find(sent));
    if (waiting_.empty()) {
      board_.waits_since(slice_, std::nullopt);
    } else if (*waiting_.begin() > sent) {
      board_.waits_since(slice_, *waiting_.begin());
    }
  }

  // The trial tries its question with the first of each message of a group.
  void acknowledged(ConnectionId connection, RequestId request, std::uint32_t message,
                    const std::string& id) override {
    const auto& recovery = plan_.scenario.target.recovery;
    if (!recovery || !recovery->ask) return;
    const auto client =
        std::ranges::lower_bound(clients_, client_of(connection), {}, &PlannedClient::id);
    if (client == clients_.end() || !heard_.emplace(client->group, message).second) return;
    say(heard_text({client->group, connection, request, id, message}));
  }

 private:
  asio::awaitable<void> listen() {
    for (;;) {
      std::array<char, 16> message{};
      auto [ec, n] = co_await control_.async_read_some(asio::buffer(message),
                                                       asio::as_tuple(asio::use_awaitable));
      if (ec || n == 0) {  // the trial process is gone
        trial_alive_ = false;
        co_return finish_now();
      }
      switch (static_cast<Control>(message.front())) {
        case Control::load:
          begin(false);
          break;
        case Control::stop:
          context_.stop_begun = true;
          begin(true);
          break;
        case Control::act:
          if (const auto fault = id_in({message.data(), n})) act(*fault);
          break;
        case Control::end:
          co_await finish();
          co_return;
        default:
          co_return finish_now();
      }
    }
  }

  // This worker's part of a fault that is done to clients or to their network.
  void act(FaultId fault) {
    if (fault.value >= plan_.faults.size()) return;
    const auto& act = plan_.faults[fault.value].act;
    if (const auto* network = std::get_if<DisturbNetwork>(&act)) {
      proxy_.disturb(fault, *network);
    } else if (const auto* abort = std::get_if<AbortClients>(&act)) {
      abort_clients(fault, *abort);
    }
  }

  void abort_clients(FaultId fault, const AbortClients& abort) {
    std::vector<std::uint64_t> connected;
    for (const auto& [id, session] : live_) {
      if (session->connected()) connected.push_back(id.value);
    }
    for (const auto number : chosen(connected, abort.percent, choice_seed(plan_.seed, fault))) {
      live_.at(ClientId{static_cast<std::uint32_t>(number)})->abort(text_of(abort));
    }
  }

  // The clients of one phase: of the drain, or of the load. Their certificates are read now: a
  // target may have made them.
  void begin(bool during_drain) {
    if (!during_drain) lag_.start();
    const auto& groups = plan_.scenario.clients;
    if (context_.tls.empty()) {
      auto tls = tls_contexts(groups, context_.placeholders, certificate_);
      if (!tls) return break_off(tls.error());
      context_.tls = std::move(*tls);
    }
    for (const auto& client : clients_) {
      if (comes_late(groups[client.group], client.behaviour) != during_drain) continue;
      auto session = Session::create(context_, client, groups[client.group]);
      live_[client.id] = session;
      session->start([this, id = client.id] {
        live_.erase(id);
        if (live_.empty()) end_timer_.cancel();
      });
    }
  }

  asio::awaitable<void> finish() {
    context_.stop_begun = true;
    for (const auto& [id, session] : live_) session->target_ended();
    const auto limit = now() + kEndLimit;
    // Whom a fault keeps from hearing of the end is not waited for.
    for (const auto id : proxy_.silent_for_client(kEndLimit)) {
      const auto session = live_.find(client_of(id));
      if (session != live_.end()) session->second->hang_up();
    }
    while (!live_.empty() && now() < limit) {
      end_timer_.expires_at(limit);
      co_await end_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    finish_now();
  }

  // Hangs up on whoever is left; their coroutines end at once, the loop runs empty, the segment is
  // closed.
  void finish_now() {
    context_.stop_begun = true;
    const auto left = live_;
    for (const auto& [id, session] : left) session->hang_up();
    asio::post(io_, [this] { close_segment_when_empty(); });
  }

  void close_segment_when_empty() {
    if (!live_.empty()) return asio::post(io_, [this] { close_segment_when_empty(); });
    lag_.stop();
    if (const auto finished = segment_.finish(); !finished) break_off(finished.error());
    if (trial_alive_) say(std::string(1, static_cast<char>(Control::done)));
    io_.stop();
  }

  void break_off(const Error& error) { say(broken_text(error)); }

  void say(const std::string& message) {
    if (!send_message(socket_, message)) trial_alive_ = false;
  }

  asio::io_context io_{1};
  int socket_;
  ScopedFd pidfd_;
  TriggerBoard board_;
  Plan plan_;
  SegmentWriter segment_;
  std::string certificate_;
  std::uint32_t slice_ = 0;
  std::multiset<TimePoint> waiting_;  // when the requests that wait for an answer were sent
  std::vector<std::uint16_t> ports_;  // of the target
  Proxy proxy_;
  SessionContext context_;
  LagMeter lag_;
  asio::posix::stream_descriptor control_;
  asio::steady_timer end_timer_;
  std::vector<PlannedClient> clients_;
  std::map<ClientId, std::shared_ptr<Session>> live_;
  // Groups and which of their messages was acknowledged.
  std::set<std::pair<std::uint32_t, std::uint32_t>> heard_;
  bool trial_alive_ = true;
};

Result<std::unique_ptr<WorkerTrial>> accept_assignment(int socket) {
  auto message = receive_message(socket);
  if (!message) return message.error();
  if (message->descriptors.size() != 2)
    return Error{"read an assignment", "", 0, "two descriptors expected"};
  auto assignment = assignment_from(message->text);
  if (!assignment) return assignment.error();
  auto board = TriggerBoard::attach(std::move(message->descriptors[1]));
  if (!board) return board.error();
  auto plan = read_plan(assignment->plan);
  if (!plan) return plan.error();
  auto segment =
      SegmentWriter::create(assignment->segment, SegmentWriter::kClientsLimit /
                                                     std::max<std::size_t>(assignment->slices, 1));
  if (!segment) return segment.error();
  return std::make_unique<WorkerTrial>(socket, std::move(message->descriptors[0]),
                                       std::move(*board), std::move(*assignment), std::move(*plan),
                                       std::move(*segment));
}

}  // namespace

void serve_as_client_worker(int control) noexcept {
  for (;;) {
    auto order = receive_message(control);
    if (!order || order->text.empty() || order->descriptors.size() != 1) return;
    const ScopedFd socket = std::move(order->descriptors.front());
    std::unique_ptr<WorkerTrial> trial;
    try {
      if (auto accepted = accept_assignment(socket.get())) {
        trial = std::move(*accepted);
        trial->run();
      } else {
        static_cast<void>(send_message(socket.get(), broken_text(accepted.error())));
      }
    } catch (const std::exception& error) {
      const auto why = broken_text(error_of("play the clients", error));
      static_cast<void>(send_message(socket.get(), why));
      // Clients that are half made cannot be taken apart; the fork server makes another worker.
      ::_exit(1);  // tidy: after fork
    }
  }
}

}  // namespace lastcall

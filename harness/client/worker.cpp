#include "client/worker.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <fstream>
#include <iterator>
#include <unordered_set>

#include "client/control.hpp"
#include "client/session.hpp"
#include "client/trigger_board.hpp"

namespace lastcall {
namespace {

// After the target's end the kernel has closed every connection: what a client has not seen by then (and its own
// close limit of two seconds) it will not see.
constexpr auto kEndLimit = std::chrono::seconds(3);

class WorkerTrial final : public TriggerCounter {
 public:
  WorkerTrial(ScopedFd socket, ScopedFd pidfd, TriggerBoard board, Assignment assignment, Plan plan,
              SegmentWriter segment, std::unique_ptr<asio::ssl::context> tls)
      : socket_(std::move(socket)),
        pidfd_(std::move(pidfd)),
        board_(std::move(board)),
        plan_(std::move(plan)),
        segment_(std::move(segment)),
        tls_(std::move(tls)),
        context_{io_, *tls_, segment_, *this, assignment.placeholders},
        control_(io_, socket_.get()),
        end_timer_(io_) {
    for (const auto& client : planned_clients(plan_)) {
      if (client.id.value % assignment.slices == assignment.slice) clients_.push_back(client);
    }
  }
  ~WorkerTrial() override { static_cast<void>(control_.release()); }  // socket_ closes it

  void run() {
    asio::co_spawn(io_, listen(), asio::detached);
    say(std::string(1, static_cast<char>(Control::ready)));
    io_.run();
  }

  void happened(ClientEvent event) override {
    const auto nth = board_.count(event);
    for (std::uint32_t i = 0; i < plan_.faults.size(); ++i) {
      const auto& fault = plan_.faults[i];
      const auto* when = std::get_if<NthEvent>(&fault.when);
      if (when == nullptr || when->event != event || when->nth != nth) continue;
      const auto& stops = plan_.scenario.target.stop.signals;
      const int signal = fault.signals.front();
      strike({.fault = {i}, .signal = signal, .may_stop = std::ranges::count(stops, signal) > 0},
             pidfd_.get(), board_, segment_);
      std::string message(1, static_cast<char>(Control::fired));
      message.append(reinterpret_cast<const char*>(&i), sizeof i);
      say(message);
    }
  }

 private:
  asio::awaitable<void> listen() {
    for (;;) {
      char message = 0;
      auto [ec, n] = co_await control_.async_read_some(asio::buffer(&message, 1),
                                                       asio::as_tuple(asio::use_awaitable));
      if (ec || n == 0) {  // the trial process is gone
        trial_alive_ = false;
        co_return finish_now();
      }
      switch (static_cast<Control>(message)) {
        case Control::load: begin_load(); break;
        case Control::stop: context_.stop_begun = true; break;
        case Control::end: co_await finish(); co_return;
        default: co_return finish_now();
      }
    }
  }

  void begin_load() {
    for (const auto& client : clients_) {
      auto session = Session::create(context_, client, plan_.scenario.clients[client.group]);
      live_.insert(session);
      session->start([this, session] {
        live_.erase(session);
        if (live_.empty()) end_timer_.cancel();
      });
    }
  }

  asio::awaitable<void> finish() {
    context_.stop_begun = true;
    const auto limit = now() + kEndLimit;
    while (!live_.empty() && now() < limit) {
      end_timer_.expires_at(limit);
      co_await end_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    finish_now();
  }

  // Hangs up on whoever is left; their coroutines end at once, the loop runs empty, the segment is closed.
  void finish_now() {
    context_.stop_begun = true;
    const auto left = live_;
    for (const auto& session : left) session->hang_up();
    asio::post(io_, [this] { close_segment_when_empty(); });
  }

  void close_segment_when_empty() {
    if (!live_.empty()) return asio::post(io_, [this] { close_segment_when_empty(); });
    static_cast<void>(segment_.finish());  // a failure leaves the segment incomplete, which its reader reports
    if (trial_alive_) say(std::string(1, static_cast<char>(Control::done)));
    io_.stop();
  }

  void say(const std::string& message) {
    if (!send_message(socket_.get(), message)) trial_alive_ = false;
  }

  asio::io_context io_{1};
  ScopedFd socket_;
  ScopedFd pidfd_;
  TriggerBoard board_;
  Plan plan_;
  SegmentWriter segment_;
  std::unique_ptr<asio::ssl::context> tls_;
  SessionContext context_;
  asio::posix::stream_descriptor control_;
  asio::steady_timer end_timer_;
  std::vector<PlannedClient> clients_;
  std::unordered_set<std::shared_ptr<Session>> live_;
  bool trial_alive_ = true;
};

Result<std::unique_ptr<WorkerTrial>> accept_assignment(ScopedFd& socket) {
  auto message = receive_message(socket.get());
  if (!message) return message.error();
  if (message->descriptors.size() != 2) return Error{"read an assignment", "", 0, "two descriptors expected"};
  auto assignment = assignment_from(message->text);
  if (!assignment) return assignment.error();
  auto board = TriggerBoard::attach(std::move(message->descriptors[1]));
  if (!board) return board.error();
  std::ifstream file(assignment->plan);
  const std::string json((std::istreambuf_iterator<char>(file)), {});
  auto plan = plan_from_json(json, assignment->plan);
  if (!plan) return plan.error();
  auto segment = SegmentWriter::create(assignment->segment);
  if (!segment) return segment.error();
  auto tls = client_tls(assignment->certificate);
  if (!tls) return tls.error();
  return std::make_unique<WorkerTrial>(std::move(socket), std::move(message->descriptors[0]),
                                       std::move(*board), std::move(*assignment), std::move(*plan),
                                       std::move(*segment), std::move(*tls));
}

}  // namespace

void serve_as_client_worker(int control) {
  for (;;) {
    auto order = receive_message(control);
    if (!order || order->text.empty() || order->descriptors.size() != 1) return;
    ScopedFd socket = std::move(order->descriptors.front());
    auto trial = accept_assignment(socket);
    if (trial) {
      (*trial)->run();
    } else {
      static_cast<void>(send_message(
          socket.get(), std::string(1, static_cast<char>(Control::broken)) + trial.error().message()));
    }
  }
}

}  // namespace lastcall

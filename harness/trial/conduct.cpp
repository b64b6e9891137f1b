#include "trial/conduct.hpp"

#include <fcntl.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <utility>

#include "base/durations.hpp"
#include "base/rethrow.hpp"
#include "client/signal_handler.hpp"
#include "client/socket_queues.hpp"
#include "target/environment.hpp"
#include "target/process_tree.hpp"
#include "tracer/locks/waits.hpp"
#include "trial/hang_questions.hpp"
#include "trial/inspection.hpp"
#include "trial/left_processes.hpp"
#include "trial/lifeline.hpp"
#include "trial/probes.hpp"
#include "trial/readiness.hpp"
#include "trial/recovery.hpp"

namespace lastcall {
namespace {

namespace asio = boost::asio;
using Stage = Progress::Stage;

// A process that is killed is gone within some milliseconds, a large one within some hundred.
constexpr auto kKillLimit = std::chrono::milliseconds(500);
// A worker finishes within its own end limit of three seconds, unless the machine is overloaded.
constexpr auto kWorkerLimit = std::chrono::seconds(20);
// A disk takes longer to fill its last 16 MiB (kLeastRoom); a look costs microseconds.
constexpr auto kRoomPause = std::chrono::milliseconds(5);

}  // namespace

Conduct::Conduct(const Setting& setting, SegmentWriter segment, TriggerBoard board,
                 Companions companions)
    : order_(setting.order),
      plan_(setting.plan),
      workspace_(setting.workspace),
      kills_(setting.kills),
      segment_(std::move(segment)),
      board_(std::move(board)),
      progress_(segment_, setting.lifeline),
      changes_(io_),
      context_{io_,
               order_,
               plan_,
               workspace_.placeholders(),
               segment_,
               changes_,
               ends_,
               [this] { return given_up_; },
               workspace_.limits(),
               trouble_},
      faults_(io_, plan_, board_, segment_, changes_, actions()),
      tracing_(context_, faults_, [this] { return is_closed(); }),
      target_(io_, segment_, changes_, ends_,
              {.on_line = [this](const std::string& line) { faults_.on_line(line); },
               .on_notification =
                   [this](const NotifySocket::Datagram& datagram) {
                     service_.before_notification();
                     faults_.on_notification(datagram.text);
                   },
               .on_service = [this] { service_.changed(); },
               .on_shortage = [this](const Error& error) { trouble_.note(error); }}),
      service_(io_, segment_, board_, target_),
      deadlock_(io_, plan_, changes_,
                {.over = [this] { return is_closed() || !tracing_.get() || target_.ended(); },
                 .waits = [this] { return untimed_futex_waits(target_.pid()); },
                 .is_deadlock = [this] { return tracing_.look(StacksAt::deadlock); }}),
      processors_(io_, segment_,
                  {.has_ended = [this] { return target_.ended(); },
                   .is_traced = [this] { return tracing_.get() != nullptr; },
                   .closed = [this] { return is_closed(); }}),
      link_(io_, changes_, std::move(companions.workers), "a client worker",
            {.on_fault =
                 [this](Control what, FaultId fault) {
                   const bool struck = what == Control::fired;
                   if (struck) follow_up(std::get<SendSignals>(plan_.faults[fault.value].act));
                   faults_.counted(fault, struck);
                 },
             .on_heard =
                 [this](const Acknowledgement& first) {
                   if (early_questions_) early_questions_->acknowledged(first);
                 }}),
      sidecars_(io_, changes_, std::move(companions.keeper)),
      lifeline_(io_, ::fcntl(setting.lifeline, F_DUPFD_CLOEXEC, 0)),
      lag_(io_, segment_, "trial") {}

FaultActions Conduct::actions() {
  return {
      .send_signal = [this](int signal, Recipient to) { return send(signal, to); },
      .carry_out =
          [this](FaultId fault, const Act& act) {
            if (const auto* limit = std::get_if<SetLimit>(&act))
              return workspace_.limits()->set(*limit);
            link_.say(Control::act, fault);  // the clients, and the proxy before them
            return 0;
          },
      .before_stop =
          [this] {
            note_shared_memory();
            record_sockets(segment_, client_ports(plan_, workspace_.placeholders()));
          },
      .before_signal = [this](int signal) { record_handler(segment_, target_.pidfd(), signal); }};
}

std::string Conduct::run() {
  std::string trouble;
  asio::co_spawn(io_, conduct(), [&](std::exception_ptr failure, Result<void> done) {
    if (failure) std::rethrow_exception(failure);
    if (!done) trouble = done.error().message();
    io_.stop();
  });
  watch_lifeline();
  io_.run();
  return given_up_ ? "the trial was given up" : trouble;
}

asio::awaitable<Result<void>> Conduct::conduct() {
  if (auto room = look_for_room(); !room) co_return room.error();
  if (auto prepared = workspace_.prepare(); !prepared) co_return prepared.error();
  progress_.enter(Stage::starting);
  auto notify = NotifySocket::bind(order_.notify_socket());
  if (!notify) co_return notify.error();
  const auto spawned = now();
  auto problem = co_await start(std::move(*notify));
  if (!problem.empty()) {
    segment_.record(TargetNotStarted{std::move(problem)});
    co_await sidecars_.end(context_);
    foreign_time_ = now() - spawned;
    if (const auto error = broken_by()) co_return *error;
    co_return close();
  }
  lag_.start();
  asio::co_spawn(io_, watch_room(), kRethrow);
  faults_.begin(Phase::start);
  if (auto sent = assign_clients(); !sent) co_return sent.error();
  if (co_await become_ready()) co_await load();
  if (faults_.stop_begun() && !target_.ended()) co_await drain();
  co_await after();
  co_await look_back();
  shared_memory_->remove_left();
  co_await sidecars_.end(context_);
  foreign_time_ = now() - spawned;
  if (const auto error = broken_by()) co_return *error;
  if (!sidecars_.problem().empty())
    co_return Error{"keep the sidecars", "", 0, sidecars_.problem()};
  co_return close();
}

// Why nothing that was seen may be judged, if there is something.
std::optional<Error> Conduct::broken_by() const {
  if (trouble_.first()) return trouble_.first();
  if (!link_.problem().empty()) return Error{"play the clients", "", 0, link_.problem()};
  return std::nullopt;
}

// For the history and for the target: what the target cannot write is not its fault, unless the
// scenario limits its disk, which is another one.
Result<void> Conduct::look_for_room() {
  for (const auto& folder : {order_.directory, order_.short_folder}) {
    if (folder.empty()) continue;
    if (auto room = room_in(folder); !room) return room.error();
  }
  return {};
}

asio::awaitable<void> Conduct::watch_room() {
  asio::steady_timer timer(io_);
  while (!is_closed() && !trouble_.first()) {
    if (const auto room = look_for_room(); !room) trouble_.note(room.error());
    timer.expires_after(kRoomPause);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

std::string Conduct::not_started(const Error& error) {
  trouble_.note_shortage(error);
  return error.message();
}

asio::awaitable<std::string> Conduct::start(NotifySocket notify) {
  if (const auto laid = workspace_.lay_out(); !laid) co_return not_started(laid.error());
  auto problem = co_await sidecars_.start(context_);
  if (!problem.empty()) co_return problem;
  if (sidecars_.are_there()) workspace_.leave_bound_ports_to_sidecars();
  service_.promise(workspace_.ports());
  tracing_.start();
  shared_memory_.emplace();
  const auto started =
      target_.start({plan_.scenario.target, workspace_.placeholders(), order_.tools,
                     std::move(notify), &*workspace_.limits(), tracing_.get()});
  if (!started) problem = not_started(started.error());
  co_return problem;
}

Result<std::size_t> Conduct::assign_clients() {
  Assignment assignment;
  assignment.plan = order_.directory + "/plan.json";
  assignment.placeholders = workspace_.placeholders();
  const auto certificate = assignment.placeholders.find("tls.cert");
  if (certificate != assignment.placeholders.end()) assignment.certificate = certificate->second;
  return link_.assign(assignment, {target_.pidfd(), board_.memory_fd()}, worker_segments());
}

std::vector<std::string> Conduct::worker_segments() const {
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < link_.workers(); ++i) {
    paths.push_back(order_.directory + "/segments/clients-" + std::to_string(i) + ".seg");
  }
  return paths;
}

// Whether there is something to load.
asio::awaitable<bool> Conduct::become_ready() {
  const auto begin = now();
  ReadinessWait wait{
      .io = io_,
      .changes = changes_,
      .ready = plan_.scenario.target.ready,
      .placeholders = workspace_.placeholders(),
      .process = target_,
      .over = [this] { return target_.ended() || faults_.stop_begun() || given_up_; },
      .extended = [this,
                   begin](Nanoseconds timeout) { return service_.start_deadline(begin, timeout); },
      .on_shortage = [this](const Error& error) { trouble_.note(error); }};
  const auto missing = co_await await_ready(std::move(wait));
  const bool ready = missing.empty();
  if (ready) progress_.enter(Stage::ready);
  if (ready && !target_.ended()) {
    segment_.record(TargetReady{});
    note_shared_memory();
    tracing_.ready();
    service_.activated();
  } else if (!target_.exec_problem().empty()) {
    segment_.record(TargetNotStarted{target_.exec_problem()});
  } else if (!faults_.stop_begun() && !given_up_ && !ended_by_fault()) {
    const auto timeout = plan_.scenario.target.ready.timeout;
    const auto limit = "within " + human_duration(timeout);
    const auto more = service_.extension_of_start(begin, timeout);
    segment_.record(TargetNotReady{target_.ended()
                                       ? "the target ended first"
                                       : "not " + limit + more + ", waiting for " + missing});
    if (!target_.ended()) co_await force_end("it was not ready " + limit + more);
  }
  co_return ready && !target_.ended() && !faults_.stop_begun();
}

// Whether a fault's signal ended the target: what comes next is what the scenario is about.
bool Conduct::ended_by_fault() const {
  const auto& end = target_.how_it_ended();
  if (!end || !end->by_signal || !sent_signals_.contains(end->value)) return false;
  return end->value != SIGKILL || target_.killed();  // the kernel sends it, too
}

asio::awaitable<void> Conduct::load() {
  co_await changes_.until(
      [&] { return link_.all_ready() || !link_.problem().empty() || given_up_; },
      now() + kWorkerLimit);
  if (!link_.all_ready()) {
    co_await force_end("the client workers were not ready");
    co_return;
  }
  co_await observe_setting(context_);
  co_await probe_health_once(context_);
  note_resources(context_, target_.pid(), Phase::start);
  tracing_.begin(Phase::load);
  progress_.enter(Stage::loading);
  link_.say(Control::load);
  faults_.begin(Phase::load);
  look_alongside();
  co_await changes_.until(
      [&] {
        return faults_.stop_begun() || target_.ended() || given_up_ || !link_.problem().empty() ||
               !sidecars_.problem().empty();
      },
      now() + plan_.scenario.budget.load);
  if (!faults_.stop_begun() && !target_.ended()) {
    faults_.end("nothing began the stop within " + human_duration(plan_.scenario.budget.load) +
                " of load");
    co_await force_end("no fault began the stop");
  }
  if (early_questions_) early_questions_->end();
}

// What the trial itself asks and counts while the clients load the target.
void Conduct::look_alongside() {
  if (const auto& recovery = plan_.scenario.target.recovery; recovery && recovery->ask) {
    early_questions_.emplace(context_, *recovery->ask);
    asio::co_spawn(io_, early_questions_->run(), kRethrow);
  }
  if (!is_strict(plan_)) return;
  asio::co_spawn(io_,
                 count_open(
                     context_, board_,
                     [this] { return faults_.stop_begun() || target_.ended() || is_closed(); },
                     [this] { return early_questions_ && early_questions_->is_asking(); }),
                 kRethrow);
}

asio::awaitable<void> Conduct::drain() {
  note_resources_at_stop();
  processors_.note_work();
  note_shared_memory();
  tracing_.begin(Phase::drain);
  progress_.enter(Stage::draining);
  asio::co_spawn(io_,
                 probe_health(
                     context_, [this] { return target_.ended() || given_up_; },
                     [this] { return is_closed(); }),
                 kRethrow);
  asio::co_spawn(io_, processors_.run(), kRethrow);
  if (tracing_.get() != nullptr) asio::co_spawn(io_, deadlock_.run(), kRethrow);
  link_.say(Control::stop);
  faults_.begin(Phase::drain);
  service_.stop_begun(faults_.stop_time(), plan_.scenario.target.stop.deadline);
  // The target may ask for more time as it goes, EXTEND_TIMEOUT_USEC; while it is held by a pause
  // its time does not run.
  const auto deadline = [this] { return service_.stop_deadline() + faults_.paused_since_stop(); };
  const auto over = [this] { return target_.ended() || given_up_ || deadlock_.has_found(); };
  while (!over() && now() < deadline()) co_await changes_.until(over, deadline());
  if (target_.ended()) co_return;
  if (deadlock_.has_found())
    co_return co_await force_end("its threads waited for one another forever");
  if (!given_up_) segment_.record(DeadlinePassed{});
  co_await force_end("it was still running at the deadline");
}

asio::awaitable<void> Conduct::force_end(std::string reason) {
  faults_.end("lastcall had ended the target because " + reason);
  if (faults_.stop_begun()) record_sockets_at_deadline(segment_, workspace_.ports_of_target());
  if (!deadlock_.has_found()) tracing_.look(StacksAt::deadline);
  co_await ask_where_it_stands(context_, tracing_.get(), reason);
  if (target_.ended()) co_return;
  target_.force(SIGKILL, reason);
  co_await changes_.until([&] { return target_.ended(); }, now() + kKillLimit);
}

// Notes what the target uses at the last moment of load: before the first stop signal, if this
// process sends it. A worker sends it at once, and the target may be gone before it can be looked
// at.
void Conduct::note_resources_at_stop() {
  if (!progress_.is(Stage::loading)) return;
  progress_.enter(Stage::stopping);
  note_resources(context_, target_.pid(), Phase::load);
}

bool Conduct::begins_drain(int signal) const {
  return signal == SIGKILL || std::ranges::count(plan_.scenario.target.stop.signals, signal) > 0;
}

int Conduct::send(int signal, Recipient to) {
  const bool begins = begins_drain(signal);
  if (begins) note_resources_at_stop();
  const int error = tracing_.send(signal, begins, [&] { return target_.send(signal, to); });
  const auto& stops = plan_.scenario.target.stop.signals;
  if (std::ranges::count(stops, signal) > 0) processors_.note_work();
  if (begins) tracing_.wake_at(signal);
  // Not that of a child: what ends with it has ended by itself.
  if (to != Recipient::child && error == 0) sent_signals_.insert(signal);
  return error;
}

// A worker has sent the first of these.
void Conduct::follow_up(const SendSignals& sent) {
  const int signal = sent.steps.front().signal;
  if (begins_drain(signal)) tracing_.wake_at(signal);
}

// What the target left, then the end for everybody.
asio::awaitable<void> Conduct::after() {
  faults_.end(std::string(FaultNotReached::kTargetHadEnded));
  if (processors_.has_begun()) processors_.note_work();
  progress_.enter(Stage::after);
  note_killer();
  // A command that asks something is below this process.
  co_await changes_.until(
      [&] { return !early_questions_ || !early_questions_->is_asking() || given_up_; },
      now() + kWorkerLimit);
  co_await record_left_processes(context_, target_, tracing_.get() != nullptr);
  for (const auto& object : shared_memory_->left())
    segment_.record(FileLeft{object.path, object.type});
  if (const auto recorded = workspace_.record_left(segment_); !recorded)
    trouble_.note(recorded.error());
  target_.end_left_processes();
  target_.drain_output();
  target_.trace_is_over();
  tracing_.end();
  link_.say(Control::end);
  co_await changes_.until([&] { return link_.all_done() || !link_.problem().empty() || given_up_; },
                          now() + kWorkerLimit);
  faults_.record_unreached();
}

// Only the kernel's trace says who sent a SIGKILL.
void Conduct::note_killer() {
  if (kills_ == nullptr || !target_.killed()) return;
  const auto sent = kills_->look_up(SIGKILL, target_.pid());
  if (!sent) return;
  segment_.record(KillSent{target_.pid(), sent->sender.pid, sent->sender.user, sent->sender.command,
                           sent->signal.out_of_memory ? "out of memory" : ""});
}

// Whose it is can be seen only while the target runs: of what it makes after the stop has begun,
// nobody knows.
void Conduct::note_shared_memory() {
  std::vector<pid_t> pids;
  for (const auto& process : descendants()) pids.push_back(process.pid);
  shared_memory_->look(pids);
}

// What it left on disk, and what it knows when it is started again, if the target had been ready,
// was stopped, or was ended by a fault's signal; the clients have finished.
asio::awaitable<void> Conduct::look_back() {
  const bool had_its_turn =
      progress_.has_been(Stage::ready) || faults_.stop_begun() || ended_by_fault();
  if (given_up_ || !link_.problem().empty() || !had_its_turn) co_return;
  if (!target_.exec_problem().empty()) co_return;
  observe_log(context_);
  co_await inspect_checkpoints(context_);
  if (!plan_.scenario.target.recovery) co_return;
  say_doing(lifeline_.native_handle(), "started the target again and asked it");
  target_.stop_listening();
  restarted_.emplace(
      io_, segment_, changes_, ends_,
      TargetListener{.on_line = [](const std::string&) {},
                     .on_notification = [](const NotifySocket::Datagram&) {},
                     .on_shortage = [this](const Error& error) { trouble_.note(error); }});
  RecoveryRun recovery(context_, *restarted_);
  co_await recovery.run(worker_segments());
  shared_memory_->look({restarted_->pid()});
}

Result<void> Conduct::close() {
  lag_.stop();
  progress_.enter(Stage::closed);
  auto finished = segment_.finish();
  if (!finished) return finished.error();
  return {};
}

void Conduct::watch_lifeline() {
  lifeline_.async_wait(asio::posix::stream_descriptor::wait_read, [this](auto ec) {
    if (ec) return;
    given_up_ = true;
    changes_.notify();
  });
}

}  // namespace lastcall

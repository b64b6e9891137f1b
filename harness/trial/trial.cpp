#include "trial/trial.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "base/file.hpp"
#include "base/rethrow.hpp"
#include "base/text.hpp"
#include "checkers/checker_support.hpp"
#include "checkers/checkers.hpp"
#include "checkers/habits.hpp"
#include "client/lag_meter.hpp"
#include "client/signal_handler.hpp"
#include "client/socket_queues.hpp"
#include "history/history.hpp"
#include "scenario/properties/released.hpp"
#include "target/leftovers.hpp"
#include "target/limits.hpp"
#include "target/port_lease.hpp"
#include "target/process_tree.hpp"
#include "target/resources.hpp"
#include "target/short_folder.hpp"
#include "tracer/waits.hpp"
#include "trial/certificates.hpp"
#include "trial/client_link.hpp"
#include "trial/custom_checkers.hpp"
#include "trial/durability_queries.hpp"
#include "trial/fault_runner.hpp"
#include "trial/hang_questions.hpp"
#include "trial/inspection.hpp"
#include "trial/left_processes.hpp"
#include "trial/merged_history.hpp"
#include "trial/probes.hpp"
#include "trial/readiness.hpp"
#include "trial/recovery.hpp"
#include "trial/service_watch.hpp"
#include "trial/sidecars.hpp"
#include "trial/target_process.hpp"
#include "trial/tracing.hpp"
#include "trial/trial_context.hpp"

namespace lastcall {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

// A process that is killed is gone within some milliseconds, a large one within some hundred.
constexpr auto kKillLimit = std::chrono::milliseconds(500);
// A worker finishes within its own end limit of three seconds, unless the machine is overloaded.
constexpr auto kWorkerLimit = std::chrono::seconds(20);

class Trial {
 public:
  Trial(const TrialOrder& order, int lifeline, Plan plan, SegmentWriter segment, TriggerBoard board,
        Companions companions, const SignalTrace* kills)
      : order_(order),
        kills_(kills),
        plan_(std::move(plan)),
        segment_(std::move(segment)),
        board_(std::move(board)),
        changes_(io_),
        target_(io_, segment_, changes_, ends_,
                {.on_line = [this](const std::string& line) { faults_.on_line(line); },
                 .on_notification =
                     [this](const NotifySocket::Datagram& datagram) {
                       service_.before_notification();
                       faults_.on_notification(datagram.text);
                     },
                 .on_service = [this] { service_.changed(); }}),
        service_(io_, segment_, board_, target_),
        faults_(io_, plan_, board_, segment_, changes_,
                {.send_signal = [this](int signal, Recipient to) { return send(signal, to); },
                 .set_limit = [this](const SetLimit& limit) { return limits_->set(limit); },
                 .tell_clients = [this](FaultId fault) { link_.say(Control::act, fault); },
                 .before_stop =
                     [this] { record_sockets(segment_, client_ports(plan_, placeholders_)); },
                 .before_signal =
                     [this](int signal) { record_handler(segment_, target_.pidfd(), signal); }}),
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
        reached_calls_(io_),
        lifeline_(io_, ::fcntl(lifeline, F_DUPFD_CLOEXEC, 0)),
        lag_(io_, segment_, "trial") {}

  // The environment's trouble, or nothing.
  std::string run() {
    std::string trouble;
    asio::co_spawn(io_, conduct(), [&](std::exception_ptr failure, Result<bool> done) {
      if (failure) std::rethrow_exception(failure);
      if (!done) trouble = done.error().message();
      io_.stop();
    });
    watch_lifeline();
    io_.run();
    return given_up_ ? "the trial was given up" : trouble;
  }

  [[nodiscard]] const Plan& plan() const { return plan_; }
  [[nodiscard]] Nanoseconds foreign_time() const { return foreign_time_; }
  // Keeps what lies in {dir} where others can see it.
  Result<bool> preserve_files() { return limits_ ? limits_->preserve_files() : Result<bool>(true); }
  [[nodiscard]] const Placeholders& placeholders() const { return placeholders_; }

 private:
  asio::awaitable<Result<bool>> conduct() {
    if (auto prepared = prepare(); !prepared) co_return prepared.error();
    segment_.record(PhaseBegan{Phase::start});
    auto notify = NotifySocket::bind(order_.notify_socket());
    if (!notify) co_return notify.error();
    const auto spawned = now();
    auto problem = lay_ground();
    if (problem.empty()) problem = co_await sidecars_.start(parts_);
    if (problem.empty()) {
      // What is bound now the target will not bind, and need not release.
      for (const auto& [name, lease] : ports_) {
        if (sidecars_.are_there() && probe_port(lease.port(), true) != 0)
          ports_of_sidecars_.insert(name);
      }
      if (const auto started = start(std::move(*notify)); !started)
        problem = started.error().message();
    }
    if (!problem.empty()) {
      segment_.record(TargetNotStarted{std::move(problem)});
      co_await sidecars_.end(parts_);
      foreign_time_ = now() - spawned;
      co_return finish_segments();
    }
    lag_.start();
    faults_.begin(Phase::start);
    Assignment assignment;
    assignment.plan = order_.directory + "/plan.json";
    const auto certificate = placeholders_.find("tls.cert");
    if (certificate != placeholders_.end()) assignment.certificate = certificate->second;
    assignment.placeholders = placeholders_;
    if (auto sent =
            link_.assign(assignment, {target_.pidfd(), board_.memory_fd()}, worker_segments());
        !sent) {
      co_return sent.error();
    }
    if (co_await become_ready()) co_await load();
    if (faults_.stop_begun() && !target_.ended()) co_await drain();
    co_await after();
    co_await look_back();
    co_await sidecars_.end(parts_);
    foreign_time_ = now() - spawned;
    if (!link_.problem().empty()) co_return Error{"play the clients", "", 0, link_.problem()};
    if (!sidecars_.problem().empty())
      co_return Error{"keep the sidecars", "", 0, sidecars_.problem()};
    co_return finish_segments();
  }

  // The fresh directory, ports, certificate and files.
  Result<bool> prepare() {
    placeholders_["dir"] = order_.place_of("target");
    if (auto made = make_folder(placeholders_["dir"], order_.target_folder()); !made)
      return made.error();
    for (const auto& [name, value] : plan_.varied) placeholders_["vary." + name] = value;
    placeholders_["seed"] = std::to_string(plan_.seed);
    placeholders_["here"] =
        fs::absolute(plan_.scenario_file).lexically_normal().parent_path().string();
    for (const auto& name : port_names()) {
      auto lease = PortLease::acquire();
      if (!lease) return lease.error();
      placeholders_[name] = std::to_string(lease->port());
      ports_.emplace(name, std::move(*lease));
    }
    if (auto made = make_certificates(order_, plan_.scenario_text, placeholders_); !made)
      return made.error();
    return make_sidecar_folders(order_, plan_.scenario.sidecars, placeholders_);
  }

  // What the target, and perhaps its sidecars, find when they start. Why not, or nothing.
  std::string lay_ground() {
    auto limits =
        TargetLimits::prepare(plan_.scenario.target.limits, plan_.faults, order_.target_folder());
    if (!limits) return limits.error().message();
    limits_.emplace(std::move(*limits));
    const auto laid = lay_out();
    return laid ? "" : laid.error().message();
  }

  // What the tracer needs at once, then the target itself. An error means that it does not run.
  Result<pid_t> start(NotifySocket notify) {
    std::map<std::string, std::uint16_t> ports;
    for (const auto& [name, lease] : ports_) ports[event_name(name)] = lease.port();
    service_.promise(std::move(ports));
    start_tracing();
    return target_.start({plan_.scenario.target, placeholders_, order_.tools, std::move(notify),
                          &*limits_, tracing_.get()});
  }

  void start_tracing() {
    const auto& target = plan_.scenario.target;
    if (!plan_.traced) return;
    auto calls = calls_of_faults();
    // Those of the drain come after the filters woke; who listens is known only if they never
    // slept.
    const bool asleep = std::ranges::all_of(calls.rules, [](const CallInjector::Rule& rule) {
      return rule.when.phase == Phase::drain && rule.when.role != DescriptorRole::connection;
    });
    Tracing::Settings settings{.segment = order_.directory + "/segments/tracer.seg",
                               .end_segment = order_.directory + "/segments/ends.seg",
                               .stop_signals = target.stop.signals,
                               .asleep = asleep,
                               .open_at_exit = is_strict(),
                               .calls = std::move(calls)};
    if (settings.open_at_exit) {
      settings.state_folder = settings.calls.state_folder;
      // What was written and not synced is known only if all of it was seen.
      settings.asleep &= settings.state_folder.empty();
    }
    auto tracing = Tracing::start(std::move(settings));
    if (tracing) {
      tracing_ = std::move(*tracing);
      reached_calls_.assign(::fcntl(tracing_->reached_fd(), F_DUPFD_CLOEXEC, 0));
      hear_of_calls();
    } else {
      segment_.record(TraceFailed{tracing.error().message()});
      faults_.not_traced(tracing.error().message());
    }
  }

  [[nodiscard]] bool is_strict() const {
    using property::Released;
    return is_judged<Released>(plan_.scenario) && settings<Released>(plan_).strict;
  }

  [[nodiscard]] CallInjector::Settings calls_of_faults() const {
    CallInjector::Settings settings;
    for (std::uint32_t i = 0; i < plan_.faults.size(); ++i) {
      const auto* when = std::get_if<NthSyscall>(&plan_.faults[i].when);
      if (when == nullptr) continue;
      const auto* disturb = std::get_if<DisturbSyscall>(&plan_.faults[i].act);
      auto& rule = settings.rules.emplace_back(CallInjector::Rule{
          {i}, *when, disturb == nullptr ? std::nullopt : std::optional(*disturb)});
      rule.when.path = expand_placeholders(when->path, placeholders_);
    }
    const auto& state = plan_.scenario.target.state;
    std::error_code ec;
    if (!state.empty()) {
      const auto folder = fs::path(order_.target_folder()) / state;
      settings.state_folder = fs::weakly_canonical(folder, ec).string();
    }
    return settings;
  }

  void hear_of_calls() {
    reached_calls_.async_wait(asio::posix::stream_descriptor::wait_read, [this](auto ec) {
      if (ec || !tracing_) return;
      for (const auto& [fault, tid] : tracing_->take_reached()) {
        faults_.on_syscall(fault);
        if (!std::holds_alternative<DisturbSyscall>(plan_.faults[fault.value].act))
          tracing_->release(tid);
      }
      hear_of_calls();
    });
  }

  Result<bool> lay_out() {
    std::error_code ec;
    const auto& dir = placeholders_["dir"];
    fs::create_directories(dir + "/tmp", ec);
    if (ec) return Error{"create", dir + "/tmp", ec.value(), ""};
    for (const auto& file : plan_.scenario.target.files) {
      const auto path = fs::path(dir) / file.path;
      fs::create_directories(path.parent_path(), ec);
      std::ofstream out(path, std::ios::binary);
      out << expand_placeholders(file.content, placeholders_);
      if (!out.flush()) return Error{"write", path.string(), errno, ""};
      laid_out_.insert(file.path);
    }
    return true;
  }

  // The name of a port in an event: "" for "port", "tls" for "port.tls".
  static std::string event_name(const std::string& port) {
    return port == "port" ? "" : port.substr(5);
  }

  // "port" and "port.NAME" as they stand in the scenario.
  [[nodiscard]] std::set<std::string> port_names() const {
    std::set<std::string> names;
    for (auto& name : placeholders_in(plan_.scenario_text)) {
      if (name == "port" || name.starts_with("port.")) names.insert(std::move(name));
    }
    return names;
  }

  [[nodiscard]] std::vector<std::string> worker_segments() const {
    std::vector<std::string> paths;
    for (std::size_t i = 0; i < link_.workers(); ++i) {
      paths.push_back(order_.directory + "/segments/clients-" + std::to_string(i) + ".seg");
    }
    return paths;
  }

  asio::awaitable<bool> become_ready() {
    const auto begin = now();
    ReadinessWait wait{
        .io = io_,
        .changes = changes_,
        .ready = plan_.scenario.target.ready,
        .placeholders = placeholders_,
        .process = target_,
        .over = [this] { return target_.ended() || faults_.stop_begun() || given_up_; },
        .extended =
            [this, begin](Nanoseconds timeout) { return service_.start_deadline(begin, timeout); }};
    const auto missing = co_await await_ready(std::move(wait));
    ready_ = missing.empty();
    if (ready_ && !target_.ended()) {
      segment_.record(TargetReady{});
      if (tracing_) tracing_->ready();
      service_.activated();
    } else if (!target_.exec_problem().empty()) {
      segment_.record(TargetNotStarted{target_.exec_problem()});
    } else if (!faults_.stop_begun() && !given_up_ && !ended_by_fault()) {
      const auto limit = "within " + human_duration(plan_.scenario.target.ready.timeout);
      segment_.record(TargetNotReady{target_.ended()
                                         ? "the target ended first"
                                         : "not " + limit + ", waiting for " + missing});
      if (!target_.ended()) co_await force_end("it was not ready " + limit);
    }
    co_return ready_ && !target_.ended() && !faults_.stop_begun();
  }

  // Whether a fault's signal ended the target: what comes next is what the scenario is about.
  [[nodiscard]] bool ended_by_fault() const {
    const auto& end = target_.how_it_ended();
    if (!end || !end->by_signal || !sent_signals_.contains(end->value)) return false;
    return end->value != SIGKILL || target_.killed();  // the kernel sends it, too
  }

  asio::awaitable<void> load() {
    co_await changes_.until(
        [&] { return link_.all_ready() || !link_.problem().empty() || given_up_; },
        now() + kWorkerLimit);
    if (!link_.all_ready()) {
      co_await force_end("the client workers were not ready");
      co_return;
    }
    co_await observe_setting(parts_);
    co_await probe_health_once(parts_);
    note_resources(parts_, target_.pid(), Phase::start);
    loading_ = true;
    if (tracing_) tracing_->begin(Phase::load);
    segment_.record(PhaseBegan{Phase::load});
    link_.say(Control::load);
    faults_.begin(Phase::load);
    if (const auto& recovery = plan_.scenario.target.recovery; recovery && recovery->ask) {
      early_questions_.emplace(parts_, *recovery->ask);
      asio::co_spawn(io_, early_questions_->run(), kRethrow);
    }
    if (is_strict()) {
      asio::co_spawn(
          io_,
          count_open(
              parts_, board_, [this] { return faults_.stop_begun() || target_.ended() || closed_; },
              [this] { return early_questions_ && early_questions_->is_asking(); }),
          kRethrow);
    }
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

  asio::awaitable<void> drain() {
    note_resources_at_stop();
    note_processor_time();
    if (tracing_) tracing_->begin(Phase::drain);
    segment_.record(PhaseBegan{Phase::drain});
    asio::co_spawn(
        io_,
        probe_health(
            parts_, [this] { return target_.ended() || given_up_; }, [this] { return closed_; }),
        kRethrow);
    asio::co_spawn(io_, watch_processors(), kRethrow);
    if (tracing_) asio::co_spawn(io_, watch_for_deadlock(), kRethrow);
    link_.say(Control::stop);
    faults_.begin(Phase::drain);
    service_.stop_begun(faults_.stop_time(), plan_.scenario.target.stop.deadline);
    // The target may ask for more time as it goes, EXTEND_TIMEOUT_USEC; while it is held by a pause
    // its time does not run.
    const auto deadline = [this] { return service_.stop_deadline() + faults_.paused_since_stop(); };
    const auto over = [this] { return target_.ended() || given_up_ || deadlocked_; };
    while (!over() && now() < deadline()) co_await changes_.until(over, deadline());
    if (target_.ended()) co_return;
    if (deadlocked_) co_return co_await force_end("its threads waited for one another forever");
    if (!given_up_) segment_.record(DeadlinePassed{});
    co_await force_end("it was still running at the deadline");
  }

  // How long the target was at work and waited for a processor during the stop: what looks like
  // idling may be that. Whether it waited is asked only while some task of the machine waits; both
  // take a tenth of this thread's time at most.
  asio::awaitable<void> watch_processors() {
    constexpr Nanoseconds kTick = std::chrono::milliseconds(10);
    ProcessorWaits waits;
    (void)waits.look(pids_of_target());
    const auto begin = now();
    Nanoseconds told{};
    Nanoseconds pause = kTick;
    asio::steady_timer timer(io_);
    for (auto before = processor_pressure(); !target_.ended();) {
      timer.expires_after(pause);
      co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
      const auto after = processor_pressure();
      if (closed_) co_return;
      const auto looked = now();
      if (!target_.ended()) note_processor_time();
      pause = std::max(kTick, 9 * (now() - looked));
      const auto pressure = before && after ? *after - *before : kTick;
      before = after;
      if (pressure == Nanoseconds(0)) continue;
      const auto waited = waits.look(pids_of_target());
      // Threads that wait at the same time are one wait, which is no longer than the stop.
      const auto lag = std::min(waited.value_or(pressure), looked - begin - told);
      if (lag > Nanoseconds(0)) segment_.record(Lag{waited ? "target" : "machine", lag.count()});
      told += lag;
      pause = std::max(kTick, 9 * (now() - looked));
    }
  }

  // From the first call on, soon after the stop signal was sent.
  void note_processor_time() {
    // Less would only make many events; it is told with the next.
    constexpr auto kLeast = std::chrono::microseconds(200);
    const auto at = now();
    const auto used = processor_time_of_tree();
    if (processor_looked_) {
      // Of several processors at once as if it were one: what is left of the time is idle.
      const auto busy = std::min(used - processor_used_, at - *processor_looked_);
      if (busy < kLeast) return;
      segment_.record(ProcessorUsed{busy.count()});
    }
    processor_looked_ = at;
    processor_used_ = used;
  }

  // A traced target also stands still while the tracer, a thread of this process, waits.
  [[nodiscard]] std::vector<pid_t> pids_of_target() const {
    std::vector<pid_t> pids;
    if (tracing_) pids.push_back(::getpid());
    for (const auto& process : descendants()) pids.push_back(process.pid);
    return pids;
  }

  [[nodiscard]] bool only_one_signal_comes() const {
    std::size_t signals = 0;
    for (const auto& fault : plan_.faults) {
      if (const auto* sent = std::get_if<SendSignals>(&fault.act)) signals += sent->steps.size();
    }
    return signals == 1;
  }

  // A deadline need not be waited out by a target whose threads all wait in locks, in a cycle.
  asio::awaitable<void> watch_for_deadlock() {
    constexpr auto kTick = std::chrono::milliseconds(50);
    asio::steady_timer timer(io_);
    std::string before;
    for (int looks_left = 3; looks_left > 0 && only_one_signal_comes();) {
      timer.expires_after(kTick);
      co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
      if (closed_ || !tracing_ || target_.ended()) co_return;
      auto waits = untimed_futex_waits(target_.pid());
      const bool same = !waits.empty() && waits == before;
      before = std::move(waits);
      if (!same) continue;
      --looks_left;
      before.clear();
      if (!tracing_->look(StacksAt::deadlock)) continue;
      deadlocked_ = true;
      changes_.notify();
      co_return;
    }
  }

  asio::awaitable<void> force_end(std::string reason) {
    faults_.end("lastcall had ended the target because " + reason);
    if (faults_.stop_begun()) record_sockets_at_deadline(segment_, ports_of_target());
    if (tracing_ && !deadlocked_) tracing_->look(StacksAt::deadline);
    co_await ask_where_it_stands(parts_, tracing_.get(), reason);
    if (target_.ended()) co_return;
    target_.force(SIGKILL, reason);
    co_await changes_.until([&] { return target_.ended(); }, now() + kKillLimit);
  }

  // Those that clients connect to, and all that it was given.
  [[nodiscard]] std::vector<std::uint16_t> ports_of_target() const {
    auto ports = client_ports(plan_, placeholders_);
    for (const auto& [name, lease] : ports_) {
      if (!ports_of_sidecars_.contains(name) && std::ranges::count(ports, lease.port()) == 0)
        ports.push_back(lease.port());
    }
    return ports;
  }

  // Notes what the target uses at the last moment of load: before the first stop signal, if this
  // process sends it. A worker sends it at once, and the target may be gone before it can be looked
  // at.
  void note_resources_at_stop() {
    if (noted_resources_ || !loading_) return;
    noted_resources_ = true;
    note_resources(parts_, target_.pid(), Phase::load);
  }

  [[nodiscard]] bool begins_drain(int signal) const {
    return signal == SIGKILL || std::ranges::count(plan_.scenario.target.stop.signals, signal) > 0;
  }

  [[nodiscard]] int send(int signal, Recipient to) {
    const bool begins = begins_drain(signal);
    if (begins) note_resources_at_stop();
    const auto send_it = [&] { return target_.send(signal, to); };
    const int error = tracing_ ? tracing_->send(signal, begins, send_it) : send_it();
    const auto& stops = plan_.scenario.target.stop.signals;
    if (std::ranges::count(stops, signal) > 0) note_processor_time();
    if (begins && tracing_) asio::co_spawn(io_, wake_tracer(signal), kRethrow);
    // Not that of a child: what ends with it has ended by itself.
    if (to != Recipient::child && error == 0) sent_signals_.insert(signal);
    return error;
  }

  // A worker has sent the first of these.
  void follow_up(const SendSignals& sent) {
    const int signal = sent.steps.front().signal;
    if (begins_drain(signal) && tracing_) asio::co_spawn(io_, wake_tracer(signal), kRethrow);
  }

  // The tracer wakes by itself as a signal is delivered. One that is taken by sigwait(3) or
  // signalfd(2) is not: it has to be looked for. Nobody may ever take it.
  asio::awaitable<void> wake_tracer(int signal) {
    constexpr auto kLimit = std::chrono::milliseconds(200);
    const auto begin = now();
    asio::steady_timer timer(io_);
    while (!closed_ && tracing_ && !tracing_->wake_if_taken(signal)) {
      if (now() - begin > kLimit) co_return tracing_->wake_filters();
      timer.expires_after(std::chrono::milliseconds(1));
      co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
  }

  // What the target left, then the end for everybody.
  asio::awaitable<void> after() {
    faults_.end(std::string(FaultNotReached::kTargetHadEnded));
    if (processor_looked_) note_processor_time();
    segment_.record(PhaseBegan{Phase::after});
    note_killer();
    // A command that asks something is below this process.
    co_await changes_.until(
        [&] { return !early_questions_ || !early_questions_->is_asking() || given_up_; },
        now() + kWorkerLimit);
    co_await record_left_processes(parts_, target_, tracing_ != nullptr);
    for (const auto& [name, lease] : ports_) {
      if (ports_of_sidecars_.contains(name)) continue;
      segment_.record(PortProbed{event_name(name), lease.port(), probe_port(lease.port(), true)});
    }
    const auto files = find_leftovers(order_.target_folder(), laid_out_);
    for (const auto& file : files.found) segment_.record(FileLeft{file.path, file.type});
    segment_.record(FilesSearched{files.looked_at});
    if (!files.problem.empty()) segment_.record(EventsLost{"files", files.problem});
    target_.end_left_processes();
    target_.drain_output();
    end_tracing();
    link_.say(Control::end);
    co_await changes_.until(
        [&] { return link_.all_done() || !link_.problem().empty() || given_up_; },
        now() + kWorkerLimit);
    faults_.record_unreached();
  }

  // Only the kernel's trace says who sent a SIGKILL.
  void note_killer() {
    if (kills_ == nullptr || !target_.killed()) return;
    const auto sent = kills_->look_up(SIGKILL, target_.pid());
    if (!sent) return;
    segment_.record(KillSent{target_.pid(), sent->sender.pid, sent->sender.user,
                             sent->sender.command,
                             sent->signal.out_of_memory ? "out of memory" : ""});
  }

  void end_tracing() {
    if (!tracing_) return;
    target_.trace_is_over();
    if (const auto finished = tracing_->finish(); !finished)
      segment_.record(EventsLost{"tracer", finished.error().message()});
    reached_calls_.close();
    for (const auto& reached : tracing_->take_reached()) faults_.on_syscall(reached.fault);
    for (std::uint32_t i = 0; i < plan_.faults.size(); ++i)
      faults_.calls_counted({i}, tracing_->counted({i}));
    if (!tracing_->problem().empty()) faults_.not_traced(tracing_->problem());
    tracing_.reset();
  }

  // What it left on disk, and what it knows when it is started again. Of a target that had been
  // ready, was stopped, or was ended by a fault's signal; the clients have finished.
  asio::awaitable<void> look_back() {
    const bool had_its_turn = ready_ || faults_.stop_begun() || ended_by_fault();
    if (given_up_ || !link_.problem().empty() || !had_its_turn) co_return;
    if (!target_.exec_problem().empty()) co_return;
    observe_log(parts_);
    co_await inspect_checkpoints(parts_);
    if (!plan_.scenario.target.recovery) co_return;
    target_.stop_listening();
    recovery_.emplace(parts_);
    co_await recovery_->run(worker_segments());
  }

  Result<bool> finish_segments() {
    lag_.stop();
    closed_ = true;
    auto finished = segment_.finish();
    if (!finished) return finished.error();
    return true;
  }

  void watch_lifeline() {
    lifeline_.async_wait(asio::posix::stream_descriptor::wait_read, [this](auto ec) {
      if (ec) return;
      given_up_ = true;
      changes_.notify();
    });
  }

  const TrialOrder& order_;
  const SignalTrace* kills_;
  asio::io_context io_{1};
  Plan plan_;
  SegmentWriter segment_;
  TriggerBoard board_;
  Changes changes_;
  ChildEnds ends_;
  Placeholders placeholders_;
  bool given_up_ = false;
  std::optional<TargetLimits> limits_;  // outlives the target
  TrialContext parts_{io_,      order_,   plan_, placeholders_,
                      segment_, changes_, ends_, [this] { return given_up_; },
                      limits_};
  std::unique_ptr<Tracing> tracing_;  // outlives the target
  TargetProcess target_;
  ServiceWatch service_;
  FaultRunner faults_;
  std::optional<EarlyQuestions> early_questions_;
  ClientLink link_;
  SidecarLink sidecars_;
  asio::posix::stream_descriptor reached_calls_;
  asio::posix::stream_descriptor lifeline_;
  std::optional<RecoveryRun> recovery_;
  LagMeter lag_;
  std::map<std::string, PortLease> ports_;
  std::set<std::string> ports_of_sidecars_;
  std::set<std::string> laid_out_;
  Nanoseconds foreign_time_{};
  bool ready_ = false;
  bool loading_ = false;        // the load phase has begun
  std::set<int> sent_signals_;  // by faults, to the target itself
  bool noted_resources_ = false;
  std::optional<TimePoint> processor_looked_;
  Nanoseconds processor_used_{};  // by then
  bool deadlocked_ = false;
  bool closed_ = false;  // nothing may be recorded any more
};

void judge_into(TrialResult& result, const TrialOrder& order, const Trial& trial,
                std::size_t workers, int lifeline) {
  auto history = read_history(order, trial.plan().scenario.sidecars, workers);
  if (!history) {
    result.broken = history.error().message();
    return;
  }
  result.traced = was_traced(trial.plan(), *history);
  result.verdicts = judge(trial.plan(), *history);
  const auto file = order.directory + "/history.jsonl";
  const bool has_custom = !trial.plan().scenario.custom.empty();
  if (has_custom && !write_history(*history, file)) {
    result.broken = Error{"write", file, errno, "custom checkers read it"}.message();
    return;
  }
  std::ranges::move(
      judge_custom(trial.plan(), *history, {trial.placeholders(), file, order.tools, lifeline}),
      std::back_inserter(result.verdicts));
  result.connections = connections_at_stop(*history);
  result.answers = group_answers(trial.plan(), *history);
  result.only_refusals = only_refusals(trial.plan(), *history);
  result.heard_instead = heard_instead(trial.plan(), *history);
  result.idle_tail = checkers::idle_tail(trial.plan(), *history);
  result.idle_held_by = checkers::idle_tail_held_by(trial.plan(), *history);
  if (history->stop()) {
    auto& habits = result.habits.emplace();
    for (const auto habit : habits_tried(trial.plan(), *history)) habits.emplace_back(name(habit));
  }
  result.idle_waits = checkers::idle_waits(trial.plan(), *history);
  const auto end = history->first<TargetEnded>();
  if (history->stop() && end) result.stop = history->time(*end) - history->time(*history->stop());
  const bool held = worst(result.verdicts) <= Outcome::pass;
  result.kept = order.keep == Keep::all || (order.keep == Keep::failed && !held);
  if (result.kept && !has_custom) (void)write_history(*history, file);
}

Result<std::unique_ptr<Trial>> open_trial(const TrialOrder& order, int lifeline,
                                          Companions companions, const SignalTrace* kills) {
  const auto plan_path = order.directory + "/plan.json";
  auto json = read_file(plan_path);
  if (!json) return json.error();
  auto plan = plan_from_json(*json, plan_path);
  if (!plan) return plan.error();
  std::error_code ec;
  fs::create_directories(order.directory + "/segments", ec);
  auto segment = SegmentWriter::create(order.directory + "/segments/trial.seg");
  if (!segment) return segment.error();
  auto board = TriggerBoard::create();
  if (!board) return board.error();
  return std::make_unique<Trial>(order, lifeline, std::move(*plan), std::move(*segment),
                                 std::move(*board), std::move(companions), kills);
}

}  // namespace

TrialResult conduct_trial(const TrialOrder& order, int lifeline, Companions companions,
                          const SignalTrace* kills) {
  const auto begin = now();
  TrialResult result;
  // A crashing target is judged by how it ended; its core dump would only fill the disk.
  const rlimit no_core{0, 0};
  (void)::setrlimit(RLIMIT_CORE, &no_core);
  const auto worker_count = companions.workers.size();
  Nanoseconds foreign{};
  if (auto trial = open_trial(order, lifeline, std::move(companions), kills)) {
    result.seed = (*trial)->plan().seed;
    result.traced = (*trial)->plan().traced;
    result.clients = static_cast<std::uint32_t>(planned_clients((*trial)->plan()).size());
    result.broken = (*trial)->run();
    foreign = (*trial)->foreign_time();
    if (result.broken.empty()) judge_into(result, order, **trial, worker_count, lifeline);
    if (!result.broken.empty()) result.kept = order.keep != Keep::none;
    if (result.kept) {
      if (auto kept = (*trial)->preserve_files(); !kept && result.broken.empty())
        result.broken = kept.error().message();
    }
  } else {
    result.broken = trial.error().message();
  }
  if (!result.broken.empty()) result.kept = order.keep != Keep::none;
  result.duration = now() - begin;
  result.overhead = result.duration - foreign;
  std::error_code ec;
  if (!result.kept) fs::remove_all(order.directory, ec);
  // The fork server does it too, but may have been killed.
  if (!order.short_folder.empty()) {
    if (auto given = give_back(order.short_folder, order.directory);
        !given && result.broken.empty())
      result.broken = given.error().message();
  }
  if (result.kept) {
    std::ofstream(order.directory + "/verdict.json") << to_json(result);
    fs::remove(order.directory + "/notify.sock", ec);
  }
  return result;
}

}  // namespace lastcall

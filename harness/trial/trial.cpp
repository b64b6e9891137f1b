#include "trial/trial.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "base/invariant.hpp"
#include "base/text.hpp"
#include "checkers/checkers.hpp"
#include "client/session.hpp"
#include "history/history.hpp"
#include "target/certificate.hpp"
#include "target/leftovers.hpp"
#include "target/port_lease.hpp"
#include "trial/client_link.hpp"
#include "trial/fault_runner.hpp"
#include "trial/target_process.hpp"

namespace lastcall {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

// Helpers of a target (shells, workers) may end a moment after it; who is alive later was left behind.
constexpr auto kHelperGrace = std::chrono::milliseconds(200);
// SIGQUIT makes runtimes print their stacks (Go, the JVM); that takes them some milliseconds.
constexpr auto kLastWordsGrace = std::chrono::milliseconds(500);
// A worker finishes within its own end limit of three seconds, unless the machine is overloaded.
constexpr auto kWorkerLimit = std::chrono::seconds(20);
// One readiness probe; a server that is up answers at once.
constexpr auto kProbeLimit = std::chrono::seconds(1);

Result<std::string> read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{"read", path, errno, ""};
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

class Trial {
 public:
  Trial(const TrialOrder& order, int lifeline, Plan plan, SegmentWriter segment, TriggerBoard board,
        std::vector<ScopedFd> workers)
      : order_(order),
        plan_(std::move(plan)),
        segment_(std::move(segment)),
        board_(std::move(board)),
        changes_(io_),
        target_(io_, segment_, changes_),
        faults_(io_, plan_, board_, segment_, changes_),
        link_(io_, changes_, std::move(workers), [this](FaultId fault) { faults_.fired(fault, target_.pidfd()); }),
        lifeline_(io_, ::fcntl(lifeline, F_DUPFD_CLOEXEC, 0)) {}

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

 private:
  asio::awaitable<Result<bool>> conduct() {
    if (auto prepared = prepare(); !prepared) co_return prepared.error();
    segment_.record(PhaseBegan{Phase::start});
    auto notify = NotifySocket::bind(order_.directory + "/notify.sock");
    if (!notify) co_return notify.error();
    auto started = target_.start({plan_.scenario.target, placeholders_, order_.tools, std::move(*notify)});
    if (!started) {
      segment_.record(TargetNotStarted{started.error().message()});
      co_return finish_segments();
    }
    const auto spawned = now();
    faults_.begin(Phase::start, target_.pidfd());
    Assignment assignment;
    assignment.plan = order_.directory + "/plan.json";
    assignment.certificate = certificate_;
    assignment.placeholders = placeholders_;
    if (auto sent = link_.assign(assignment, target_.pidfd(), board_.memory_fd(), worker_segments()); !sent) {
      co_return sent.error();
    }
    if (co_await become_ready()) co_await load();
    if (faults_.stop_begun() && !target_.ended()) co_await drain();
    co_await after();
    foreign_time_ = now() - spawned;
    if (!link_.problem().empty()) co_return Error{"play the clients", "", 0, link_.problem()};
    co_return finish_segments();
  }

  // The fresh directory, ports, certificate and files.
  Result<bool> prepare() {
    const auto dir = order_.directory + "/target";
    std::error_code ec;
    fs::create_directories(dir + "/tmp", ec);
    fs::create_directories(order_.directory + "/segments", ec);
    if (ec) return Error{"create", dir, ec.value(), ""};
    placeholders_["dir"] = dir;
    placeholders_["seed"] = std::to_string(plan_.seed);
    placeholders_["here"] = fs::absolute(plan_.scenario_file).lexically_normal().parent_path().string();
    for (const auto& name : port_names()) {
      auto lease = PortLease::acquire();
      if (!lease) return lease.error();
      placeholders_[name] = std::to_string(lease->port());
      ports_.emplace(name, std::move(*lease));
    }
    if (plan_.scenario_text.find("{tls.") != std::string::npos) {
      certificate_ = order_.directory + "/certificate.pem";
      placeholders_["tls.cert"] = certificate_;
      placeholders_["tls.key"] = order_.directory + "/key.pem";
      if (auto made = write_certificate(certificate_, placeholders_["tls.key"]); !made) return made.error();
    }
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
    const auto& ready = plan_.scenario.target.ready;
    const auto deadline = now() + ready.timeout;
    auto over = [this] { return target_.ended() || faults_.stop_begun() || given_up_; };
    if (std::holds_alternative<ReadyNotify>(ready.by)) {
      co_await changes_.until([&] { return over() || target_.notified_ready(); }, deadline);
      ready_ = target_.notified_ready();
    } else if (std::holds_alternative<ReadyLog>(ready.by)) {
      co_await changes_.until([&] { return over() || target_.logged_ready(); }, deadline);
      ready_ = target_.logged_ready();
    } else {
      auto tls = client_tls("");
      LASTCALL_INVARIANT(tls.has_value());
      auto pause = Nanoseconds(std::chrono::milliseconds(1));
      while (!over() && now() < deadline && !(ready_ = co_await probe(**tls))) {
        co_await changes_.until(over, std::min(deadline, now() + pause));
        pause = std::min(pause * 2, Nanoseconds(std::chrono::milliseconds(20)));
      }
    }
    if (ready_ && !target_.ended()) {
      segment_.record(TargetReady{});
    } else if (!target_.exec_problem().empty()) {
      segment_.record(TargetNotStarted{target_.exec_problem()});
    } else if (!faults_.stop_begun() && !given_up_) {
      segment_.record(TargetNotReady{target_.ended() ? "the target ended first"
                                                     : "not within " + humane_duration(ready.timeout)});
      if (!target_.ended()) co_await force_end("it did not become ready");
    }
    co_return ready_ && !target_.ended() && !faults_.stop_begun();
  }

  asio::awaitable<bool> probe(asio::ssl::context& tls) {
    const auto& by = plan_.scenario.target.ready.by;
    if (const auto* url = std::get_if<ReadyUrl>(&by)) {
      const int status = co_await http_status(expand_placeholders(url->url, placeholders_), tls, kProbeLimit);
      co_return status / 100 == 2;
    }
    const auto text = expand_placeholders(std::get<ReadyPort>(by).port, placeholders_);
    const auto port = static_cast<std::uint16_t>(std::strtoul(text.c_str(), nullptr, 10));
    // Shared with the timer's handler, which may already be queued when the connect is through.
    const auto socket = std::make_shared<asio::ip::tcp::socket>(io_);
    asio::steady_timer limit(io_, kProbeLimit);
    limit.async_wait([socket](auto expired) {
      if (!expired) socket->close(expired);
    });
    auto [ec] = co_await socket->async_connect({asio::ip::address_v4::loopback(), port},
                                               asio::as_tuple(asio::use_awaitable));
    co_return !ec;
  }

  asio::awaitable<void> load() {
    co_await changes_.until([&] { return link_.all_ready() || !link_.problem().empty() || given_up_; },
                            now() + kWorkerLimit);
    if (!link_.all_ready()) {
      co_await force_end("the client workers are not ready");
      co_return;
    }
    segment_.record(PhaseBegan{Phase::load});
    link_.say(Control::load);
    faults_.begin(Phase::load, target_.pidfd());
    co_await changes_.until(
        [&] { return faults_.stop_begun() || target_.ended() || given_up_ || !link_.problem().empty(); },
        now() + plan_.scenario.budget.load);
    if (!faults_.stop_begun() && !target_.ended()) {
      faults_.end("nothing began the stop within " + humane_duration(plan_.scenario.budget.load) + " of load");
      co_await force_end("no fault began the stop");
    }
  }

  asio::awaitable<void> drain() {
    segment_.record(PhaseBegan{Phase::drain});
    link_.say(Control::stop);
    faults_.begin(Phase::drain, target_.pidfd());
    const auto deadline = faults_.stop_time() + plan_.scenario.target.stop.deadline;
    co_await changes_.until([&] { return target_.ended() || given_up_; }, deadline);
    if (!target_.ended()) {
      if (!given_up_) segment_.record(DeadlinePassed{});
      co_await force_end("still running at the deadline");
    }
  }

  asio::awaitable<void> force_end(std::string reason) {
    target_.force(SIGQUIT, reason);
    co_await changes_.until([&] { return target_.ended() || given_up_; }, now() + kLastWordsGrace);
    if (target_.ended()) co_return;
    target_.force(SIGKILL, reason);
    co_await changes_.until([&] { return target_.ended(); }, now() + kLastWordsGrace);
  }

  // What the target left, then the end for everybody.
  asio::awaitable<void> after() {
    faults_.end("the target had ended");
    segment_.record(PhaseBegan{Phase::after});
    const auto limit = now() + kHelperGrace;
    while (!target_.live_descendants().empty() && now() < limit && !given_up_) {
      co_await changes_.until([] { return false; }, now() + std::chrono::milliseconds(2));
    }
    for (const auto& left : target_.live_descendants()) {
      const auto space = left.find(' ');
      segment_.record(ProcessLeft{std::atoi(left.c_str()), left.substr(space + 1)});
    }
    segment_.record(ProcessesSearched{});
    for (const auto& [name, lease] : ports_) {
      segment_.record(PortProbed{name == "port" ? "" : name.substr(5), lease.port(), probe_port(lease.port(), true)});
    }
    const auto files = find_leftovers(placeholders_["dir"], laid_out_);
    for (const auto& file : files.found) segment_.record(FileLeft{file.path, file.type});
    segment_.record(FilesSearched{files.looked_at});
    if (!files.problem.empty()) segment_.record(EventsLost{"trial", files.problem});
    target_.end_tree();
    target_.drain_output();
    link_.say(Control::end);
    co_await changes_.until([&] { return link_.all_done() || !link_.problem().empty() || given_up_; },
                            now() + kWorkerLimit);
    faults_.record_unreached();
  }

  Result<bool> finish_segments() {
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
  asio::io_context io_{1};
  Plan plan_;
  SegmentWriter segment_;
  TriggerBoard board_;
  Changes changes_;
  TargetProcess target_;
  FaultRunner faults_;
  ClientLink link_;
  asio::posix::stream_descriptor lifeline_;
  Placeholders placeholders_;
  std::map<std::string, PortLease> ports_;
  std::set<std::string> laid_out_;
  std::string certificate_;
  Nanoseconds foreign_time_{};
  bool ready_ = false;
  bool given_up_ = false;
};

Result<History> read_history(const std::string& directory, std::size_t workers) {
  std::vector<std::pair<std::string, Segment>> sources;
  auto trial = read_segment(directory + "/segments/trial.seg");
  if (!trial) return trial.error();
  sources.emplace_back("trial", std::move(*trial));
  for (std::size_t i = 0; i < workers; ++i) {
    const auto source = "clients-" + std::to_string(i);
    auto segment = read_segment(directory + "/segments/" + source + ".seg");
    // Without the file this source is incomplete, which merging reports.
    Segment missing;
    if (!segment) missing.problem = segment.error().message();
    sources.emplace_back(source, segment ? std::move(*segment) : std::move(missing));
  }
  return History::merge(std::move(sources));
}

std::uint32_t connections_at_stop(const History& history) {
  if (!history.stop()) return 0;
  const auto stop = *history.stop();
  return static_cast<std::uint32_t>(std::ranges::count_if(history.connections(), [&](const auto& connection) {
    return connection.tcp_up && *connection.tcp_up < stop && (!connection.ended || *connection.ended > stop);
  }));
}

void judge_into(TrialResult& result, const TrialOrder& order, const Plan& plan, std::size_t workers) {
  auto history = read_history(order.directory, workers);
  if (!history) {
    result.broken = history.error().message();
    return;
  }
  result.verdicts = judge(plan, *history);
  result.connections = connections_at_stop(*history);
  const auto end = history->first<TargetEnded>();
  if (history->stop() && end) result.stop = history->time(*end) - history->time(*history->stop());
  const bool held = worst(result.verdicts) <= Outcome::pass;
  result.kept = order.keep == Keep::all || (order.keep == Keep::failed && !held);
  if (result.kept) {
    std::ofstream out(order.directory + "/history.jsonl");
    write_jsonl(*history, out);
  }
}

Result<std::unique_ptr<Trial>> open_trial(const TrialOrder& order, int lifeline, std::vector<ScopedFd> workers) {
  const auto plan_path = order.directory + "/plan.json";
  auto json = read_text(plan_path);
  if (!json) return json.error();
  auto plan = plan_from_json(*json, plan_path);
  if (!plan) return plan.error();
  std::error_code ec;
  fs::create_directories(order.directory + "/segments", ec);
  auto segment = SegmentWriter::create(order.directory + "/segments/trial.seg");
  if (!segment) return segment.error();
  auto board = TriggerBoard::create();
  if (!board) return board.error();
  return std::make_unique<Trial>(order, lifeline, std::move(*plan), std::move(*segment), std::move(*board),
                                 std::move(workers));
}

}  // namespace

TrialResult conduct_trial(const TrialOrder& order, int lifeline, std::vector<ScopedFd> workers) {
  const auto begin = now();
  TrialResult result;
  // A crashing target is judged by how it ended; its core dump would only fill the disk.
  const rlimit no_core{0, 0};
  (void)::setrlimit(RLIMIT_CORE, &no_core);
  const auto worker_count = workers.size();
  Nanoseconds foreign{};
  if (auto trial = open_trial(order, lifeline, std::move(workers))) {
    result.seed = (*trial)->plan().seed;
    result.clients = static_cast<std::uint32_t>(planned_clients((*trial)->plan()).size());
    result.broken = (*trial)->run();
    foreign = (*trial)->foreign_time();
    if (result.broken.empty()) judge_into(result, order, (*trial)->plan(), worker_count);
  } else {
    result.broken = trial.error().message();
  }
  if (!result.broken.empty()) result.kept = order.keep != Keep::none;
  result.duration = now() - begin;
  result.overhead = result.duration - foreign;
  std::error_code ec;
  if (result.kept) {
    std::ofstream(order.directory + "/verdict.json") << to_json(result);
    fs::remove(order.directory + "/notify.sock", ec);
  } else {
    fs::remove_all(order.directory, ec);
  }
  return result;
}

}  // namespace lastcall

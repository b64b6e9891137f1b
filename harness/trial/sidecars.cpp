#include "trial/sidecars.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/as_tuple.hpp"
#include "base/durations.hpp"
#include "base/rethrow.hpp"
#include "checkers/checker_support.hpp"
#include "client/control.hpp"
#include "plan/plan_file.hpp"
#include "target/short_folder.hpp"
#include "trial/readiness.hpp"
#include "trial/target_process.hpp"

namespace lastcall {
namespace {

namespace asio = boost::asio;
// Nothing is waited for, but the end.
constexpr auto kLong = std::chrono::hours(24);
// The keeper needs milliseconds to kill what is left, unless the machine is overloaded.
constexpr auto kKeeperLimit = std::chrono::seconds(20);

std::string segment_of(const TrialOrder& order, std::size_t i) {
  return order.directory + "/segments/sidecar-" + std::to_string(i) + ".seg";
}

// Its texts are filled in here, because for it itself {dir} is its own folder.
Target filled_in(const Target& wanted, const Placeholders& placeholders) {
  auto process = wanted;
  for (auto& word : process.command) word = expand_placeholders(word, placeholders);
  for (auto& [name, value] : process.environment) value = expand_placeholders(value, placeholders);
  process.directory = expand_placeholders(process.directory, placeholders);
  return process;
}

class Kept {
 public:
  Kept(asio::io_context& io, Changes& changes, ChildEnds& ends, Target wanted,
       const Placeholders& placeholders, std::string folder, SegmentWriter segment)
      : io_(io),
        changes_(changes),
        wanted_(std::move(wanted)),
        placeholders_(placeholders),
        segment_(std::move(segment)),
        process_(io, segment_, changes, ends,
                 {.on_line =
                      [this](const std::string& line) {
                        if (line.find_first_not_of(" \t\r") != line.npos) last_words_ = line;
                      },
                  .on_notification = [](const NotifySocket::Datagram&) {}}) {
    own_placeholders_["dir"] = std::move(folder);
  }

  // Why it is not there, or not ready; empty if it is.
  asio::awaitable<std::string> come_up(std::string tools, std::string notify_socket,
                                       std::function<bool()> over) {
    auto notify = NotifySocket::bind(notify_socket);
    if (!notify) co_return fail(notify.error().message());
    const auto started =
        process_.start({wanted_, own_placeholders_, std::move(tools), std::move(*notify)});
    if (!started) co_return fail("it could not be started: " + started.error().message());
    ReadinessWait wait{.io = io_,
                       .changes = changes_,
                       .ready = wanted_.ready,
                       .placeholders = placeholders_,
                       .process = process_,
                       .over = [&] { return process_.ended() || over(); }};
    const auto missing = co_await await_ready(std::move(wait));
    if (!process_.exec_problem().empty())
      co_return fail("it could not be started: " + process_.exec_problem());
    if (process_.ended()) co_return fail("it ended (" + end() + ") before it was ready");
    if (!missing.empty()) {
      co_return fail("it was not ready within " + human_duration(wanted_.ready.timeout) +
                     ", waiting for " + missing);
    }
    is_ready_ = true;
    segment_.record(TargetReady{});
    co_return "";
  }

  [[nodiscard]] bool has_died() const { return is_ready_ && process_.ended() && !has_failed_; }
  void note_death() { fail("it ended (" + end() + ") while it was needed"); }

  asio::awaitable<void> stop() {
    if (process_.pid() < 0 || process_.ended()) co_return;
    // ESRCH: it has just ended by itself.
    (void)process_.send(wanted_.stop.signals.front(), Recipient::process);
    co_await changes_.until([this] { return process_.ended(); }, now() + wanted_.stop.deadline);
  }
  // Everybody was killed.
  Result<std::size_t> finish() {
    process_.drain_output();
    return segment_.finish();
  }
  void end_tree() { process_.end_tree(); }

 private:
  [[nodiscard]] std::string end() const {
    return process_.how_it_ended() ? to_text(*process_.how_it_ended()) : "";
  }
  // Records it, and says it.
  std::string fail(std::string why) {
    process_.drain_output();
    if (!last_words_.empty()) why += "; its last words: " + last_words_;
    has_failed_ = true;
    segment_.record(TargetNotReady{why});
    return why;
  }

  asio::io_context& io_;
  Changes& changes_;
  Target wanted_;
  const Placeholders& placeholders_;
  Placeholders own_placeholders_;
  SegmentWriter segment_;  // as of a target: sidecar_sources() says whose it is
  std::string last_words_;
  bool is_ready_ = false;
  bool has_failed_ = false;
  TargetProcess process_;
};

class Keeper {
 public:
  Keeper(const TrialOrder& order, ScopedFd socket, Plan plan, Placeholders placeholders)
      : order_(order),
        socket_(std::move(socket)),
        plan_(std::move(plan)),
        placeholders_(std::move(placeholders)),
        changes_(io_),
        control_(io_, socket_.get()) {}
  ~Keeper() { static_cast<void>(control_.release()); }  // socket_ closes it

  void run() {
    asio::co_spawn(io_, listen(), kRethrow);
    asio::co_spawn(io_, keep(), [this](std::exception_ptr failure) {
      io_.stop();
      if (failure) std::rethrow_exception(failure);
    });
    io_.run();
  }

 private:
  asio::awaitable<void> listen() {
    std::array<char, 16> message{};
    auto [ec, n] = co_await control_.async_read_some(asio::buffer(message), kTuple);
    is_gone_ = ec || n == 0 || message.front() != static_cast<char>(Control::end);
    is_over_ = true;
    changes_.notify();
  }

  asio::awaitable<void> keep() {
    auto trouble = open();
    for (std::size_t i = 0; i < kept_.size() && trouble.empty() && !is_over_; ++i) {
      const auto why =
          co_await kept_[i]->come_up(order_.tools, notify_socket(i), [this] { return is_over_; });
      if (!why.empty()) trouble = "sidecar \"" + plan_.scenario.sidecars[i].name + "\": " + why;
    }
    say(std::string(1, static_cast<char>(trouble.empty() ? Control::ready : Control::broken)) +
        trouble);
    const auto somebody_died = [this] {
      return std::ranges::any_of(kept_, [](const auto& one) { return one->has_died(); });
    };
    while (!is_over_) {
      note_deaths();
      co_await changes_.until([&] { return is_over_ || somebody_died(); }, now() + kLong);
    }
    note_deaths();  // nobody was told to end yet
    for (auto one = kept_.rbegin(); one != kept_.rend() && !is_gone_; ++one)
      co_await (*one)->stop();
    if (!kept_.empty()) kept_.front()->end_tree();
    for (std::size_t i = 0; i < kept_.size(); ++i) {
      if (const auto finished = kept_[i]->finish(); !finished) say(broken_text(finished.error()));
      std::error_code ignored;
      std::filesystem::remove(notify_socket(i), ignored);
    }
    say(std::string(1, static_cast<char>(Control::done)));
  }

  // A segment for each, also for those that are never started.
  std::string open() {
    for (std::size_t i = 0; i < plan_.scenario.sidecars.size(); ++i) {
      const auto& [name, process] = plan_.scenario.sidecars[i];
      auto segment = SegmentWriter::create(segment_of(order_, i));
      if (!segment) return segment.error().message();
      kept_.push_back(std::make_unique<Kept>(
          io_, changes_, ends_, filled_in(process, placeholders_), placeholders_,
          placeholders_["sidecar." + name], std::move(*segment)));
    }
    return "";
  }

  void note_deaths() {
    for (const auto& one : kept_) {
      if (one->has_died()) one->note_death();
    }
  }

  [[nodiscard]] std::string notify_socket(std::size_t i) const {
    return order_.place_of("sidecar-" + std::to_string(i) + ".sock");
  }

  void say(const std::string& message) {
    // Whoever is gone shows where its messages are read.
    static_cast<void>(send_message(socket_.get(), message));
  }

  const TrialOrder& order_;
  asio::io_context io_{1};
  ScopedFd socket_;
  Plan plan_;
  Placeholders placeholders_;
  Changes changes_;
  ChildEnds ends_;
  asio::posix::stream_descriptor control_;
  std::vector<std::unique_ptr<Kept>> kept_;
  bool is_over_ = false;
  bool is_gone_ = false;  // the trial process: nobody waits for an orderly end
};

Result<std::unique_ptr<Keeper>> accept_assignment(const TrialOrder& order, ScopedFd& socket) {
  auto message = receive_message(socket.get());
  if (!message) return message.error();
  auto assignment = assignment_from(message->text);
  if (!assignment) return assignment.error();
  auto plan = read_plan(assignment->plan);
  if (!plan) return plan.error();
  return std::make_unique<Keeper>(order, std::move(socket), std::move(*plan),
                                  std::move(assignment->placeholders));
}

// What is told of a sidecar by an event as of a target; nothing if it is no news.
std::optional<SidecarSeen> news(const std::string& name, const EventBody& body) {
  if (const auto* started = std::get_if<TargetStarted>(&body))
    return SidecarSeen{name, SidecarNews::started, started->command};
  if (std::holds_alternative<TargetReady>(body)) return SidecarSeen{name, SidecarNews::ready, ""};
  if (const auto* output = std::get_if<TargetOutput>(&body))
    return SidecarSeen{name, SidecarNews::output, output->line};
  if (const auto* ended = std::get_if<TargetEnded>(&body))
    return SidecarSeen{name, SidecarNews::ended, to_text(*ended)};
  if (const auto* failed = std::get_if<TargetNotReady>(&body))
    return SidecarSeen{name, SidecarNews::failed, failed->reason};
  return std::nullopt;
}

// What is missing of a sidecar's news; nothing if nothing is. Its notifications are no news.
std::optional<EventsLost> loss(const std::string& name, const EventBody& body) {
  const auto* lost = std::get_if<EventsLost>(&body);
  if (lost == nullptr || lost->source == kLostNotifications) return std::nullopt;
  const auto source = lost->source == "output" ? kSidecarOutputSource : kSidecarSource;
  return EventsLost{std::string(source) + name, lost->reason};
}

}  // namespace

void keep_sidecars(const TrialOrder& order, ScopedFd socket) noexcept {
  auto keeper = accept_assignment(order, socket);
  if (keeper) return (*keeper)->run();
  static_cast<void>(send_message(socket.get(), broken_text(keeper.error())));
}

SidecarLink::SidecarLink(asio::io_context& io, Changes& changes, ScopedFd keeper)
    : link_(io, changes,
            [&] {
              std::vector<ScopedFd> sockets;
              if (keeper) sockets.push_back(std::move(keeper));
              return sockets;
            }(),
            "the keeper of the sidecars", {}) {}

asio::awaitable<std::string> SidecarLink::start(const TrialContext& trial) {
  if (!are_there()) co_return "";
  Assignment assignment;
  assignment.plan = trial.order.directory + "/plan.json";
  assignment.placeholders = trial.placeholders;
  const std::vector<std::string> no_segment(1);
  const auto sent = link_.assign(std::move(assignment), {}, no_segment);
  if (!sent) co_return sent.error().message();
  co_await trial.changes.until(
      [&] { return link_.all_ready() || !problem().empty() || trial.given_up(); }, now() + kLong);
  co_return problem();
}

asio::awaitable<void> SidecarLink::end(const TrialContext& trial) {
  if (!are_there()) co_return;
  auto limit = now() + kKeeperLimit;
  for (const auto& sidecar : trial.plan.scenario.sidecars) limit += sidecar.process.stop.deadline;
  link_.say(Control::end);
  co_await trial.changes.until([&] { return link_.all_done() || trial.given_up(); }, limit);
}

Result<void> make_sidecar_folders(const TrialOrder& order, const std::vector<Sidecar>& sidecars,
                                  Placeholders& placeholders) {
  for (const auto& [name, process] : sidecars) {
    const auto folder = order.place_of("sidecar-" + name);
    if (auto made = make_folder(folder, order.directory + "/sidecar-" + name); !made)
      return made.error();
    std::error_code ec;
    std::filesystem::create_directory(folder + "/tmp", ec);
    if (ec) return Error{"create", folder + "/tmp", ec.value(), ""};
    placeholders["sidecar." + name] = folder;
  }
  return {};
}

std::vector<std::pair<std::string, Segment>> sidecar_sources(const TrialOrder& order,
                                                             const std::vector<Sidecar>& sidecars) {
  std::vector<std::pair<std::string, Segment>> sources;
  for (std::size_t i = 0; i < sidecars.size(); ++i) {
    auto read = read_segment(segment_of(order, i));
    Segment segment;
    segment.problem = read ? read->problem : read.error().message();
    if (read) {
      segment.complete = read->complete;
      segment.lost = read->lost;
      for (const auto& event : read->events) {
        if (auto seen = news(sidecars[i].name, event.body))
          segment.events.push_back({event.at, std::move(*seen)});
        if (auto lost = loss(sidecars[i].name, event.body))
          segment.events.push_back({event.at, std::move(*lost)});
      }
    }
    sources.emplace_back(std::string(kSidecarSource) + sidecars[i].name, std::move(segment));
  }
  return sources;
}

}  // namespace lastcall

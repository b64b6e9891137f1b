// A server without sockets on the shutdown library, made a subject of lastcall::embed: connections
// hold guards, messages go through a queue into a database, and a checkpoint of the database is
// what survives. Right unless told to make one of the classic mistakes. A mistake that needs a
// certain moment waits for it, so that it shows in every run of its schedule.
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lastcall/embed.hpp"
#include "shutdown/shutdown.hpp"
#include "unit/shutdown/memory_files.hpp"

namespace graceful::shutdown::testing {

namespace embed = lastcall::embed;

enum class Mistake : std::uint8_t {
  none,
  checks_then_counts,         // a connection slips in between the two, the drain has seen zero
  loses_the_broadcast,        // nobody listens yet when the stop is asked for
  drains_without_limit,       // a client that never goes holds the stop
  one_hang_stops_all,         // one step closes everything, one after the other
  database_before_queue,      // closed while the queue still holds what was acknowledged
  checkpoint_after_database,  // taken from what is closed
  ignores_failed_checkpoint,
  reenters_the_stop,  // a second request closes everything again
  loop_ends_first,    // main returns with the loop, the stop is under way
};

// What a `hang` of the schedule does.
enum class Trouble : std::uint8_t { cache_hangs, disk_is_full, clients_hang };

struct ServerOptions {
  Mistake mistake = Mistake::none;
  Trouble trouble = Trouble::cache_hangs;
  RepeatPolicy repeat = RepeatPolicy::ignore;
  std::chrono::milliseconds drain = std::chrono::seconds(10);
};

// Of threads that the library leaves behind, as it says, or that end on their own.
inline constexpr const char* kHungThread = "hung";
inline constexpr const char* kForcingThread = "forcing";

class EmbeddedServer : public embed::Subject {
 public:
  explicit EmbeddedServer(ServerOptions options) : options_(options) {}
  ~EmbeddedServer() override {
    let_go_.set_value();
    if (courier_.joinable()) courier_.join();
    if (main_.joinable()) main_.join();
    coordinator_.reset();
    if (writer_.joinable()) end_writer();
  }

  void start(std::shared_ptr<embed::Observer> observer) override {
    observer_ = std::move(observer);
    auto built = plan();
    if (!built) throw std::runtime_error(built.error().message());
    coordinator_ = std::move(*built);
    writer_ = std::thread([this] { write(); });
    if (makes(Mistake::loses_the_broadcast)) courier_ = std::thread([this] { carry(); });
    main_ = std::thread([this] { main(); });
  }

  bool open(const embed::Connection& connection) override {
    std::unique_lock lock(mutex_);
    auto opened = std::make_shared<Open>();
    if (makes(Mistake::checks_then_counts)) {
      if (coordinator_->connections().stopping()) return false;
      in_window_ = true;
      changed_.notify_all();
      changed_.wait_for(lock, kPatience, [this] { return exit_code_.has_value(); });
    } else {
      if (!listening_) return false;
      const auto force = [this, weak = std::weak_ptr(opened), connection] {
        force_to_end(weak, connection);
      };
      opened->guard = coordinator_->connections().acquire({.name = {}, .force = force});
      if (!opened->guard) return false;
    }
    connections_[connection] = std::move(opened);
    return true;
  }

  embed::Answer send(const embed::Message& message) override {
    std::unique_lock lock(mutex_);
    const auto found = connections_.find(message.connection);
    if (found == connections_.end() || found->second->gone) return embed::Answer::lost;
    const auto open = found->second;
    if (open->closing) return embed::Answer::refused;
    ++open->in_flight;
    observer_->taken_on(message);
    if (clients_hang_) {
      changed_.wait(lock, [&] { return open->forced; });
    } else {
      changed_.wait_for(lock, message.work, [&] { return open->forced; });
    }
    const bool is_done = !open->forced;
    if (is_done) queue_.push_back(message.text());
    --open->in_flight;
    end_if_idle(message.connection, *open);
    changed_.notify_all();
    return is_done ? embed::Answer::acknowledged : embed::Answer::refused;
  }

  void close(const embed::Connection& connection) override {
    const std::scoped_lock lock(mutex_);
    const auto found = connections_.find(connection);
    if (found == connections_.end()) return;
    const auto open = found->second;
    open->gone = true;
    end_if_idle(connection, *open);
  }

  // Returns when Preparing is over: then nothing new is taken on.
  void request_stop(embed::StopReason reason) override {
    if (makes(Mistake::loses_the_broadcast)) {
      const std::scoped_lock lock(mutex_);
      ++broadcasts_;
      changed_.notify_all();
      return;
    }
    request(reason);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return prepared_ || was_quit_; });
  }
  void request_second_stop(embed::StopReason reason) override {
    if (makes(Mistake::reenters_the_stop)) {
      await_closed_database();
      return close_database();
    }
    request(reason);
  }

  std::optional<int> wait_ended(std::chrono::steady_clock::time_point until) override {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, until, [this] { return exit_code_.has_value(); });
    return exit_code_;
  }

  std::vector<std::string> left() override {
    const std::scoped_lock lock(mutex_);
    asked_ = true;
    changed_.notify_all();
    std::vector<std::string> left;
    if (was_quit_) return left;  // a process would be gone, with all it holds
    if (database_is_open_) left.emplace_back("database");
    if (writer_runs_) left.emplace_back("writer");
    return left;
  }

  // What its exit code says is not saved, it does not promise.
  std::optional<std::vector<std::string>> survivors() override {
    const std::scoped_lock lock(mutex_);
    if (disk_is_full_ || was_quit_) return std::nullopt;
    if (makes(Mistake::loop_ends_first)) return std::nullopt;  // the stop still writes
    const auto loaded = StateManager<Texts>(kState, format(), files_).load();
    if (!loaded) throw std::runtime_error(loaded.error().message());
    return *loaded ? (*loaded)->value : Texts();
  }

  // False once it is too late for the trouble to show, so that the exit code is exact.
  bool hang_resource() override {
    const std::scoped_lock lock(mutex_);
    switch (options_.trouble) {
      case Trouble::cache_hangs:
        return !cache_is_closed_ && (cache_hangs_ = true);
      case Trouble::disk_is_full:
        return !saving_ && (disk_is_full_ = true);
      case Trouble::clients_hang:
        return clients_hang_ = true;
    }
    return false;
  }

 private:
  using Texts = std::vector<std::string>;
  struct Open {
    std::optional<ConnectionGuard> guard;
    std::size_t in_flight = 0;
    bool closing = false;  // by the stop
    bool gone = false;     // closed by its client
    bool forced = false;
  };

  static constexpr const char* kState = "state";
  // Long enough for any machine, not forever: a schedule without the moment goes on without it.
  static constexpr auto kPatience = std::chrono::milliseconds(50);
  // Who waits so long comes after everything else of a run.
  static constexpr auto kLast = std::chrono::seconds(1);
  // The writer gathers a batch for so long, if nobody asks it to drain: no stop is that slow.
  static constexpr auto kBatch = std::chrono::seconds(1);
  // To the library no limit is none; this is beyond every deadline of a test.
  static constexpr auto kWithoutLimit = std::chrono::milliseconds(30'000);
  // Closing the cache takes no time if it does not hang, but a busy machine may let it wait.
  [[nodiscard]] std::chrono::milliseconds cache_limit() const {
    const bool may_hang = options_.trouble == Trouble::cache_hangs;
    return std::chrono::milliseconds(may_hang ? 400 : 10'000);
  }

  static StateFormat<Texts> format() {
    return {.version = 1,
            .serialise =
                [](const Texts& texts) {
                  std::string all;
                  for (const auto& text : texts) all += text + "\n";
                  return all;
                },
            .deserialise = [](std::string_view bytes, std::uint32_t) -> Result<Texts> {
              Texts texts;
              for (std::size_t from = 0; from < bytes.size();) {
                const auto end = bytes.find('\n', from);
                texts.emplace_back(bytes.substr(from, end - from));
                from = end + 1;
              }
              return texts;
            }};
  }

  [[nodiscard]] bool makes(Mistake mistake) const { return options_.mistake == mistake; }

  Result<std::unique_ptr<ShutdownCoordinator>> plan() {
    ShutdownCoordinator::Builder builder;
    builder.signals({.from_kernel = false, .repeat = options_.repeat})
        .limits({.drain = makes(Mistake::drains_without_limit) ? kWithoutLimit : options_.drain})
        .stop_accepting("listener", [this] { stop_listening(); })
        .stop_accepting("connections", [this] { close_connections(); })
        .observe([this](const PhaseEvent& event) { observe(event); })
        .force_quit([this](const ForcedQuit&) { quit(); })
        .end_loop([this] {
          const std::scoped_lock lock(mutex_);
          loop_is_over_ = true;
          changed_.notify_all();
        });
    if (!makes(Mistake::database_before_queue)) builder.drain("queue", [this] { drain_queue(); });
    plan_resources(builder);
    plan_checkpoint(builder);
    return builder.build();
  }

  // The cache last, so that it is closed first: what hangs is before all others.
  void plan_resources(ShutdownCoordinator::Builder& builder) {
    if (makes(Mistake::one_hang_stops_all)) {
      const auto all = [this] {
        close_cache();
        end_writer();
        close_database();
      };
      builder.resource(make_resource("database", all), {.limit = cache_limit()});
      return;
    }
    const auto writer = [this] { end_writer(); };
    const auto database = [this] { close_database(); };
    if (makes(Mistake::database_before_queue)) {
      builder.resource(make_resource("writer", [this] {
        drain_queue();
        end_writer();
      }));
      builder.resource(database_resource("database", {.close = database}));
    } else {
      builder.resource(database_resource("database", {.close = database}));
      builder.resource(make_resource("writer", writer), {.depends_on = {"database"}});
    }
    builder.resource(make_resource("cache", [this] { close_cache(); }), {.limit = cache_limit()});
  }

  void plan_checkpoint(ShutdownCoordinator::Builder& builder) {
    const auto snapshot = [this] { return take_snapshot(); };
    if (makes(Mistake::ignores_failed_checkpoint)) {
      builder.persist("checkpoint",
                      [this, snapshot] { static_cast<void>(states_.save_snapshot(snapshot)); },
                      {.needs = {"database"}});
      return;
    }
    const bool forgets =
        makes(Mistake::checkpoint_after_database) || makes(Mistake::database_before_queue);
    PersistOptions options;
    if (!forgets) options.needs = {"database"};
    builder.checkpoint<Texts>(states_, snapshot, options);
  }

  void main() {
    int code = 0;
    if (makes(Mistake::loop_ends_first)) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return prepared_; });
    } else {
      const auto report = coordinator_->run([this] {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return loop_is_over_; });
      });
      code = report.exit_code;
    }
    const std::scoped_lock lock(mutex_);
    if (!exit_code_) exit_code_ = code;
    changed_.notify_all();
  }

  // Listens a while after the start, and hears only what comes from then on.
  void carry() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kLast, [] { return false; });
    const auto heard = broadcasts_;
    changed_.wait(lock, [&] { return broadcasts_ != heard; });
    lock.unlock();
    coordinator_->request_stop("it was broadcast");
  }

  void request(embed::StopReason reason) {
    const bool is_interrupt = reason == embed::StopReason::interrupt;
    coordinator_->signals().request(is_interrupt ? Signal(Interrupt{}) : Signal(Term{}));
  }

  void observe(const PhaseEvent& event) {
    if (event.phase != Phase::preparing || event.kind != PhaseEvent::Kind::ended) return;
    const std::scoped_lock lock(mutex_);
    prepared_ = true;
    changed_.notify_all();
  }

  // --- the steps of the stop ---

  void stop_listening() {
    std::unique_lock lock(mutex_);
    listening_ = false;
    if (makes(Mistake::checks_then_counts)) {
      changed_.wait_for(lock, kPatience, [this] { return in_window_; });
    }
  }

  void close_connections() {
    const std::scoped_lock lock(mutex_);
    const auto open_now = connections_;
    for (const auto& [connection, open] : open_now) {
      open->closing = true;
      end_if_idle(connection, *open);
    }
  }

  void force_to_end(const std::weak_ptr<Open>& weak, const embed::Connection& connection) {
    ::pthread_setname_np(::pthread_self(), kForcingThread);
    const std::scoped_lock lock(mutex_);
    const auto open = weak.lock();
    if (!open) return;
    open->forced = open->closing = true;
    end_if_idle(connection, *open);
    changed_.notify_all();
  }

  // Under the mutex.
  void end_if_idle(const embed::Connection& connection, Open& open) {
    if (open.in_flight > 0 || !(open.closing || open.gone)) return;
    if (connections_.erase(connection) == 0) return;
    if (!open.gone) observer_->goodbye(connection);
    open.guard.reset();
  }

  void drain_queue() {
    std::unique_lock lock(mutex_);
    draining_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return queue_.empty(); });
  }

  void write() {
    std::unique_lock lock(mutex_);
    writer_runs_ = true;
    const auto is_urgent = [this] { return draining_ || writer_ends_; };
    while (true) {
      changed_.wait(lock, [&] { return !queue_.empty() || writer_ends_; });
      changed_.wait_for(lock, kBatch, is_urgent);
      if (writer_ends_) break;  // what nobody drained is lost
      if (database_is_open_) rows_.insert(rows_.end(), queue_.begin(), queue_.end());
      queue_.clear();
      changed_.notify_all();
    }
    writer_runs_ = false;
  }

  void end_writer() {
    {
      const std::scoped_lock lock(mutex_);
      writer_ends_ = true;
      changed_.notify_all();
    }
    writer_.join();
  }

  void close_database() {
    const std::scoped_lock lock(mutex_);
    if (!database_is_open_) throw std::logic_error("the database is closed already");
    database_is_open_ = false;
    changed_.notify_all();
  }

  void await_closed_database() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kLast, [this] { return !database_is_open_; });
  }

  void close_cache() {
    std::unique_lock lock(mutex_);
    cache_is_closed_ = true;
    if (makes(Mistake::loop_ends_first)) {
      changed_.wait_for(lock, kLast, [this] { return asked_; });
    }
    if (!cache_hangs_) return;
    const auto let_go = hung_;
    lock.unlock();
    ::pthread_setname_np(::pthread_self(), kHungThread);
    let_go.wait();
    // Nothing of this server is used from here on: it may be gone.
    throw std::runtime_error("let go");
  }

  Texts take_snapshot() {
    const std::scoped_lock lock(mutex_);
    saving_ = true;
    if (disk_is_full_) {
      files_.fault_at = files_.calls;
      files_.fault = -ENOSPC;
      files_.cut_at_fault = true;
    }
    if (!database_is_open_ && !makes(Mistake::database_before_queue)) {
      throw std::logic_error("the database is closed");
    }
    return rows_;
  }

  // The process would end here.
  void quit() {
    const std::scoped_lock lock(mutex_);
    if (!exit_code_) exit_code_ = 1;
    was_quit_ = true;
    listening_ = false;
    for (const auto& [connection, open] : connections_) {
      open->forced = open->closing = true;
      observer_->cut(connection);
      open->guard.reset();
    }
    connections_.clear();
    changed_.notify_all();
  }

  const ServerOptions options_;
  std::shared_ptr<embed::Observer> observer_;
  std::promise<void> let_go_;
  const std::shared_future<void> hung_ = let_go_.get_future().share();
  MemoryFiles files_;  // only of the checkpoint, and of who asks for it after the end
  StateManager<Texts> states_{kState, format(), files_};

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::map<embed::Connection, std::shared_ptr<Open>> connections_;
  std::deque<std::string> queue_;
  Texts rows_;
  std::optional<int> exit_code_;
  std::size_t broadcasts_ = 0;
  bool listening_ = true;
  bool in_window_ = false;
  bool prepared_ = false;
  bool draining_ = false;
  bool writer_ends_ = false;
  bool writer_runs_ = false;
  bool database_is_open_ = true;
  bool cache_is_closed_ = false;
  bool cache_hangs_ = false;
  bool saving_ = false;
  bool disk_is_full_ = false;
  bool clients_hang_ = false;
  bool loop_is_over_ = false;
  bool was_quit_ = false;
  bool asked_ = false;

  std::unique_ptr<ShutdownCoordinator> coordinator_;
  std::thread writer_;
  std::thread courier_;
  std::thread main_;
};

inline embed::Factory server(const ServerOptions& options = {}) {
  return [options] { return std::make_unique<EmbeddedServer>(options); };
}

}  // namespace graceful::shutdown::testing

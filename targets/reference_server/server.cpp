#include "reference_server/server.hpp"

#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>
#include <latch>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "reference_server/as_tuple.hpp"
#include "reference_server/charge_points.hpp"
#include "reference_server/identity.hpp"
#include "reference_server/lifetime.hpp"
#include "reference_server/lingering_close.hpp"
#include "reference_server/log.hpp"
#include "reference_server/posted_events.hpp"
#include "reference_server/session.hpp"
#include "reference_server/staff_chat.hpp"
#include "shutdown/asio.hpp"
#include "shutdown/shutdown.hpp"

namespace reference_server {
namespace {

namespace asio = boost::asio;
namespace shutdown = graceful::shutdown;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;

constexpr int kBacklog = 4096;  // thousands of clients may come at once
// Descriptors that connections leave alone: the checkpoint must be written also at the limit.
constexpr std::size_t kReservedDescriptors = 32;
// At the limit of connections or descriptors: they come back as connections end.
constexpr milliseconds kAcceptPause{50};

// Every connection is a descriptor; the usual soft limit of 1,024 is no limit of ours. Returns how
// many connections there may be.
std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return SIZE_MAX;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max == RLIM_INFINITY) return SIZE_MAX;
  return limit.rlim_max > kReservedDescriptors ? limit.rlim_max - kReservedDescriptors : 1;
}

asio::ssl::context tls_context(const Configuration& configuration) {
  asio::ssl::context context(asio::ssl::context::tlsv13_server);
  context.use_certificate_chain_file(configuration.certificate);
  context.use_private_key_file(configuration.key, asio::ssl::context::pem);
  // No session tickets: a peer that closes without having read them answers with a reset.
  SSL_CTX_set_num_tickets(context.native_handle(), 0);
  SSL_CTX_set_mode(context.native_handle(),
                   SSL_MODE_RELEASE_BUFFERS);  // idle connections stay small
  return context;
}

Log::Options log_options(const Configuration& c) {
  return {.level = Log::level_named(c.log_level),
          .asynchronous = c.log_async,
          .queue = static_cast<std::size_t>(c.log_queue),
          .overrun = c.log_overrun == "block" ? Log::Overrun::wait : Log::Overrun::drop_oldest,
          .file = c.log_file};
}

std::string in_state(const Configuration& c, const std::string& file) {
  if (::mkdir(c.state.c_str(), 0755) != 0 && errno != EEXIST) {
    throw std::system_error(errno, std::generic_category(), "cannot make the folder " + c.state);
  }
  return c.state + "/" + file;
}

template <class T>
T or_throw(shutdown::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}

class Server {
 public:
  Server(const ConfigurationSources& sources, const Configuration& configuration,
         const StopPolicy& policy)
      : sources_(sources),
        policy_(policy),
        alongside_(policy.alongside ? policy.alongside() : nullptr),
        connection_limit_(raise_descriptor_limit()),
        log_(log_options(configuration)),
        context_(std::make_unique<asio::io_context>(1)),
        work_(context_->get_executor()),
        states_(in_state(configuration, configuration.checkpoint_file), lifetime_format()),
        store_(open_store(configuration)),
        pipeline_(pipeline_options(configuration), *store_, log_, metrics_),
        endpoints_(context_->get_executor(), pipeline_, *store_, log_, metrics_),
        surroundings_{endpoints_, pipeline_, log_, metrics_, configuration, {}, false} {
    recall();
    if (configuration.tls()) tls_.emplace(tls_context(configuration));
    plain_listener_ = listen(configuration.address, configuration.port);
    if (tls_) tls_listener_ = listen(configuration.address, configuration.tls_port);
    // Counts this start, and shows at once whether checkpoints can be written. Between the
    // coordinator and the loop nothing waits for a disk: a stop that began would wait with it.
    if (const auto saved = states_.save(lifetime()); !saved) checkpoint_failed(saved.error());
    coordinator_ = coordinate(configuration);
    built_.count_down();
  }

  ~Server() {
    coordinator_.reset();
    states_.stop_saving();
    // With it go the coroutines that are left, while all that they refer to is still there.
    plain_listener_.reset();
    tls_listener_.reset();
    work_.reset();
    context_.reset();
  }

  int run() {
    pipeline_.start();
    asio::co_spawn(*context_, accept(*plain_listener_, nullptr), asio::detached);
    if (tls_) asio::co_spawn(*context_, accept(*tls_listener_, &*tls_), asio::detached);
    announce();
    const auto report = coordinator_->run([this] { context_->run(); });
    const int code = report.exit_code == 0 ? policy_.exit_code : report.exit_code;
    auto leaving = report;
    leaving.exit_code = code;
    return shutdown::leave(leaving);
  }

 private:
  // --- start ---

  std::unique_ptr<EventStore> open_store(const Configuration& c) {
    EventStore::Options options;
    options.path = in_state(c, "events.db");
    options.batch = static_cast<std::size_t>(c.batch);
    options.post = shutdown::on_executor(context_->get_executor());
    return or_throw(EventStore::open(std::move(options), log_, metrics_));
  }

  Pipeline::Options pipeline_options(const Configuration& c) {
    Pipeline::Options options;
    options.executor = context_->get_executor();
    options.capacity = static_cast<std::size_t>(c.capacity);
    options.handlers[Protocol::staff_chat] = std::make_unique<StaffChat>(c.test_throw_on);
    options.handlers[Protocol::charge_points] = std::make_unique<ChargePoints>();
    options.handlers[Protocol::posted_events] = std::make_unique<PostedEvents>();
    return options;
  }

  // What the checkpoint knows, and whether the database still knows it.
  void recall() {
    const auto loaded = states_.load();
    if (!loaded) {
      log_.error("no checkpoint can be read, counting begins again at 0: " +
                 loaded.error().message());
    } else if (*loaded) {
      earlier_ = (*loaded)->value;
      if (!(*loaded)->problem.empty()) {
        log_.warning("the checkpoint before the last is used: " + (*loaded)->problem);
      }
      log_.info("checkpoint: " + lifetime_text(earlier_));
      if (const auto lost = lost_since(earlier_, store_->totals()); !lost.empty()) {
        log_.error("events are missing: " + lost);
      }
    }
    ++earlier_.starts;
  }

  [[nodiscard]] Lifetime lifetime() {
    ++metrics_.checkpoints;
    Lifetime now = earlier_;
    if (saving_at_stop_) ++now.stops;
    now.connections += metrics_.connections;
    now.store = store_->totals();
    return now;
  }

  std::optional<tcp::acceptor> listen(const std::string& address, std::int64_t port) {
    tcp::acceptor listener(*context_, tcp::v4());
    listener.set_option(tcp::acceptor::reuse_address(true));
    listener.bind(
        tcp::endpoint(asio::ip::make_address_v4(address), static_cast<std::uint16_t>(port)));
    listener.listen(kBacklog);
    return listener;
  }

  std::unique_ptr<shutdown::ShutdownCoordinator> coordinate(const Configuration& c) {
    shutdown::ShutdownCoordinator::Builder builder;
    builder.limits(limit_settings(c));
    shutdown::SignalSettings signals;
    signals.repeat = c.repeat == "force"    ? shutdown::RepeatPolicy::force
                     : c.repeat == "hasten" ? shutdown::RepeatPolicy::hasten
                                            : shutdown::RepeatPolicy::ignore;
    signals.on_reload = [this] { reload(); };
    builder.signals(std::move(signals));
    builder.notifier(
        shutdown::ServiceNotifier::from_environment(shutdown::ServiceNotifier::Environment::unset));
    if (c.watchdog_enabled) {
      shutdown::WatchdogSettings watchdog;
      watchdog.executors = {shutdown::on_executor(context_->get_executor())};
      if (c.watchdog_interval.count() > 0) watchdog.interval = c.watchdog_interval;
      watchdog.beat_while_draining = c.watchdog_while_draining;
      builder.watchdog(std::move(watchdog));
    }
    plan_stop(builder, c);
    builder.observe([this](const shutdown::PhaseEvent& event) { observe(event); });
    return or_throw(builder.build());
  }

  void announce() {
    if (const auto interval = surroundings_.configuration.checkpoint_interval;
        interval.count() > 0) {
      states_.save_every(
          interval, [this] { return lifetime(); },
          [this](const shutdown::Error& error) { checkpoint_failed(error); });
    }
    std::string text = "listening on " + std::to_string(plain_listener_->local_endpoint().port());
    if (tls_) text += ", TLS on " + std::to_string(tls_listener_->local_endpoint().port());
    log_.info("build " + identity().build_id + ", " + std::to_string(store_->totals().events) +
              " events");
    log_.info("ready: " + text);
    if (coordinator_->stopping()) return;
    announced_ = true;
    coordinator_->ready(text);
  }

  void checkpoint_failed(const shutdown::Error& error) {
    ++metrics_.checkpoints_failed;
    log_.error("no checkpoint: " + error.message());
  }

  // --- while it serves; all of it on the network thread ---

  asio::awaitable<void> accept(tcp::acceptor& listener, asio::ssl::context* tls) {
    while (listener.is_open()) {
      if (is_full()) {
        co_await pause_accepting();
        continue;
      }
      auto [ec, socket] = co_await listener.async_accept(kTuple);
      if (!ec) {
        try {
          serve(std::move(socket), tls);
        } catch (const std::exception& error) {
          // One connection's trouble must not end the listener.
          ++metrics_.handler_failures;
          log_.error(std::string("a connection was not taken on: ") + error.what());
        }
      } else if (listener.is_open()) {
        co_await pause_accepting();
      }
    }
  }

  [[nodiscard]] bool is_full() const {
    const auto wanted = static_cast<std::size_t>(surroundings_.configuration.max_connections);
    return surroundings_.sessions.size() >= std::min(wanted, connection_limit_);
  }

  asio::awaitable<void> pause_accepting() {
    ++metrics_.accept_pauses;
    asio::steady_timer pause(*context_, kAcceptPause);
    co_await pause.async_wait(asio::use_awaitable);
  }

  void serve(tcp::socket socket, asio::ssl::context* tls) {
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const auto peer = socket.remote_endpoint(ignored);
    const auto session = tls == nullptr ? start_plain(std::move(socket), surroundings_)
                                        : start_tls(std::move(socket), *tls, surroundings_);
    auto guard = coordinator_->connections().acquire(
        {.name = peer.address().to_string() + ":" + std::to_string(peer.port()),
         .force = [this, weak = session->weak_from_this()] {
           asio::post(*context_, [weak] {
             if (const auto forced = weak.lock()) forced->cut(false);
           });
         }});
    if (alongside_) alongside_->connected();
    if (guard) {
      session->hold(std::move(*guard));
    } else {
      session->stop();  // the stop has come meanwhile
    }
  }

  // On a thread of the library.
  void reload() {
    const auto read = read_configuration(sources_);
    if (!read.problems.empty()) {
      for (const auto& problem : read.problems) log_.error("reload: " + problem.text());
      log_.error("reload: the configuration stays as it was");
      return;
    }
    const auto applied = on_network([this, next = read.configuration] {
      const auto found = changes(surroundings_.configuration, next);
      take_over_live(surroundings_.configuration, next);
      log_.set_level(Log::level_named(next.log_level));
      ++metrics_.reloads;
      std::string text = "reloaded:";
      for (const auto& name : found.live) text += " " + name;
      log_.info(text + (found.live.empty() ? " nothing changed" : ""));
      for (const auto& name : found.at_restart) {
        log_.warning("reload: " + name + " changes at the next start only");
      }
    });
    // Not forever: a stop may have ended the loop meanwhile, and waits for this.
    applied.wait_for(std::chrono::seconds(1));
  }

  // --- the stop; on threads of the coordinator ---

  void plan_stop(shutdown::ShutdownCoordinator::Builder& builder, const Configuration& c) {
    builder.stop_accepting("health", [this, lame_duck = c.lame_duck] {
      on_network([this] { endpoints_.begin_stop(); }).wait();
      // Who was never told that the server is ready need not see that it is not.
      if (announced_) std::this_thread::sleep_for(lame_duck);
    });
    builder.stop_accepting("listeners", [this] {
      on_network([this] {
        close_listener(*plain_listener_);
        if (tls_listener_) close_listener(*tls_listener_);
      }).wait();
    });
    builder.stop_accepting("goodbyes",
                           [this] { on_network([this] { end_connections(); }).wait(); });
    builder.drain("events", [this]() -> shutdown::Result<void> {
      const auto done = std::make_shared<std::promise<void>>();
      asio::co_spawn(*context_, pipeline_.drain(),
                     [done](const std::exception_ptr&) { done->set_value(); });
      done->get_future().wait();
      return store_->finish();
    });
    if (alongside_) {
      builder.drain("alongside", [this]() -> shutdown::Result<void> {
        alongside_->drained();
        return {};
      });
    }
    builder.drain("peers", [this]() -> shutdown::Result<void> {
      const std::uint64_t forced = metrics_.peers_forced;
      if (forced == 0) return {};
      return shutdown::Error("close", std::to_string(forced) + " connections in order", 0,
                             "their peers did not answer in time");
    });
    shutdown::ResourceOptions to_the_end;
    to_the_end.needed_for_persisting = true;
    builder.resource(shutdown::log_flush_resource("log", [this] { log_.settle(); }), to_the_end);
    shutdown::DatabaseCalls database;
    database.close = [this] { return store_->close(); };
    builder.resource(shutdown::database_resource("database", std::move(database)));
    if (c.test_hang_resource) {
      builder.resource(shutdown::make_resource("test-hang-resource", [] {
        for (;;) ::pause();
      }));
    }
    shutdown::PersistOptions needs;
    needs.needs = {"database"};
    builder.persist(
        "checkpoint",
        [this]() -> shutdown::Result<void> {
          states_.stop_saving();
          saving_at_stop_ = true;
          const auto saved = states_.save_snapshot([this] { return lifetime(); });
          if (!saved) checkpoint_failed(saved.error());
          return saved;
        },
        needs);
    builder.end_loop([this] {
      if (policy_.ends) context_->stop();
    });
    if (!policy_.ends) builder.force_quit([](const shutdown::ForcedQuit&) {});
  }

  // Runs it on the network thread; over when it is done.
  std::future<void> on_network(std::function<void()> work) {
    const auto done = std::make_shared<std::promise<void>>();
    auto over = done->get_future();
    asio::post(*context_, [work = std::move(work), done] {
      work();
      done->set_value();
    });
    return over;
  }

  // Closing alone would reset the connections that wait in the backlog.
  void close_listener(tcp::acceptor& listener) {
    error_code ec;
    listener.non_blocking(true, ec);
    for (int i = 0; i < kBacklog && !ec; ++i) {
      tcp::socket waiting(*context_);
      listener.accept(waiting, ec);
      if (ec) break;
      auto guard = coordinator_->connections().acquire({.name = "one turned away", .force = {}});
      asio::co_spawn(*context_, turn_away_guarded(std::move(waiting), std::move(guard)),
                     asio::detached);
    }
    listener.close(ec);
  }

  asio::awaitable<void> turn_away_guarded(tcp::socket socket,
                                          std::optional<shutdown::ConnectionGuard> guard) {
    co_await turn_away(std::move(socket), surroundings_.configuration.close_timeout);
    if (guard) guard->release();
  }

  void end_connections() {
    surroundings_.leaving = true;
    if (alongside_) alongside_->goodbye();
    std::vector<std::shared_ptr<Session>> sessions;  // a session may end while others are told
    for (Session* session : surroundings_.sessions) sessions.push_back(session->shared_from_this());
    for (std::size_t i = 0; i < sessions.size(); ++i) {
      if (policy_.connections == StopPolicy::Connections::close_in_order) {
        sessions[i]->stop();
      } else {
        sessions[i]->cut(i % 2 == 0);
      }
    }
  }

  void observe(const shutdown::PhaseEvent& event) {
    using shutdown::Phase;
    if (event.kind == shutdown::PhaseEvent::Kind::began) {
      if (event.phase != Phase::preparing) return;
      built_.wait();  // a signal may have come before the coordinator was
      const auto reason = coordinator_->signals().reason();
      stop_began_ = reason->at;
      log_.info("stopping: " + shutdown::name_of(reason->signal) + ", " +
                std::to_string(metrics_.connections_open) + " connections");
      return;
    }
    log_.info(shutdown::name_of(event.phase) + " took " + std::to_string(event.duration.count()) +
              " ms");
    for (const auto& promise : event.broken) log_.error("promise broken: " + promise);
    broken_ += event.broken.size();
    if (event.phase != Phase::exiting) return;
    if (const auto dropped = log_.dropped(); dropped > 0) {
      log_.warning(std::to_string(dropped) + " lines of this log were dropped: its queue was full");
    }
    const auto took =
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - stop_began_);
    log_.info("stopped after " + std::to_string(took.count()) + " ms with " +
              std::to_string(store_->totals().events) + " events, " + std::to_string(broken_) +
              " promises broken");
  }

  const ConfigurationSources sources_;
  const StopPolicy policy_;
  const std::shared_ptr<Alongside> alongside_;  // null: none
  const std::size_t connection_limit_;
  Metrics metrics_;
  Log log_;
  std::unique_ptr<asio::io_context> context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  shutdown::StateManager<Lifetime> states_;
  Lifetime earlier_;  // all lives before, and this start
  std::atomic<bool> saving_at_stop_{false};
  std::atomic<bool> announced_{false};
  std::unique_ptr<EventStore> store_;
  Pipeline pipeline_;
  Endpoints endpoints_;
  Surroundings surroundings_;
  std::optional<asio::ssl::context> tls_;
  std::optional<tcp::acceptor> plain_listener_;
  std::optional<tcp::acceptor> tls_listener_;
  std::chrono::steady_clock::time_point stop_began_;  // of the observer alone, as the next
  std::size_t broken_ = 0;
  std::latch built_{1};  // coordinator_ is there
  std::unique_ptr<shutdown::ShutdownCoordinator> coordinator_;
};

}  // namespace

int run_server(const ConfigurationSources& sources, const Configuration& configuration,
               const StopPolicy& policy) {
  return Server(sources, configuration, policy).run();
}

}  // namespace reference_server

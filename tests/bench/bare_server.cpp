// The reference server without the machinery of its stop: the same parts serve the same endpoints,
// but nobody handles signals, tracks connections, keeps checkpoints, beats the watchdog or talks to
// the service manager. SIGTERM just ends it.
//
//   bare_server --port N --tls-port N --cert FILE --key FILE --state FOLDER
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <stdexcept>

#include "bench/tls_server.hpp"
#include "reference_server/charge_points.hpp"
#include "reference_server/log.hpp"
#include "reference_server/posted_events.hpp"
#include "reference_server/session.hpp"
#include "reference_server/staff_chat.hpp"
#include "shutdown/asio.hpp"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace reference_server;

// By the same parsers, so that they are no part of the difference.
Configuration configuration_of(int argc, char** argv) {
  ConfigurationSources sources;
  sources.environment = environment_of_this_process();
  CLI::App app("The reference server without the machinery of its stop");
  const auto add = [&](const std::string& flag, const std::string& setting) {
    app.add_option_function<std::string>(
        flag, [&sources, setting](const std::string& text) { sources.flags[setting] = text; });
  };
  add("--port", "server.port");
  add("--tls-port", "tls.port");
  add("--cert", "tls.certificate");
  add("--key", "tls.key");
  add("--state", "server.state");
  app.parse(argc, argv);
  const auto read = read_configuration(sources);
  if (!read.problems.empty()) throw std::runtime_error(read.problems.front().text());
  return read.configuration;
}

asio::awaitable<void> accept(tcp::acceptor& listener, asio::ssl::context* tls,
                             Surroundings& surroundings) {
  for (;;) {
    auto [failed, socket] = co_await listener.async_accept(asio::as_tuple(asio::use_awaitable));
    if (failed) throw boost::system::system_error(failed);
    socket.set_option(tcp::no_delay(true));
    if (tls == nullptr) {
      start_plain(std::move(socket), surroundings);
    } else {
      start_tls(std::move(socket), *tls, surroundings);
    }
  }
}

void serve(const Configuration& configuration) {
  bench::raise_descriptor_limit();
  Metrics metrics;
  Log log({.level = Log::level_named(configuration.log_level),
           .asynchronous = configuration.log_async,
           .queue = static_cast<std::size_t>(configuration.log_queue),
           .file = configuration.log_file});
  asio::io_context context(1);

  ::mkdir(configuration.state.c_str(), 0755);
  auto opened = EventStore::open({.path = configuration.state + "/events.db",
                                  .batch = static_cast<std::size_t>(configuration.batch),
                                  .post = graceful::shutdown::on_executor(context.get_executor())},
                                 log, metrics);
  if (!opened) throw std::runtime_error(opened.error().message());
  auto& store = **opened;

  Pipeline::Options options;
  options.executor = context.get_executor();
  options.capacity = static_cast<std::size_t>(configuration.capacity);
  options.handlers[Protocol::staff_chat] = std::make_unique<StaffChat>("");
  options.handlers[Protocol::charge_points] = std::make_unique<ChargePoints>();
  options.handlers[Protocol::posted_events] = std::make_unique<PostedEvents>();
  Pipeline pipeline(std::move(options), store, log, metrics);
  Endpoints endpoints(context.get_executor(), pipeline, store, log, metrics);
  Surroundings surroundings{endpoints, pipeline, log, metrics, configuration, {}, false};

  auto tls = bench::tls_server_context(configuration.certificate, configuration.key);
  auto plain_listener =
      bench::listen_locally(context, static_cast<std::uint16_t>(configuration.port));
  auto tls_listener =
      bench::listen_locally(context, static_cast<std::uint16_t>(configuration.tls_port));
  pipeline.start();
  asio::co_spawn(context, accept(plain_listener, nullptr, surroundings), asio::detached);
  asio::co_spawn(context, accept(tls_listener, &tls, surroundings), asio::detached);
  log.info("ready");
  context.run();
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    serve(configuration_of(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bare_server: %s\n", error.what());
    return 2;
  }
}

// The smallest program that serves, with the library or without it: an event loop on a thread, and
// with it a checkpoint four times and a heartbeat twenty times a second, and a thousand guards of
// connections. Says how many milliseconds having the library took at the start, and runs until it
// is stopped.
//
//   library_cost with|without FOLDER
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "shutdown/asio.hpp"
#include "shutdown/shutdown.hpp"

namespace {

using namespace graceful::shutdown;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
constexpr int kConnections = 1000;

int run_with_library(boost::asio::io_context& context, const std::string& folder) {
  const auto began = Clock::now();
  StateManager<int> states(folder + "/checkpoint",
                           {1, [](const int& n) { return std::to_string(n); },
                            [](std::string_view, std::uint32_t) -> Result<int> { return 0; }});
  states.save_every(250ms, [] { return 7; });
  ShutdownCoordinator::Builder builder;
  auto built =
      builder.resource(make_resource("database", [] {}))
          .checkpoint<int>(states, [] { return 7; }, {.needs = {"database"}})
          .notifier(ServiceNotifier::from_environment())
          .watchdog(
              {.executors = {on_executor(context.get_executor())}, .timeout = 1s, .interval = 50ms})
          .end_loop([&] { context.stop(); })
          .build();
  if (!built) return 2;
  const std::chrono::duration<double, std::milli> took = Clock::now() - began;
  std::printf("%.3f\n", took.count());
  std::fflush(stdout);

  std::vector<std::optional<ConnectionGuard>> guards;
  for (int i = 0; i < kConnections; ++i) {
    guards.push_back((*built)->connections().acquire(
        {.name = "127.0.0.1:" + std::to_string(10'000 + i), .force = [] {}}));
  }
  (*built)->signals().wait();
  guards.clear();
  return (*built)->wait().exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  boost::asio::io_context context;
  const auto work = boost::asio::make_work_guard(context);
  std::thread loop([&] { context.run(); });
  int code = 0;
  if (std::string(argv[1]) == "with") {
    code = run_with_library(context, argv[2]);
    context.stop();
  } else {
    std::puts("0");
    std::fflush(stdout);
  }
  loop.join();
  return code;
}

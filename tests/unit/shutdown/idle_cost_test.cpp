// What having the library costs a program that serves: less than 1 % of a processor, less than 1
// MB, less than 100 ms at start.
#include <gmock/gmock.h>
#include <time.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "shutdown/asio.hpp"
#include "shutdown/shutdown.hpp"
#include "unit/scratch_folder.hpp"
#include "unit/shutdown/child_process.hpp"
#include "unit/shutdown/notify_listener.hpp"

namespace graceful::shutdown {
namespace {

using testing::Child;
using testing::NotifyListener;
using testing::say;
using namespace std::chrono_literals;

long own_bytes() {
  std::ifstream statm("/proc/self/statm");  // proc(5): size, resident, shared, in pages
  long size = 0, resident = 0, shared = 0;
  statm >> size >> resident >> shared;
  return (resident - shared) * ::sysconf(_SC_PAGESIZE);
}

double processor_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

CHILD_BODY(serves_and_measures) {
  using Clock = std::chrono::steady_clock;
  const lastcall::testing::ScratchFolder folder;
  NotifyListener manager;
  boost::asio::io_context context;
  const auto work = boost::asio::make_work_guard(context);
  std::thread runs([&] { context.run(); });

  const auto bytes = own_bytes();
  const auto started = Clock::now();
  StateManager<int> states(folder / "state",
                           {1, [](const int& n) { return std::to_string(n); },
                            [](std::string_view, std::uint32_t) -> Result<int> { return 0; }});
  states.save_every(250ms, [] { return 7; });
  ShutdownCoordinator::Builder builder;
  const auto coordinator =
      std::move(*builder.resource(make_resource("database", [] {}))
                     .checkpoint<int>(states, [] { return 7; }, {.needs = {"database"}})
                     .notifier(ServiceNotifier(manager.address()))
                     .watchdog({.executors = {on_executor(context.get_executor())},
                                .timeout = 1s,
                                .interval = 50ms})
                     .end_loop([&] { context.stop(); })
                     .build());
  const double start_up = std::chrono::duration<double>(Clock::now() - started).count();

  manager.next();
  const auto used = processor_seconds();
  const auto from = Clock::now();
  for (int beat = 0; beat < 20; ++beat) manager.next();
  const double seconds = std::chrono::duration<double>(Clock::now() - from).count();
  std::ostringstream line;
  line << start_up << ' ' << own_bytes() - bytes << ' ' << (processor_seconds() - used) / seconds;
  say(line.str());
  coordinator->request_stop("measured");
  const auto report = coordinator->wait();
  runs.join();
  return report.exit_code;
}

TEST(IdleCost, IsUnderOnePercentOneMegabyteAndAHundredMillisecondsAtStart) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer costs more than what is measured";
#endif
  Child child("serves_and_measures");
  std::istringstream line(child.read_line());
  double start_up = 1, bytes = 1e9, processor = 1;
  line >> start_up >> bytes >> processor;
  EXPECT_LT(start_up, 0.1);
  EXPECT_LT(bytes, 1e6);
  EXPECT_LT(processor, 0.01);
  RecordProperty("start_up_seconds", std::to_string(start_up));
  RecordProperty("bytes", std::to_string(bytes));
  RecordProperty("processor_share", std::to_string(processor));
  EXPECT_EQ(0, child.wait());
}

}  // namespace
}  // namespace graceful::shutdown

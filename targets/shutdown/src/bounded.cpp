#include "bounded.hpp"

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

namespace graceful::shutdown {
namespace {

using Clock = std::chrono::steady_clock;

// Why it failed; empty if it did not.
std::string run(const Work& work) {
  try {
    const auto result = work();
    return result ? std::string() : result.error().message();
  } catch (const std::exception& thrown) {
    return std::string("exception: ") + thrown.what();
  } catch (...) {
    return "an exception of unknown type";
  }
}

struct Shared {
  std::mutex mutex;
  std::condition_variable ended;
  std::optional<std::string> why;
};

}  // namespace

StepReport run_bounded(const std::string& name, const Work& work, Clock::time_point deadline) {
  const auto began = Clock::now();
  StepReport report{name, StepOutcome::done, {}, {}};
  const auto shared = std::make_shared<Shared>();
  std::optional<std::string> why;
  try {
    std::thread thread([shared, work = Work(work)]() mutable {
      auto result = run(work);
      work = {};  // before anybody hears that it is over
      const std::lock_guard lock(shared->mutex);
      shared->why = std::move(result);
      shared->ended.notify_all();
    });
    {
      std::unique_lock lock(shared->mutex);
      const auto over = [&] { return shared->why.has_value(); };
      if (deadline == Clock::time_point::max()) {
        shared->ended.wait(lock, over);  // the far end of the clock overflows when converted
      } else {
        shared->ended.wait_until(lock, deadline, over);
      }
      why = shared->why;
    }
    if (why) {
      thread.join();
    } else {
      thread.detach();
    }
  } catch (const std::system_error&) {
    why = run(work);
  }
  report.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
  if (!why) {
    report.outcome = StepOutcome::timed_out;
    report.why = "timed out after " + std::to_string(report.duration.count()) + " ms";
  } else if (!why->empty()) {
    report.outcome = StepOutcome::failed;
    report.why = *why;
  }
  return report;
}

std::string StepReport::text() const { return done() ? name + ": done" : name + ": " + why; }

}  // namespace graceful::shutdown

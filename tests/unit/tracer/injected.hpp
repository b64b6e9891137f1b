// Runs a subject under an injector of a rule, and strikes from another thread while a thread of the
// subject stands where the rule says.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "history/segment.hpp"
#include "unit/client/event_words.hpp"
#include "unit/scratch_folder.hpp"
#include "unit/tracer/traced.hpp"

namespace lastcall {

struct InjectedTest : TracedTest {
  testing::ScratchFolder folder;
  std::vector<Event> events;
  std::string output;

  using Reached = std::function<void(FaultId, pid_t standing)>;
  using Strike = std::function<void(pid_t pid)>;

  // `make` makes the injector, of which `calls` are to be traced. `after` is told of it when the
  // subject has ended. Returns how that was.
  template <class Make, class After>
  std::string run_injected(const Make& make, const std::vector<int>& calls,
                           std::vector<std::string> command, const Strike& strike,
                           const After& after) {
    const auto path = folder / "tracer.seg";
    auto segment = *SegmentWriter::create(path);
    std::mutex mutex;
    std::condition_variable news;
    std::optional<pid_t> standing;
    auto injector = make(segment, [&](FaultId, pid_t tid) {
      const std::scoped_lock lock(mutex);
      standing = tid;
      news.notify_one();
    });
    std::string end;
    {
      Traced subject(calls, {&injector});
      subject.start(std::move(command));
      if (strike) {
        std::unique_lock lock(mutex);
        EXPECT_TRUE(
            news.wait_for(lock, std::chrono::seconds(10), [&] { return standing.has_value(); }));
        lock.unlock();
        strike(subject.pid());
        subject.tracer().on_its_thread(
            [&](TraceLoop& loop) { loop.release(standing.value_or(0)); });
      }
      output = subject.rest();
      end = subject.end();
    }
    EXPECT_TRUE(segment.finish());
    events = testing::events_of(path);
    after(injector);
    return end;
  }

  // Those events that say that a place was reached.
  template <class Body>
  [[nodiscard]] std::vector<Body> all_of() const {
    std::vector<Body> found;
    for (const auto& event : events) {
      if (const auto* one = std::get_if<Body>(&event.body)) found.push_back(*one);
    }
    return found;
  }
};

}  // namespace lastcall

#include "tracer/locks/lock_graph.hpp"

#include <algorithm>
#include <map>

namespace lastcall {
namespace {

using Threads = std::map<pid_t, const ThreadWait*>;

const ThreadWait* owner_of(const ThreadWait& waiting, const Threads& threads) {
  const auto found = threads.find(waiting.wait.owner);
  return found == threads.end() ? nullptr : found->second;
}

Stuck stuck(Stuck::Why why, std::vector<ThreadWait> threads) {
  Stuck result{.why = why, .threads = std::move(threads)};
  for (const auto& one : result.threads) {
    result.certain = result.certain && one.wait.certain;
    result.timed = result.timed || one.wait.timed;
  }
  return result;
}

// The cycle that the chain from `first` leads back to it by, if `first` is its lowest tid.
std::vector<ThreadWait> cycle_from(const ThreadWait& first, const Threads& threads) {
  std::vector<ThreadWait> chain;
  for (const auto* at = &first; at != nullptr && chain.size() <= threads.size();
       at = owner_of(*at, threads)) {
    if (at == &first && !chain.empty()) return chain;
    if (at->tid < first.tid) return {};
    chain.push_back(*at);
  }
  return {};
}

// Whether only another thread of the process can end the wait. Semaphores and other futexes do not
// count: signal handlers may end those.
bool needs_another(const ThreadWait& one) {
  return !one.wait.timed && (one.wait.kind == WaitKind::condition || one.wait.owner != 0);
}

std::string thread_text(const ThreadWait& one) {
  return one.name + " (" + std::to_string(one.tid) + ")";
}
std::string waits_text(const ThreadWait& one) {
  return "in " + one.place + " waits for " + one.wait.what;
}

std::string cycle_text(const Stuck& stuck) {
  const auto& threads = stuck.threads;
  std::string text = stuck.certain ? "deadlock of " : "probable deadlock of ";
  text += std::to_string(threads.size()) + (threads.size() == 1 ? " thread" : " threads");
  text += (stuck.timed ? ", until a time-out: " : ": ") + thread_text(threads.front()) + ' ';
  for (std::size_t i = 0; i < threads.size(); ++i) {
    const bool is_last = i + 1 == threads.size();
    text += waits_text(threads[i]);
    const bool is_join = threads[i].wait.kind == WaitKind::thread;
    text += is_join ? " " : threads[i].wait.certain ? " held by " : " probably held by ";
    if (threads.size() == 1) return text + "itself";
    text += is_last ? threads.front().name : thread_text(threads[i + 1]) + ", which ";
  }
  return text;
}

}  // namespace

std::vector<Stuck> stuck_threads(const std::vector<ThreadWait>& waits) {
  std::vector<Stuck> found;
  Threads threads;
  std::map<pid_t, std::vector<const ThreadWait*>> processes;
  for (const auto& one : waits) {
    threads[one.tid] = &one;
    processes[one.pid].push_back(&one);
  }
  for (const auto& [tid, one] : threads) {
    if (auto cycle = cycle_from(*one, threads); !cycle.empty())
      found.push_back(stuck(Stuck::Why::cycle, std::move(cycle)));
    if (one->wait.owner != 0 && owner_of(*one, threads) == nullptr)
      found.push_back(stuck(Stuck::Why::owner_ended, {*one}));
  }
  for (const auto& [pid, all] : processes) {
    std::vector<ThreadWait> waiting;
    for (const auto* one : all) {
      if (one->wait.kind == WaitKind::condition) waiting.push_back(*one);
    }
    const auto needs = [](const ThreadWait* one) { return needs_another(*one); };
    if (waiting.empty() || !std::ranges::all_of(all, needs)) continue;
    auto& fresh = found.emplace_back(stuck(Stuck::Why::no_notifier, std::move(waiting)));
    fresh.certain = std::ranges::all_of(all, [](const auto* one) { return one->wait.certain; });
  }
  return found;
}

bool is_deadlock(const Stuck& stuck) {
  return stuck.why == Stuck::Why::cycle && stuck.certain && !stuck.timed;
}

std::string stuck_text(const Stuck& stuck) {
  if (stuck.why == Stuck::Why::cycle) return cycle_text(stuck);
  std::string text;
  if (stuck.why == Stuck::Why::no_notifier) text = "nobody is left to notify: ";
  for (const auto& one : stuck.threads) {
    if (&one != &stuck.threads.front()) text += "; ";
    text += thread_text(one) + ' ' + waits_text(one);
    if (stuck.why == Stuck::Why::owner_ended)
      text += " held by thread " + std::to_string(one.wait.owner) + ", which has ended";
  }
  return text;
}

}  // namespace lastcall

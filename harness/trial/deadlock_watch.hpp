// Ends the wait for a deadline that cannot be met: a target whose threads all wait in locks, in a
// cycle, need not wait it out. Cheap looks first; the stacks of all threads, which stop them, are
// taken only when two looks were the same, three times at most. One thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>

#include "base/clock.hpp"
#include "plan/plan.hpp"
#include "trial/changes.hpp"

namespace lastcall {

class DeadlockWatch {
 public:
  struct Looks {
    std::function<bool()> over;          // there is nothing to look at any more
    std::function<std::string()> waits;  // as untimed_futex_waits() says it
    // Takes the stacks; whether nothing but a signal can ever wake one of the threads.
    std::function<bool()> is_deadlock;
    // A look reads some files of /proc; who moves between two of them is not deadlocked.
    Nanoseconds pause = std::chrono::milliseconds(50);
  };

  DeadlockWatch(boost::asio::io_context& io, const Plan& plan, Changes& changes, Looks looks);

  // From the stop on. It does not look if the plan sends another signal, which may wake a thread.
  boost::asio::awaitable<void> run();
  // It has found a deadlock; changes are told.
  [[nodiscard]] bool has_found() const { return found_; }

 private:
  boost::asio::io_context& io_;
  const Plan& plan_;
  Changes& changes_;
  Looks looks_;
  bool found_ = false;
};

}  // namespace lastcall

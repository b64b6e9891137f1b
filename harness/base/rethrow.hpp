// The completion of a coroutine that is spawned and that nobody waits for. boost::asio::detached
// ignores what it throws, and whoever waits for its effect would wait in vain.
#pragma once

#include <exception>

namespace lastcall {

// What the coroutine throws leaves io_context::run().
inline constexpr auto kRethrow = [](std::exception_ptr problem) {
  if (problem) std::rethrow_exception(problem);
};

}  // namespace lastcall

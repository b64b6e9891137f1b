// One bounded piece of a stop, and how it ended. Plain values; any thread.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include "shutdown/result.hpp"

namespace graceful::shutdown {

// What a step does: any copyable callable that returns Result<void> or nothing. It fails by an
// error or by an exception.
class Work {
 public:
  Work() = default;
  template <class Call>
  requires(std::is_invocable_v<Call&> && !std::is_same_v<std::decay_t<Call>, Work>)
      Work(Call call) {  // NOLINT: a lambda is meant to become Work by itself
    if constexpr (std::is_void_v<std::invoke_result_t<Call&>>) {
      call_ = [call = std::move(call)]() mutable -> Result<void> {
        call();
        return {};
      };
    } else {
      call_ = std::move(call);
    }
  }
  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(call_); }
  Result<void> operator()() const { return call_(); }

 private:
  std::function<Result<void>()> call_;
};

enum class StepOutcome {
  done,
  failed,     // an error or an exception
  timed_out,  // abandoned: its thread may still run, see ShutdownReport::abandoned
};

struct StepReport {
  std::string name;
  StepOutcome outcome = StepOutcome::done;
  std::string why;  // of a failure; empty if done
  std::chrono::milliseconds duration{0};

  [[nodiscard]] bool done() const { return outcome == StepOutcome::done; }
  // "database: timed out after 20 ms"
  [[nodiscard]] std::string text() const;
};

}  // namespace graceful::shutdown

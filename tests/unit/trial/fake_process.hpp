// A process that is nothing but what its test says, and keeps what is done to it.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "trial/service_process.hpp"

namespace lastcall::testing {

class FakeProcess final : public ServiceProcess {
 public:
  static constexpr pid_t kPid = 7;
  explicit FakeProcess(ServiceState::Settings settings = {.main_pid = kPid, .notifies = true})
      : state(settings) {}

  // What it says to its service manager.
  void notify(std::string_view text, TimePoint at = now()) {
    static_cast<void>(state.notified(at, {kPid, text, 0}));
  }

  Result<pid_t> start(Start start) override {
    std::string line = start.again ? "start again" : "start";
    for (const auto& word : start.target.command) line += " " + word;
    done.push_back(std::move(line));
    on_start();
    return started;
  }
  [[nodiscard]] bool ended() const override { return has_ended; }
  [[nodiscard]] const std::string& exec_problem() const override { return problem; }
  [[nodiscard]] bool notified_ready() const override { return state.ready(); }
  [[nodiscard]] bool logged_ready(std::size_t pattern) const override {
    return pattern < lines_came.size() && lines_came[pattern];
  }
  [[nodiscard]] ServiceState& service() override { return state; }
  void hear() override { on_hear(); }
  Nanoseconds waited_for_processor() override { return std::exchange(waited, Nanoseconds(0)); }
  [[nodiscard]] int send(int signal, Recipient) const override {
    done.push_back("send " + std::to_string(signal));
    on_signal();
    return 0;
  }
  void force_main(int signal, const std::string& reason) override {
    done.push_back("force " + std::to_string(signal) + ": " + reason);
  }
  void end_tree() override { done.emplace_back("end tree"); }
  void drain_output() override { done.emplace_back("drain output"); }

  ServiceState state;
  bool has_ended = false;
  Nanoseconds waited{};          // for a processor, since it was last asked
  std::string problem;           // why it could not be executed
  std::vector<bool> lines_came;  // by pattern of its readiness
  Result<pid_t> started = kPid;
  std::function<void()> on_start = [] {};
  std::function<void()> on_hear = [] {};
  std::function<void()> on_signal = [] {};
  mutable std::vector<std::string> done;
};

}  // namespace lastcall::testing

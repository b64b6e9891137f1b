// Closes resources in the right order, each within a limit of its own. Filled and run by one
// thread, often through a ShutdownCoordinator.
//
// Order: a resource is closed before those it depends on, and else the last one registered first.
// Each cleanup runs on a thread of its own; one that fails is reported and the next is tried, one
// that passes its limit is abandoned with its thread, which owns all it needs of ours.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shutdown/resource.hpp"
#include "shutdown/result.hpp"
#include "shutdown/step.hpp"

namespace graceful::shutdown {

struct ResourceOptions {
  std::vector<std::string> depends_on =
      {};  // names of resources this one uses; they are closed after it
  // How long cleanup() may take; zero: the manager's default.
  std::chrono::milliseconds limit{0};
  // Closed only after everything is persisted, with all it depends on. Set by the coordinator for
  // what a persisting step needs; to be set by hand for what is wanted to the very end, like a log.
  bool needed_for_persisting = false;
};

class ResourceManager {
 public:
  using Clock = std::chrono::steady_clock;
  // Ten seconds: a database that writes back its log on a slow disk, and six of them in a total
  // of 60.
  explicit ResourceManager(std::chrono::milliseconds default_limit = std::chrono::seconds(10));

  // Fails if the name is empty or taken, if the limit is negative, or if it depends on itself.
  Result<void> add(std::unique_ptr<Resource> resource, ResourceOptions options = {});
  // A name for needed_for_persisting after the fact. Fails if it is unknown.
  Result<void> hold_for_persisting(const std::string& name);

  // The names in the order in which they will be closed: those for Cleaning, then those that wait
  // until everything is persisted. Fails for an unknown dependency and for a cycle, naming both
  // ends.
  struct Order {
    std::vector<std::string> in_cleaning;
    std::vector<std::string> after_persisting;
  };
  [[nodiscard]] Result<Order> order() const;

  // Told the name before each cleanup and the outcome after it.
  struct Watching {
    std::function<void(const std::string&)> begins;
    std::function<void(const StepReport&)> ended;
  };
  // Closes the resources of one half, or of both in the order of Order. None runs past `latest`. A
  // resource is closed once: a second call leaves it out. Fails where order() fails.
  enum class Which { in_cleaning, after_persisting, all };
  Result<std::vector<StepReport>> cleanup(Which which = Which::all,
                                          Clock::time_point latest = Clock::time_point::max(),
                                          const Watching& watching = {});

 private:
  struct Entry {
    std::shared_ptr<Resource> resource;
    ResourceOptions options;
    bool closed = false;
  };
  Entry* find(const std::string& name);
  [[nodiscard]] std::vector<bool> held() const;
  [[nodiscard]] Result<std::vector<std::vector<std::size_t>>> dependencies() const;

  std::chrono::milliseconds default_limit_;
  std::vector<Entry> entries_;
};

}  // namespace graceful::shutdown

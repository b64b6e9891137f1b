// The trial's end of its sockets to the client workers, or to the keeper of its sidecars. One
// thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/control.hpp"
#include "trial/changes.hpp"

namespace lastcall {

class ClientLink {
 public:
  // Who is told what the others say.
  struct Listener {
    std::function<void(Control, FaultId)> on_fault = {};
    std::function<void(const Acknowledgement&)> on_heard = {};
  };

  // `who` they are, for people: "a client worker".
  ClientLink(boost::asio::io_context& io, Changes& changes, std::vector<ScopedFd> sockets,
             std::string who, Listener listener);
  ~ClientLink();

  // Gives each worker its slice; `assignment.slice` and `.segment` are filled in here.
  Result<std::size_t> assign(Assignment assignment, const std::vector<int>& descriptors,
                             const std::vector<std::string>& segments);
  void say(Control control);
  void say(Control control, FaultId fault);

  [[nodiscard]] std::size_t workers() const { return workers_.size(); }
  [[nodiscard]] bool all_ready() const;
  // Each has finished, or is gone.
  [[nodiscard]] bool all_done() const;
  // The first that could not go on: why; empty otherwise.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  struct Worker {
    boost::asio::posix::stream_descriptor socket;
    std::vector<char> buffer = std::vector<char>(4096);
    bool ready = false;
    bool done = false;
  };
  void listen(Worker& worker);
  void hear(Worker& worker, const std::string& message);

  Changes& changes_;
  std::vector<std::unique_ptr<Worker>> workers_;
  void say(const std::string& message);
  std::string who_;
  Listener listener_;
  std::string problem_;
};

}  // namespace lastcall

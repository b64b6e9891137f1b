// The trial's end of its sockets to the client workers. One thread.
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
  ClientLink(boost::asio::io_context& io, Changes& changes, std::vector<ScopedFd> sockets,
             std::function<void(Control, FaultId)> on_fault);
  ~ClientLink();

  // Gives each worker its slice; `assignment.slice` and `.segment` are filled in here.
  Result<std::size_t> assign(Assignment assignment, int pidfd, int board,
                             const std::vector<std::string>& segments);
  void say(Control control);
  void say(Control control, FaultId fault);

  [[nodiscard]] std::size_t workers() const { return workers_.size(); }
  [[nodiscard]] bool all_ready() const;
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
  std::function<void(Control, FaultId)> on_fault_;
  std::string problem_;
};

}  // namespace lastcall

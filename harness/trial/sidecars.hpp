// The processes next to a target, [[sidecars]]. They are not the target's: whatever looks at the
// tree below the trial process, ends it, or waits for it to be empty, must not meet them. So a
// process of its own keeps them, the keeper, a sibling of the trial process and the subreaper of
// what the sidecars start. It tells the trial by the messages of client/control.hpp: ready (each of
// them is), broken (one could not be started, or was not ready: why), done. When the trial process
// is gone, the keeper kills its sidecars and ends; when the keeper is gone, the kernel kills them
// (PR_SET_PDEATHSIG), and the fork server kills what they had started.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/scoped_fd.hpp"
#include "history/segment.hpp"
#include "plan/plan.hpp"
#include "scenario/placeholders.hpp"
#include "trial/client_link.hpp"
#include "trial/trial.hpp"
#include "trial/trial_context.hpp"

namespace lastcall {

// In the keeper: reads an Assignment off the socket, starts the sidecars of its plan in their
// order, each when the one before is ready, and keeps them until it is told to end them, which is
// done in the reverse order: with the signal that the scenario says, then, after its deadline, with
// SIGKILL.
void keep_sidecars(const TrialOrder& order, ScopedFd socket) noexcept;

// The trial's end of the keeper. One thread.
class SidecarLink {
 public:
  // Without a socket there are no sidecars.
  SidecarLink(boost::asio::io_context& io, Changes& changes, ScopedFd keeper);

  // Until each is ready. Returns why one is not, or nothing.
  boost::asio::awaitable<std::string> start(const TrialContext& trial);
  // Until all are gone.
  boost::asio::awaitable<void> end(const TrialContext& trial);
  [[nodiscard]] bool are_there() const { return link_.workers() > 0; }
  // Why the keeper could not go on; empty otherwise.
  [[nodiscard]] const std::string& problem() const { return link_.problem(); }

 private:
  ClientLink link_;
};

// In the trial: makes each sidecar's folder, and adds {sidecar.NAME}.
Result<void> make_sidecar_folders(const TrialOrder& order, const std::vector<Sidecar>& sidecars,
                                  Placeholders& placeholders);

// The segments that the keeper has written, one a sidecar, as sources of a history: each event is a
// SidecarSeen.
std::vector<std::pair<std::string, Segment>> sidecar_sources(const TrialOrder& order,
                                                             const std::vector<Sidecar>& sidecars);

}  // namespace lastcall

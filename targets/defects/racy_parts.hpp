// Parts of the reference server that have a race, each on a thread of its own: the first and the
// fourth mistake that the originals made (targets/README.md). The windows are some nanoseconds
// wide, so that a plain run hardly ever meets them.
#pragma once

#include <memory>

#include "reference_server/server.hpp"

namespace defects {

// A ping routine looks whether a connection's channel is closed, and then sends; the goodbye closes
// the channel. What is sent on a closed channel ends the process. `fixed`: one step.
std::shared_ptr<reference_server::Alongside> racing_pings(bool fixed);

// A job looks whether the stop has begun, and then counts itself; the stop waits until nothing is
// counted, and closes the journal. Who uses the closed journal ends the process. `fixed`: one step.
std::shared_ptr<reference_server::Alongside> racing_jobs(bool fixed);

}  // namespace defects

// A client worker: a long-lived process that plays a slice of a plan's clients, one trial after the
// other.
#pragma once

namespace lastcall {

// Serves until `control` is closed: each message on it brings the socket of one trial. Never
// returns an error: what goes wrong in a trial is told to that trial.
void serve_as_client_worker(int control) noexcept;

}  // namespace lastcall

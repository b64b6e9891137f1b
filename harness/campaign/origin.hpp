// Whose a plan is. Next to each plan.json that lastcall writes lies `origin`: a code over the
// scenario, which says what the plan executes, and over the folder (RFC 2104, HMAC with SHA-256).
// Its key lies in $XDG_STATE_HOME/lastcall (XDG Base Directory Specification; ~/.local/state
// without the variable), only its user can read it, and it never leaves the machine. So what
// somebody unpacks, copies or downloads is nobody's own, and neither is a plan whose scenario was
// edited. Faults and clients may be edited: they execute nothing.
//
// The functions may be called by several processes at once.
#pragma once

#include <string>

#include "base/result.hpp"
#include "plan/plan.hpp"

namespace lastcall {

// Writes the origin of a plan into the folder that holds it, and first the key if there is none.
Result<void> write_origin(const std::string& folder, const Plan& plan);

// Why the plan that was read from this folder is not known to be this user's own; empty if it is.
std::string foreign_because(const std::string& folder, const Plan& plan);

}  // namespace lastcall

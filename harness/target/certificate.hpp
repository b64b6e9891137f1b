// A self-signed P-256 certificate for 127.0.0.1, ::1 and localhost, fresh for a trial, so that TLS servers need
// no key in the repository and clients have something to verify.
#pragma once

#include <string>

#include "base/result.hpp"

namespace lastcall {

// Writes PEM files; the key is readable by everybody on this machine, because servers change their user, and is
// worth nothing outside the trial.
Result<std::string> write_certificate(const std::string& certificate_path, const std::string& key_path);

}  // namespace lastcall

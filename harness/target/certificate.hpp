// A self-signed P-256 certificate for 127.0.0.1, ::1 and localhost, made once a process (and inherited by the
// processes it forks), so that TLS servers need no key in the repository and clients have something to verify.
#pragma once

#include <string>

#include "base/result.hpp"

namespace lastcall {

struct CertificateText {
  std::string certificate;  // PEM
  std::string key;          // PEM
};

// A fresh one; both texts are empty if OpenSSL refuses.
CertificateText make_certificate();

// Makes it on the first call, which takes some milliseconds: the fork server calls it before it forks. Not
// thread-safe on the first call.
const CertificateText& process_certificate();

// Writes it as PEM files. The key is readable by everybody on this machine, because servers change their user,
// and is worth nothing outside the campaign.
Result<std::string> write_certificate(const std::string& certificate_path, const std::string& key_path);

}  // namespace lastcall

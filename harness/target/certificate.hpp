// Self-signed P-256 certificates for 127.0.0.1, ::1 and localhost, made once a process (and
// inherited by the processes it forks), so that TLS servers need no key in the repository and
// clients have something to verify: one for servers, and one that clients show.
#pragma once

#include <string>

#include "base/result.hpp"

namespace lastcall {

struct CertificateText {
  std::string certificate;  // PEM
  std::string key;          // PEM
};

// A fresh one with that common name; both texts are empty if OpenSSL refuses.
CertificateText make_certificate(const std::string& name = "lastcall");

// Makes it on the first call, which takes some milliseconds: the fork server calls it before it
// forks. Not thread-safe on the first call.
const CertificateText& process_certificate();

// The one that clients show, "lastcall client"; also made on the first call.
const CertificateText& client_certificate();

// Writes the process's certificate, or another, as PEM files. The key is readable by everybody on
// this machine, because servers change their user, and is worth nothing outside the campaign.
Result<std::string> write_certificate(const std::string& certificate_path,
                                      const std::string& key_path,
                                      const CertificateText& text = process_certificate());

}  // namespace lastcall

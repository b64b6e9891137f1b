#include "trial/certificates.hpp"

#include <string>

#include "target/certificate.hpp"

namespace lastcall {

Result<void> make_certificates(const TrialOrder& order, std::string_view scenario_text,
                               Placeholders& placeholders) {
  if (scenario_text.find("{tls.") != std::string_view::npos) {
    const auto certificate = order.directory + "/certificate.pem";
    const auto key = order.directory + "/key.pem";
    placeholders["tls.cert"] = certificate;
    placeholders["tls.key"] = key;
    if (auto made = write_certificate(certificate, key); !made) return made.error();
  }
  if (scenario_text.find("{tls.client-") != std::string_view::npos) {
    const auto certificate = order.directory + "/client-certificate.pem";
    const auto key = order.directory + "/client-key.pem";
    placeholders["tls.client-cert"] = certificate;
    placeholders["tls.client-key"] = key;
    if (auto made = write_certificate(certificate, key, client_certificate()); !made)
      return made.error();
  }
  return {};
}

}  // namespace lastcall

#include "client/session.hpp"

namespace lastcall {

Result<std::unique_ptr<asio::ssl::context>> client_tls(const std::string& certificate_file) {
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
  boost::system::error_code ec;
  if (certificate_file.empty()) {
    context->set_verify_mode(asio::ssl::verify_none, ec);
  } else {
    context->set_verify_mode(asio::ssl::verify_peer, ec);
    context->load_verify_file(certificate_file, ec);
  }
  if (ec) return Error{"load the certificate", certificate_file, 0, ec.message()};
  return context;
}

namespace {

Result<std::unique_ptr<asio::ssl::context>> tls_of(const ClientGroup& group,
                                                   const Placeholders& placeholders,
                                                   const std::string& campaign_certificate) {
  const auto authority = group.authority.empty()
                             ? campaign_certificate
                             : expand_placeholders(group.authority, placeholders);
  if (group.verify && authority.empty()) {
    return Error{"verify the server of the clients", group.name, 0, "no certificate to trust"};
  }
  auto context = client_tls(group.verify ? authority : "");
  if (!context || group.certificate.empty()) return context;
  const auto certificate = expand_placeholders(group.certificate, placeholders);
  const auto key = expand_placeholders(group.key, placeholders);
  boost::system::error_code ec;
  (*context)->use_certificate_chain_file(certificate, ec);
  if (ec) return Error{"load the clients' certificate", certificate, 0, ec.message()};
  (*context)->use_private_key_file(key, asio::ssl::context::pem, ec);
  if (ec) return Error{"load the clients' key", key, 0, ec.message()};
  return context;
}

}  // namespace

Result<TlsContexts> tls_contexts(const std::vector<ClientGroup>& groups,
                                 const Placeholders& placeholders, const std::string& certificate) {
  TlsContexts contexts(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!is_tls(groups[i].protocol)) continue;
    auto context = tls_of(groups[i], placeholders, certificate);
    if (!context) return context.error();
    contexts[i] = std::move(*context);
  }
  return contexts;
}

}  // namespace lastcall

#include "base/file.hpp"
#include "client/session.hpp"

namespace lastcall {
namespace {

// Hands what the PEM file holds to `use`, which says what is wrong with it. The library's own
// functions that read files would wait for the other end of a FIFO.
template <class Use>
Result<void> with_pem(const std::string& what, const std::string& file, const Use& use) {
  const auto text = read_regular(file);
  if (!text) return text.error();
  boost::system::error_code ec;
  use(asio::buffer(*text), ec);
  if (ec) return Error{"load the " + what, file, 0, ec.message()};
  return {};
}

}  // namespace

Result<std::unique_ptr<asio::ssl::context>> client_tls(const std::string& certificate_file) {
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
  boost::system::error_code never;
  const bool verifies = !certificate_file.empty();
  context->set_verify_mode(verifies ? asio::ssl::verify_peer : asio::ssl::verify_none, never);
  if (!verifies) return context;
  const auto loaded = with_pem("certificate", certificate_file, [&](auto pem, auto& ec) {
    context->add_certificate_authority(pem, ec);
  });
  if (!loaded) return loaded.error();
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
  const auto with_chain = with_pem("clients' certificate", certificate, [&](auto pem, auto& ec) {
    (*context)->use_certificate_chain(pem, ec);
  });
  if (!with_chain) return with_chain.error();
  const auto with_key = with_pem("clients' key", key, [&](auto pem, auto& ec) {
    (*context)->use_private_key(pem, asio::ssl::context::pem, ec);
  });
  if (!with_key) return with_key.error();
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

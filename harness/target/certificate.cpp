#include "target/certificate.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cerrno>
#include <ctime>
#include <fstream>
#include <functional>
#include <memory>

namespace lastcall {
namespace {

template <class T, auto Free>
struct Freed {
  void operator()(T* object) const { Free(object); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION, X509_EXTENSION_free>>;

bool add_extension(X509* certificate, int id, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, id, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool fill(X509* certificate, EVP_PKEY* key, const std::string& common_name) {
  constexpr long kDay = 24L * 60 * 60;
  X509_set_version(certificate, 2);  // X.509 v3
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), static_cast<long>(std::time(nullptr)));
  X509_gmtime_adj(X509_getm_notBefore(certificate), -kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 30 * kDay);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(certificate, name);
  return add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE") &&
         add_extension(certificate, NID_subject_alt_name, "IP:127.0.0.1,IP:::1,DNS:localhost") &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

std::string pem(const std::function<int(BIO*)>& write) {
  const std::unique_ptr<BIO, Freed<BIO, BIO_free_all>> memory(BIO_new(BIO_s_mem()));
  if (!memory || write(memory.get()) != 1) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

bool write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  // Whatever the umask: servers change their user before they read it.
  return file.flush() && ::chmod(path.c_str(), 0644) == 0;
}

}  // namespace

CertificateText make_certificate(const std::string& name) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  if (!key || !certificate || !fill(certificate.get(), key.get(), name)) return {};
  return {pem([&](BIO* out) { return PEM_write_bio_X509(out, certificate.get()); }),
          pem([&](BIO* out) {
            return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

const CertificateText& process_certificate() {
  static const CertificateText text = make_certificate();
  return text;
}

const CertificateText& client_certificate() {
  static const CertificateText text = make_certificate("lastcall client");
  return text;
}

Result<std::string> write_certificate(const std::string& certificate_path,
                                      const std::string& key_path, const CertificateText& text) {
  if (text.certificate.empty() || text.key.empty()) {
    return Error{"make a certificate", certificate_path, 0, "OpenSSL refused"};
  }
  errno = 0;
  if (!write_file(certificate_path, text.certificate) || !write_file(key_path, text.key)) {
    return Error{"write a certificate", certificate_path, errno, ""};
  }
  return certificate_path;
}

}  // namespace lastcall

#include "reference_server/identity.hpp"

#include <elf.h>
#include <link.h>
#include <openssl/crypto.h>
#include <openssl/opensslv.h>
#include <sqlite3.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstring>

namespace reference_server {
namespace {

// Looks for the note NT_GNU_BUILD_ID, elf(5).
std::string build_id_in(const unsigned char* note, std::size_t size) {
  constexpr auto aligned = [](std::size_t n) { return (n + 3) & ~std::size_t{3}; };
  std::size_t at = 0;
  while (at + sizeof(ElfW(Nhdr)) <= size) {
    ElfW(Nhdr) header{};
    std::memcpy(&header, note + at, sizeof header);
    const auto name = at + sizeof header;
    const auto content = name + aligned(header.n_namesz);
    const auto next = content + aligned(header.n_descsz);
    if (next > size) break;
    if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 &&
        std::memcmp(note + name, "GNU", 4) == 0) {
      constexpr const char* kDigits = "0123456789abcdef";
      std::string text;
      for (auto i = content; i < content + header.n_descsz; ++i) {
        text += kDigits[note[i] >> 4];
        text += kDigits[note[i] & 0xF];
      }
      return text;
    }
    at = next;
  }
  return "";
}

// The first object is the program itself, dl_iterate_phdr(3).
int look_at_program(dl_phdr_info* info, std::size_t, void* into) {
  auto& id = *static_cast<std::string*>(into);
  for (int i = 0; i < info->dlpi_phnum && id.empty(); ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): that is what the interface gives
    id = build_id_in(reinterpret_cast<const unsigned char*>(info->dlpi_addr + header.p_vaddr),
                     header.p_memsz);
  }
  return 1;
}

Identity find_identity() {
  Identity found;
  found.version = REFERENCE_SERVER_VERSION;
  ::dl_iterate_phdr(look_at_program, &found.build_id);
  if (found.build_id.empty()) found.build_id = "none";
  found.compiler =
#if defined(__clang__)
      "Clang " __clang_version__;
#else
      "GCC " __VERSION__;
#endif
  return found;
}

}  // namespace

const Identity& identity() {
  static const Identity found = find_identity();
  return found;
}

std::string identity_text() {
  const auto& who = identity();
  return "reference_server " + who.version + "\nbuild id: " + who.build_id +
         "\ncompiler: " + who.compiler + "\nfeatures: tls " + (who.tls ? "yes" : "no") + " (" +
         OpenSSL_version(OPENSSL_VERSION) + "), sqlite " + sqlite3_libversion() + "\n";
}

std::string identity_json(const std::string& status) {
  const auto& who = identity();
  return boost::json::serialize(boost::json::object{
      {"status", status},
      {"version", who.version},
      {"build_id", who.build_id},
      {"compiler", who.compiler},
      {"features", boost::json::object{{"tls", who.tls}, {"sqlite", sqlite3_libversion()}}}});
}

}  // namespace reference_server

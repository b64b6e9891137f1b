// Which build this is: so that nobody has to guess whether the right binary was started.
#pragma once

#include <string>

namespace reference_server {

struct Identity {
  std::string version;
  std::string build_id;  // the GNU build id of the binary, as `file` and `readelf -n` show it
  std::string compiler;
  bool tls = true;  // compiled in
};

const Identity& identity();
std::string identity_text();                           // some lines for --version
std::string identity_json(const std::string& status);  // one object for /health

}  // namespace reference_server

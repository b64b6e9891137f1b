// What people already have that says how their server is run: a Compose file, a systemd unit, a
// Kubernetes manifest. Text -> the same values that discovery finds. Pure functions; nothing is
// run.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "discover/discovery.hpp"

namespace lastcall {

struct Deployment {
  std::string what;  // "service web of docker-compose.yml"
  std::vector<std::string> command;
  std::map<std::string, std::string> environment{};
  std::string directory{};                // working directory; empty: the file does not say
  std::vector<std::uint16_t> ports{};     // inside the container
  std::optional<std::uint16_t> probed{};  // the port of the readiness probe
  std::string probe{};                    // its path; empty: none over HTTP
  bool probe_tls = false;
  bool notifies = false;  // Type=notify
  std::string signal{};   // empty: not said
  std::optional<Nanoseconds> grace{};
  std::vector<std::string> notes{};  // what was left out, for people
};

// By what the text is: a unit has [Service], a manifest a `kind`, a Compose file `services`. Where
// there are several services or containers, `wanted` names one; empty: the first with a command.
// An error says what is missing. `file` is for messages.
Result<Deployment> read_deployment(std::string_view text, const std::string& file,
                                   const std::string& wanted);

// ExecStart= and Compose's string form: words, with '…' and "…" as systemd.syntax(7) has them.
std::vector<std::string> words_of(std::string_view line);

// As scenarios are written from. `directory`: where the file lies.
Discovery discovery_of(const Deployment& deployment, const std::string& directory);

}  // namespace lastcall

#include "trial/lifeline.hpp"

#include <sys/socket.h>

namespace lastcall {

void say_doing(int lifeline, std::string_view what) {
  const auto line = std::string(what) + "\n";
  (void)::send(lifeline, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void send_result(int lifeline, const TrialResult& result) {
  const auto text = to_json(result);
  for (std::size_t sent = 0; sent < text.size();) {
    const auto n = ::send(lifeline, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;  // nobody wants the result any more
    sent += static_cast<std::size_t>(n);
  }
}

Said said_on_lifeline(std::string_view received) {
  Said said;
  for (auto end = received.find('\n'); end != received.npos; end = received.find('\n')) {
    const auto line = received.substr(0, end);
    (line.starts_with('{') ? said.result : said.doing) = line;
    received.remove_prefix(end + 1);
  }
  return said;
}

}  // namespace lastcall

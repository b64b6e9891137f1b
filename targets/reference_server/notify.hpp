// Tells the service manager, as sd_notify(3) says: one datagram to the socket named by
// $NOTIFY_SOCKET.
#pragma once

#include <string_view>

namespace reference_server {

// Does nothing without $NOTIFY_SOCKET. A service manager that does not listen is not the server's
// failure, so trouble is only logged.
void notify(std::string_view state);

}  // namespace reference_server

// A last word on stderr where there is nobody else to tell. Any thread; one write(2), so that lines
// of several threads do not mix.
#pragma once

#include <string_view>

namespace graceful::shutdown {

void complain(std::string_view text);  // "shutdown: TEXT\n"

}  // namespace graceful::shutdown

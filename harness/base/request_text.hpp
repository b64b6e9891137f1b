// How a request is called on the wire: what stands for {id} in what clients send and in what a
// restarted target is asked.
#pragma once

#include <array>
#include <cstdio>
#include <string>

#include "base/ids.hpp"

namespace lastcall {

// "000012-000005": fixed width, so that no id is part of another.
inline std::string request_text(ClientId client, RequestId request) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%06u-%06u", client.value, request.value);
  return text.data();
}

}  // namespace lastcall

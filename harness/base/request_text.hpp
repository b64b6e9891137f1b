// How a request is called on the wire: what stands for {id} in what clients send and in what a
// restarted target is asked.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/text.hpp"

namespace lastcall {

// "000012-000005": fixed width, so that no id is part of another.
inline std::string request_text(ClientId client, RequestId request) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%06u-%06u", client.value, request.value);
  return text.data();
}

// The first client but `own` whose request's text stands whole in the bytes.
inline std::optional<ClientId> foreign_client(std::string_view bytes, ClientId own) {
  constexpr std::size_t kDigits = 6;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto number_at = [&](std::size_t at) {
    return parse_number<std::uint32_t>(bytes.substr(at, kDigits));
  };
  for (auto dash = bytes.find('-', kDigits); dash != std::string_view::npos;
       dash = bytes.find('-', dash + 1)) {
    const auto begin = dash - kDigits;
    const auto end = dash + 1 + kDigits;
    if (end > bytes.size() || (begin > 0 && is_digit(bytes[begin - 1])) ||
        (end < bytes.size() && is_digit(bytes[end])))
      continue;
    const auto client = number_at(begin);
    if (client && number_at(dash + 1) && *client != own.value) return ClientId{*client};
  }
  return std::nullopt;
}

}  // namespace lastcall

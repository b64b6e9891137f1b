// Bytes of a target or a peer as a string of JSON. From any thread.
#pragma once

#include <boost/json/value.hpp>
#include <string_view>

#include "history/utf8.hpp"

namespace lastcall::reports::json_values {

inline boost::json::value text(std::string_view bytes) {
  return boost::json::value(valid_utf8(bytes));
}

}  // namespace lastcall::reports::json_values

// Whose fault a failed connect(2) is. Any thread.
#pragma once

#include <cerrno>

#include "base/shortage.hpp"

namespace lastcall {

// Whether this machine ran out of something, so that the failure says nothing about the other end.
// `error` is an errno of connect(2), bind(2) or socket(2).
constexpr bool is_local_shortage(int error) {
  return error == EADDRNOTAVAIL || error == EADDRINUSE || is_shortage(error);
}

}  // namespace lastcall

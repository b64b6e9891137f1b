// What can fail because of the environment returns a Result: the value, or what was tried, on what,
// and errno.
#pragma once

#include <boost/system/result.hpp>
#include <cstring>
#include <string>
#include <utility>

#include "base/shortage.hpp"

namespace lastcall {

struct Error {
  std::string tried;   // "open", "bind"
  std::string on;      // a path, an address, a pid; may be empty
  int error_number{};  // errno, 0 when there is none
  std::string advice;  // what the user can do about it; if empty, what errno says of that

  Error() = default;
  // Not an aggregate: a Result<std::string> must not take its value for an Error.
  Error(std::string tried_, std::string on_, int error_number_, std::string advice_)
      : tried(std::move(tried_)),
        on(std::move(on_)),
        error_number(error_number_),
        advice(std::move(advice_)) {}

  [[nodiscard]] std::string message() const {
    std::string text = "cannot " + tried;
    if (!on.empty()) text += " " + on;
    if (error_number != 0) text += ": " + std::string(std::strerror(error_number));
    const std::string what_to_do = advice.empty() ? std::string(remedy_for(error_number)) : advice;
    if (!what_to_do.empty()) text += " (" + what_to_do + ")";
    return text;
  }
};

template <class T>
class [[nodiscard]] Result : public boost::system::result<T, Error> {
 public:
  using boost::system::result<T, Error>::result;
};

}  // namespace lastcall
